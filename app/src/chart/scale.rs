//! From figures to places: axes, ticks and paths. Pure geometry in whole numbers.

use std::fmt::Write;

use crate::format;
use crate::model::Time;

/// Width of the drawing space of a path; it is stretched to what is there.
pub(crate) const WIDTH: i64 = 10_000;
/// Its height.
pub(crate) const HEIGHT: i64 = 1000;

/// A scale from 0 to a round figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Axis {
    /// The figure at the top.
    pub(crate) top: f64,
    /// How many equal steps lead there.
    pub(crate) steps: u32,
}

impl Axis {
    /// A scale that has room for `greatest`.
    pub(crate) fn fit(greatest: f64) -> Self {
        let wanted = if greatest > 0.0 && greatest.is_finite() { greatest } else { 1.0 };
        let mut unit = 1.0;
        while unit * 100.0 < wanted {
            unit *= 10.0;
        }
        while unit * 10.0 > wanted && unit > 0.01 {
            unit /= 10.0;
        }
        let steps = [
            (3.0, 3),
            (4.0, 4),
            (6.0, 3),
            (9.0, 3),
            (12.0, 3),
            (15.0, 3),
            (20.0, 4),
            (24.0, 3),
            (30.0, 3),
            (40.0, 4),
            (60.0, 3),
            (80.0, 4),
            (100.0, 4),
        ];
        let (top, steps) =
            steps.into_iter().map(|(top, steps)| (top * unit, steps)).find(|(top, _)| *top >= wanted).unwrap_or((wanted, 4));
        Self { top, steps }
    }

    /// The figures on it, from the top down.
    pub(crate) fn labels(&self) -> Vec<String> {
        let figure = |step: u32| self.top * f64::from(step) / f64::from(self.steps);
        let whole = self.top / f64::from(self.steps) >= 1.0;
        (0..=self.steps)
            .rev()
            .map(|step| {
                if whole || step == 0 { format::thousands(format::round(figure(step))) } else { format::hundredths(figure(step)) }
            })
            .collect()
    }

    /// How far from the top, in drawing units.
    pub(crate) fn y(&self, value: f64) -> i64 {
        HEIGHT - (value.max(0.0) / self.top * HEIGHT as f64) as i64
    }
}

/// The span of time of a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Its left edge.
    pub(crate) from: Time,
    /// Its right edge.
    pub(crate) to: Time,
}

/// A moment on the axis of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tick {
    /// Where, as an attribute: `37.50%`.
    pub(crate) x: String,
    /// What stands there.
    pub(crate) label: String,
}

impl Frame {
    fn ms(&self) -> i64 {
        (self.to.0 - self.from.0).max(1)
    }

    /// Where a time is, in drawing units.
    pub(crate) fn x(&self, time: Time) -> i64 {
        (time.0 - self.from.0).saturating_mul(WIDTH) / self.ms()
    }

    /// Where a time is, as an attribute; none if it is outside.
    pub(crate) fn percent(&self, time: Time) -> Option<String> {
        let x = self.x(time);
        (0..=WIDTH).contains(&x).then(|| [&(x / 100).to_string(), ".", &(100 + x % 100).to_string()[1..], "%"].concat())
    }

    /// The time at a place between 0 and 1.
    pub(crate) fn at(&self, fraction: f64) -> Time {
        self.from + (fraction.clamp(0.0, 1.0) * self.ms() as f64) as i64
    }

    /// Round moments, at most 7. `local` moves a time into the zone of the reader.
    pub(crate) fn ticks(&self, local: impl Fn(Time) -> Time) -> Vec<Tick> {
        const MINUTE: i64 = 60_000;
        const DAY: i64 = 1440 * MINUTE;
        let steps =
            [1, 3, 5, 10, 15, 30, 60, 180, 240, 360, 720, 1440, 2 * 1440, 5 * 1440, 10 * 1440].map(|minutes| minutes * MINUTE);
        let step = steps.into_iter().find(|step| self.ms() / step <= 6).unwrap_or(30 * DAY);
        let shift = local(self.from).0 - self.from.0;
        let first = (self.from.0 + shift).div_euclid(step) * step + step - shift;
        let moments = (0..8).map(|index| Time(first + index * step)).take_while(|time| *time <= self.to);
        moments
            .filter_map(|time| {
                let there = local(time);
                let label = if step >= DAY { format::day(there, local(self.to)) } else { format::clock_short(there) };
                Some(Tick { x: self.percent(time)?, label })
            })
            .collect()
    }
}

/// A line through points, and the area beneath it. It is broken where the gap between two points is wider than `gap` drawing units.
pub(crate) fn paths(points: impl Iterator<Item = (i64, i64)>, gap: i64) -> (String, String) {
    let (mut line, mut area) = (String::new(), String::new());
    let mut last: Option<i64> = None;
    for (x, y) in points {
        let joined = last.is_some_and(|last| x - last <= gap);
        if !joined && let Some(last) = last {
            close(&mut area, last);
        }
        // Writing to a String does not fail.
        let _ = if joined { write!(line, "L{x} {y}") } else { write!(line, "M{x} {y}") };
        let _ = if joined { write!(area, "L{x} {y}") } else { write!(area, "M{x} {HEIGHT}L{x} {y}") };
        last = Some(x);
    }
    if let Some(last) = last {
        close(&mut area, last);
    }
    (line, area)
}

fn close(area: &mut String, x: i64) {
    let _ = write!(area, "L{x} {HEIGHT}Z");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn axes_are_round() {
        assert_eq!(Axis::fit(220.0), Axis { top: 240.0, steps: 3 });
        assert_eq!(Axis::fit(220.0).labels(), ["240", "160", "80", "0"]);
        assert_eq!(Axis::fit(19.0).labels(), ["20", "15", "10", "5", "0"]);
        assert_eq!(Axis::fit(0.0).labels().last().map(String::as_str), Some("0"));
    }

    #[test]
    fn a_gap_breaks_the_line() {
        let (line, area) = paths([(0, 10), (100, 20), (900, 30)].into_iter(), 200);
        assert_eq!(line, "M0 10L100 20M900 30");
        assert_eq!(area, "M0 1000L0 10L100 20L100 1000ZM900 1000L900 30L900 1000Z");
    }

    #[test]
    fn ticks_are_round() {
        let frame = Frame { from: Time(1_765_473_224_408), to: Time(1_765_473_224_408 + 3_600_000) };
        let labels: Vec<_> = frame.ticks(|time| time).into_iter().map(|tick| tick.label).collect();
        assert_eq!(labels, ["17:20", "17:30", "17:40", "17:50", "18:00", "18:10"]);
        let shifted: Vec<_> = frame.ticks(|time| time + 1_800_000).into_iter().map(|tick| tick.label).collect();
        assert_eq!(shifted.first().map(String::as_str), Some("17:50"));
    }

    proptest! {
        #[test]
        fn everything_has_room(greatest in 0.0..1e12_f64) {
            let axis = Axis::fit(greatest);
            prop_assert!(axis.top >= greatest && axis.y(greatest) >= 0);
        }

        #[test]
        fn a_place_and_back(from in 0..2_000_000_000_000_i64, length in 60_000..2_600_000_000_i64, fraction in 0.0..1.0_f64) {
            let frame = Frame { from: Time(from), to: Time(from + length) };
            let x = frame.x(frame.at(fraction));
            prop_assert!((x as f64 / WIDTH as f64 - fraction).abs() < 0.001);
            prop_assert!(frame.ticks(|time| time).len() <= 8);
        }
    }
}
