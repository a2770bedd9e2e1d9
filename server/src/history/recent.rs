//! What is kept in memory: the last ten minutes of every series, the latest events, and the days of the apps. It is the
//! first to know; the database gets a copy of it, and while there is no database it goes on alone.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use app::model::{Event, Figure, HostTrend, Overview, Time, Trend};

use super::database::Earlier;
use super::day::Days;
use super::sample::{MINUTE_MS, Sample, Series, Summary, Tick, fold};

/// How many whole minutes of samples are kept beside the current one.
pub(super) const MINUTES: i64 = 10;
/// No more samples than this, if ticks come faster than they should.
const SAMPLES: usize = 1200;
/// How many events are kept.
const EVENTS: usize = 256;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Recent {
    series: HashMap<Series, VecDeque<Sample>>,
    /// Minutes of which the database does not yet have all.
    pub(super) unwritten: BTreeSet<i64>,
    /// Time of the latest tick.
    latest: i64,
    events: VecDeque<Arc<Event>>,
    days: Days,
}

impl Recent {
    /// Takes a tick.
    pub(super) fn add_tick(&mut self, tick: &Tick) {
        self.latest = tick.time.ms();
        let minute = self.minute();
        for (series, sample) in tick.samples() {
            self.series.entry(series).or_default().push_back(sample);
        }
        self.unwritten.insert(minute);
        self.series.retain(|_, samples| {
            // Both ends, for the clock may have been set; whole minutes, so that a minute is never written in part.
            while samples.front().is_some_and(|s| samples.len() > SAMPLES || (s.minute() - minute).abs() > MINUTES) {
                samples.pop_front();
            }
            !samples.is_empty()
        });
        self.unwritten.retain(|one| (one - minute).abs() <= MINUTES);
    }

    /// Puts what an earlier life left before what this one has seen.
    pub(super) fn begin(&mut self, earlier: Earlier) {
        for (series, samples) in earlier.samples {
            let own = self.series.entry(series).or_default();
            let first = own.front().map_or(i64::MAX, |sample| sample.time);
            for sample in samples.into_iter().rev().filter(|sample| sample.time < first) {
                own.push_front(sample);
                self.unwritten.insert(sample.minute());
            }
        }
        let first = self.events.front().map_or(u64::MAX, |event| event.id);
        self.days = Days::default();
        earlier.day.iter().filter(|event| event.id < first).for_each(|event| self.days.apply(event));
        self.events.iter().for_each(|event| self.days.apply(event));
    }

    /// The database that had it is gone: all of it is to be written again.
    pub(super) fn forget_written(&mut self) {
        self.unwritten = self.series.values().flatten().map(Sample::minute).collect();
    }

    /// The minute of the latest tick.
    pub(super) fn minute(&self) -> i64 {
        self.latest.div_euclid(MINUTE_MS)
    }

    /// Samples of a series, oldest first.
    pub(super) fn samples(&self, series: &Series) -> Vec<Sample> {
        let mut samples: Vec<_> = self.series.get(series).into_iter().flatten().copied().collect();
        samples.sort_by_key(|sample| sample.time);
        samples
    }

    /// What this app told of its inside lately.
    pub(super) fn figures(&self, app: &str) -> Vec<Figure> {
        let of_app = |series: &Series| match series {
            Series::Figure(whose, figure) if **whose == *app => Some(figure.clone()),
            _ => None,
        };
        self.series.keys().filter_map(of_app).collect()
    }

    /// Samples of these minutes, each minute of each series by itself.
    pub(super) fn minutes(&self, minutes: &BTreeSet<i64>) -> Vec<(Series, i64, Vec<Sample>)> {
        let mut found = Vec::new();
        for series in self.series.keys() {
            let samples = self.samples(series);
            for one in samples.chunk_by(|a, b| a.minute() == b.minute()) {
                if let Some(minute) = one.first().map(Sample::minute).filter(|minute| minutes.contains(minute)) {
                    found.push((series.clone(), minute, one.to_vec()));
                }
            }
        }
        found
    }

    /// Takes an event. One that is not newer than the latest was told twice.
    pub(super) fn add_event(&mut self, event: &Arc<Event>) -> bool {
        if self.events.back().is_some_and(|last| last.id >= event.id) {
            return false;
        }
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(Arc::clone(event));
        self.days.apply(event);
        true
    }

    /// The latest events, oldest first.
    pub(super) fn events(&self) -> impl DoubleEndedIterator<Item = &Arc<Event>> {
        self.events.iter()
    }

    /// The recent past of an app.
    pub(super) fn trend(&mut self, app: &str, now: Time) -> Trend {
        let points = self.points(&Series::App(app.into()), now);
        Trend {
            cpu_percent: column(&points, |means| means.0 / 100.0),
            memory_mb: column(&points, |means| means.1 / 1024.0),
            day: self.days.cells(app, now),
        }
    }

    /// The recent past of the host.
    pub(super) fn host_trend(&self, now: Time) -> HostTrend {
        let (load, disk) = (self.points(&Series::Load, now), self.points(&Series::Disk, now));
        HostTrend {
            cpu_percent: column(&load, |means| means.0 / 100.0),
            memory_percent: column(&load, |means| means.1 / 100.0),
            disk_percent: column(&disk, |means| means.0 / 100.0),
        }
    }

    /// The last ten minutes of a series in equal steps, the newest last.
    fn points(&self, series: &Series, now: Time) -> Vec<Option<Summary>> {
        const STEP: i64 = Overview::TREND_STEP_MS as i64;
        let last = now.ms().div_euclid(STEP);
        let mut points = vec![None; Overview::TREND_POINTS];
        for point in fold(self.samples(series).into_iter().map(Summary::from), STEP) {
            let age = usize::try_from(last - point.time.div_euclid(STEP)).ok();
            if let Some(place) = age.and_then(|age| points.iter_mut().rev().nth(age)) {
                *place = Some(point);
            }
        }
        points
    }
}

fn column(points: &[Option<Summary>], value: impl Fn((f64, f64)) -> f64) -> Vec<Option<f32>> {
    points.iter().map(|point| point.map(|point| value(point.means()) as f32)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::sample::{AppSample, HostSample};

    fn tick(ms: i64, cpu_percent: f32) -> Tick {
        let apps = vec![AppSample { app: "a".into(), cpu_percent, memory_bytes: 5 << 20, figures: Vec::new() }];
        Tick { time: Time(ms), apps, host: HostSample { cpu_percent: 10.0, memory_percent: 20.0, disk_percent: 30.0 } }
    }

    #[test]
    fn a_trend_has_a_gap_where_nothing_was_measured() {
        let mut recent = Recent::default();
        for ms in [1_000_000, 1_002_000, 1_031_000] {
            recent.add_tick(&tick(ms, if ms < 1_002_000 { 10.0 } else { 20.0 }));
        }
        let trend = recent.trend("a", Time(1_039_000));
        assert_eq!(trend.cpu_percent.len(), Overview::TREND_POINTS);
        assert_eq!(trend.cpu_percent[56..], [Some(15.0), None, None, Some(20.0)]);
        assert_eq!(trend.memory_mb[59], Some(5.0));
        assert_eq!(recent.host_trend(Time(1_039_000)).disk_percent[56..], [Some(30.0), None, None, Some(30.0)]);
        assert_eq!(recent.trend("b", Time(1_039_000)).cpu_percent, vec![None; Overview::TREND_POINTS]);
    }

    #[test]
    fn memory_is_bounded_and_an_app_that_is_gone_is_forgotten() {
        let mut recent = Recent::default();
        for n in 0..3000 {
            recent.add_tick(&tick(n * 2000, 1.0));
        }
        let kept = recent.samples(&Series::App("a".into()));
        assert!((300..=330).contains(&kept.len()), "{} samples", kept.len());
        assert!(recent.unwritten.len() <= 11);
        let mut without = tick(3000 * 2000 + 11 * MINUTE_MS, 1.0);
        without.apps.clear();
        recent.add_tick(&without);
        assert!(recent.samples(&Series::App("a".into())).is_empty());
    }

    #[test]
    fn a_clock_that_is_set_back_leaves_no_samples_of_the_future() {
        let mut recent = Recent::default();
        recent.add_tick(&tick(90_000_000, 1.0));
        recent.add_tick(&tick(50_000_000, 2.0));
        assert_eq!(recent.samples(&Series::App("a".into())).len(), 1);
    }

    #[test]
    fn an_event_that_is_told_twice_is_taken_once() {
        let mut recent = Recent::default();
        let mut event = Event::new(Time(0), app::model::EventKind::Node, app::model::Cause::Unknown, "");
        event.id = 7;
        let event = Arc::new(event);
        assert!(recent.add_event(&event));
        assert!(!recent.add_event(&event));
        assert_eq!(recent.events().count(), 1);
    }
}
