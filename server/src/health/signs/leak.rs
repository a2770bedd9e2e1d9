//! Memory that grows steadily: how fast, and that it does not fall back as a healthy heap does. Pure.

use std::collections::VecDeque;

type Mono = u64;

/// The window is looked at in so many parts; of each the least value counts, which says more of a heap than its peaks.
const PARTS: u64 = 40;
/// Less growth than this within the window is nothing, in MB, and in part of what is used.
const LEAST_GROWTH: f64 = 2.0;
const LEAST_PART: f64 = 0.02;
/// What part of the variance a straight line has to explain.
const STRAIGHT: f64 = 0.9;
/// Growth that has slowed down to less than this part of the whole is a program that warms up.
const STEADY: f64 = 0.6;
/// A fall by this part of the last rise is a collection of garbage, and what it falls to is what counts.
const FALL: f64 = 0.3;
/// So many falls show a line of their own.
const FALLS: usize = 4;

/// Memory of a process over time, in MB.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Memory {
    /// Of each part that is over: its beginning, and the least value.
    parts: VecDeque<(Mono, f64)>,
    /// Of this part.
    now: Option<(Mono, f64)>,
    /// The least and the greatest value since the last fall.
    low: f64,
    high: f64,
    /// Where it fell to.
    falls: VecDeque<(Mono, f64)>,
    /// The greatest value from which it fell.
    crest: f64,
}

/// How memory grows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Growth {
    /// MB in an hour.
    pub(super) per_hour: f64,
    /// Where it is by now, in MB.
    pub(super) level: f64,
    /// Where it was when the window began, in MB.
    pub(super) from: f64,
}

impl Memory {
    /// Notes a value.
    pub(super) fn note(&mut self, now: Mono, value: f64, window: Mono) {
        self.follow(now, value);
        let part = (window / PARTS).max(1);
        match &mut self.now {
            Some((begun, least)) if now.saturating_sub(*begun) < part => *least = least.min(value),
            begun => {
                if let Some((begun, least)) = begun.replace((now, value)) {
                    self.parts.push_back((begun, least));
                }
            }
        }
        let is_old = |(at, _): &(Mono, f64)| now.saturating_sub(*at) > window;
        while self.parts.front().is_some_and(is_old) {
            self.parts.pop_front();
        }
        while self.falls.front().is_some_and(is_old) {
            self.falls.pop_front();
        }
    }

    /// Follows rises and falls.
    fn follow(&mut self, now: Mono, value: f64) {
        if self.high == 0.0 {
            (self.low, self.high) = (value, value);
        }
        self.high = self.high.max(value);
        let rise = self.high - self.low;
        if self.high - value > LEAST_GROWTH.max(rise * FALL) {
            self.crest = self.crest.max(self.high);
            self.falls.push_back((now, value));
            (self.low, self.high) = (value, value);
        } else if let Some(last) = self.falls.back_mut().filter(|last| value < last.1) {
            // It goes on falling.
            *last = (now, value);
            (self.low, self.high) = (value, value);
        } else {
            self.low = self.low.min(value);
        }
    }

    /// How it grows, if it does so steadily over the whole window.
    pub(super) fn growth(&self, window: Mono) -> Option<Growth> {
        let (first, last) = (self.parts.front()?.0, self.parts.back()?.0);
        if (last - first) * 10 < window * 9 {
            return None;
        }
        let line = if self.parts.iter().rev().take(2).all(|(_, value)| *value > self.crest) {
            Line::through(&self.parts)?
        } else {
            // What goes up and down is judged by where it falls to.
            let spans = self.falls.back()?.0 - self.falls.front()?.0;
            (self.falls.len() >= FALLS && spans * 2 > window).then(|| Line::through(&self.falls)).flatten()?
        };
        let grown = line.slope * window as f64;
        let level = line.at(last);
        let is_steady = line.straight >= STRAIGHT && line.late >= line.slope * STEADY;
        let is_much = grown >= LEAST_GROWTH.max(level * LEAST_PART);
        (is_steady && is_much).then_some(Growth { per_hour: line.slope * 3_600_000.0, level, from: level - grown })
    }
}

/// A straight line through points, by least squares.
struct Line {
    slope: f64,
    begin: (f64, f64),
    /// The part of the variance that it explains.
    straight: f64,
    /// The slope of the later half.
    late: f64,
}

impl Line {
    fn through(points: &VecDeque<(Mono, f64)>) -> Option<Self> {
        let points: Vec<(f64, f64)> = points.iter().map(|(at, value)| (*at as f64, *value)).collect();
        let (slope, begin, straight) = fit(&points)?;
        let (late, ..) = fit(points.get(points.len() / 2..)?)?;
        Some(Self { slope, begin, straight, late })
    }

    fn at(&self, time: Mono) -> f64 {
        self.begin.1 + self.slope * (time as f64 - self.begin.0)
    }
}

/// Slope, middle, and the part of the variance that the line explains. None of fewer than two points.
fn fit(points: &[(f64, f64)]) -> Option<(f64, (f64, f64), f64)> {
    let count = points.len() as f64;
    let sum = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>();
    let (x, y) = (sum(|one| one.0) / count, sum(|one| one.1) / count);
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (at, value) in points {
        let (dx, dy) = (at - x, value - y);
        (xx, xy, yy) = (xx + dx * dx, xy + dx * dy, yy + dy * dy);
    }
    (xx > 0.0).then(|| (xy / xx, (x, y), if yy > 0.0 { xy * xy / (xx * yy) } else { 0.0 }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WINDOW: Mono = 600_000;
    const HOUR: f64 = 3_600_000.0;

    /// What is told after so many minutes, with a reading every two seconds.
    fn after(minutes: u64, value: impl Fn(f64) -> f64) -> Option<Growth> {
        let mut memory = Memory::default();
        for at in (0..=minutes * 60_000).step_by(2000) {
            memory.note(1_000_000 + at, value(at as f64), WINDOW);
        }
        memory.growth(WINDOW)
    }

    fn noise(at: f64) -> f64 {
        (at * 0.7).sin() + (at * 0.013).cos()
    }

    #[test]
    fn a_steady_leak_is_told_after_ten_minutes_and_its_hour_is_right() {
        for per_hour in [24.0, 60.0, 300.0, 6000.0] {
            assert_eq!(after(8, |at| 100.0 + per_hour * at / HOUR), None, "too early");
            for noisy in [0.0, 0.3] {
                let growth = after(11, |at| 100.0 + per_hour * at / HOUR + noisy * noise(at)).unwrap();
                let limit = 100.0 + per_hour * 2.0;
                let left = (limit - growth.level) / growth.per_hour;
                let really = 2.0 - 11.0 / 60.0;
                assert!((left / really - 1.0).abs() < 0.2, "{per_hour} {noisy}: {left} h, not {really} h");
            }
        }
    }

    #[test]
    fn a_heap_that_is_collected_is_healthy_and_one_whose_floor_rises_is_not() {
        for period in [20_000.0, 90_000.0, 300_000.0, 900_000.0] {
            let tooth = |at: f64| 80.0 * (at % period) / period;
            for minutes in (16..60).step_by(3) {
                assert_eq!(after(minutes, |at| 100.0 + tooth(at) + 0.3 * noise(at)), None, "{period} ms, {minutes} min");
            }
        }
        let growth = after(12, |at| 100.0 + 80.0 * (at % 60_000.0) / 60_000.0 + 240.0 * at / HOUR).unwrap();
        assert!((growth.per_hour / 240.0 - 1.0).abs() < 0.2, "{growth:?}");
    }

    #[test]
    fn what_warms_up_or_stays_is_no_leak() {
        for minutes in [11, 14, 20, 40] {
            assert_eq!(after(minutes, |at| 300.0 - 200.0 * (-at / 200_000.0).exp()), None, "{minutes}");
            assert_eq!(after(minutes, |at| 150.0 + noise(at)), None);
            assert_eq!(after(minutes, |at| if at > 300_000.0 { 250.0 } else { 100.0 }), None, "a step");
            assert_eq!(after(minutes, |at| 200.0 - at / 100_000.0), None, "it shrinks");
        }
    }

    #[test]
    fn a_leak_that_begins_late_is_found() {
        let growth = after(60, |at| 100.0 + 120.0 * (at - 2_000_000.0).max(0.0) / HOUR).unwrap();
        assert!((growth.per_hour - 120.0).abs() < 2.0, "{growth:?}");
    }

    proptest! {
        /// Whatever comes: no panic, and what is told is finite and grows.
        #[test]
        fn anything(values in prop::collection::vec((0_u64..100_000, 0.0_f64..1e6), 0..300)) {
            let (mut memory, mut now) = (Memory::default(), 0);
            for (step, value) in values {
                now += step;
                memory.note(now, value, WINDOW);
                if let Some(growth) = memory.growth(WINDOW) {
                    prop_assert!(growth.per_hour > 0.0 && growth.per_hour.is_finite() && growth.level.is_finite());
                }
                prop_assert!(memory.parts.len() <= PARTS as usize + 1);
            }
        }
    }
}
