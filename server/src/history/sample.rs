//! What is measured at a tick, and the two numbers as which each series keeps it.

use std::borrow::Cow;
use std::sync::Arc;

use app::model::{Figure, FigurePoint, Time};

/// An app at a tick.
#[derive(Clone, Debug, PartialEq)]
pub struct AppSample {
    /// Its name.
    pub app: Arc<str>,
    /// CPU use of all its instances in percent of one core.
    pub cpu_percent: f32,
    /// Memory of all its instances in bytes.
    pub memory_bytes: u64,
    /// What it tells of its inside.
    pub figures: Vec<(Figure, f64)>,
}

/// The host at a tick.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HostSample {
    /// CPU use in percent of all cores.
    pub cpu_percent: f32,
    /// Memory in percent.
    pub memory_percent: f32,
    /// The disk with the home folder in percent.
    pub disk_percent: f32,
}

/// Everything that was measured at one moment: the host, and each app that runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// When.
    pub time: Time,
    /// Each app that runs.
    pub apps: Vec<AppSample>,
    /// The host.
    pub host: HostSample,
}

/// What a row of samples is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Series {
    /// An app: CPU in hundredths of a percent, memory in KiB.
    App(Arc<str>),
    /// The host: CPU and memory, both in hundredths of a percent.
    Load,
    /// The disk of the home folder: its use in hundredths of a percent, and 0.
    Disk,
    /// What an app tells of its inside: millionths, and what is before the point. The heap in KiB.
    Figure(Arc<str>, Figure),
}

/// Between the names of an app and of what it counts, neither of which has one.
const BETWEEN: char = '\n';

impl Series {
    /// How it stands in the database: kind and name.
    pub(super) fn parts(&self) -> (i64, Cow<'_, str>) {
        match self {
            Self::App(name) => (0, Cow::Borrowed(name)),
            Self::Load => (1, "".into()),
            Self::Disk => (2, "".into()),
            Self::Figure(app, Figure::HeapBytes) => (3, Cow::Borrowed(app)),
            Self::Figure(app, Figure::EventLoopLagMs) => (4, Cow::Borrowed(app)),
            Self::Figure(app, Figure::CheckMs) => (6, Cow::Borrowed(app)),
            Self::Figure(app, Figure::Custom(name)) => (5, format!("{app}{BETWEEN}{name}").into()),
        }
    }

    /// Reads it back; none for a kind that is not known.
    pub(super) fn from_parts(kind: i64, name: &str) -> Option<Self> {
        match kind {
            0 => Some(Self::App(name.into())),
            1 => Some(Self::Load),
            2 => Some(Self::Disk),
            3 => Some(Self::Figure(name.into(), Figure::HeapBytes)),
            4 => Some(Self::Figure(name.into(), Figure::EventLoopLagMs)),
            5 => name.split_once(BETWEEN).map(|(app, name)| Self::Figure(app.into(), Figure::Custom(name.to_owned()))),
            6 => Some(Self::Figure(name.into(), Figure::CheckMs)),
            _ => None,
        }
    }
}

/// What a figure is divided by before it is kept.
pub(super) const fn unit(figure: &Figure) -> f64 {
    if matches!(figure, Figure::HeapBytes) { 1024.0 } else { 1.0 }
}

/// Millionths, and what is before the point. What is negative counts as 0.
fn halves(value: f64) -> (u32, u32) {
    let whole = value.trunc().clamp(0.0, f64::from(u32::MAX));
    (((value - whole).clamp(0.0, 0.999_999) * 1e6) as u32, whole as u32)
}

/// Two numbers at a time. What they mean depends on the series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// When, in ms since the epoch.
    pub(super) time: i64,
    /// CPU, or the disk.
    pub(super) first: u32,
    /// Memory.
    pub(super) second: u32,
}

pub(super) const MINUTE_MS: i64 = 60_000;

impl Sample {
    /// The minute it lies in, counted since the epoch.
    pub(super) fn minute(&self) -> i64 {
        self.time.div_euclid(MINUTE_MS)
    }
}

impl Tick {
    /// The tick as series keep it.
    pub(super) fn samples(&self) -> impl Iterator<Item = (Series, Sample)> + '_ {
        let time = self.time.ms();
        let host = self.host;
        let load = Sample { time, first: hundredths(host.cpu_percent), second: hundredths(host.memory_percent) };
        let disk = Sample { time, first: hundredths(host.disk_percent), second: 0 };
        let apps = self.apps.iter().map(move |app| {
            let kib = u32::try_from(app.memory_bytes / 1024).unwrap_or(u32::MAX);
            (Series::App(Arc::clone(&app.app)), Sample { time, first: hundredths(app.cpu_percent), second: kib })
        });
        let figures = self.apps.iter().flat_map(move |app| {
            app.figures.iter().map(move |(figure, value)| {
                let (first, second) = halves(value / unit(figure));
                (Series::Figure(Arc::clone(&app.app), figure.clone()), Sample { time, first, second })
            })
        });
        [(Series::Load, load), (Series::Disk, disk)].into_iter().chain(apps).chain(figures)
    }
}

/// A number that is not one counts as 0.
fn hundredths(percent: f32) -> u32 {
    (percent * 100.0).round() as u32
}

/// Least, greatest and sum of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) min: u32,
    pub(super) max: u32,
    pub(super) sum: u64,
}

impl Extent {
    fn of(value: u32) -> Self {
        Self { min: value, max: value, sum: value.into() }
    }

    fn add(&mut self, other: Self) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum = self.sum.saturating_add(other.sum);
    }
}

/// Some samples together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    /// When they begin, in ms since the epoch.
    pub(super) time: i64,
    /// How many there are; at least 1.
    pub(super) count: u32,
    pub(super) first: Extent,
    pub(super) second: Extent,
}

impl From<Sample> for Summary {
    fn from(sample: Sample) -> Self {
        Self { time: sample.time, count: 1, first: Extent::of(sample.first), second: Extent::of(sample.second) }
    }
}

impl Summary {
    pub(super) fn add(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.first.add(other.first);
        self.second.add(other.second);
    }

    /// As a point of this figure.
    pub(super) fn point(&self, figure: &Figure) -> FigurePoint {
        let (first, second) = self.means();
        // Which fraction goes with the least or the greatest whole number is known where there was but one.
        let is_one = self.second.min == self.second.max;
        let (least, greatest) =
            if is_one { (f64::from(self.first.min) / 1e6, f64::from(self.first.max) / 1e6) } else { (0.0, 1.0) };
        let unit = unit(figure);
        FigurePoint {
            time: Time(self.time),
            min: (f64::from(self.second.min) + least) * unit,
            mean: (second + first / 1e6) * unit,
            max: (f64::from(self.second.max) + greatest) * unit,
        }
    }

    /// The mean of both numbers.
    pub(super) fn means(&self) -> (f64, f64) {
        let count = f64::from(self.count.max(1));
        (self.first.sum as f64 / count, self.second.sum as f64 / count)
    }
}

/// Sums up what lies in the same span of `step` ms, counted from the epoch. `points` are in the order of time.
pub(super) fn fold(points: impl IntoIterator<Item = Summary>, step: i64) -> Vec<Summary> {
    let mut folded: Vec<Summary> = Vec::new();
    for mut point in points {
        point.time = point.time.div_euclid(step) * step;
        match folded.last_mut() {
            Some(last) if last.time == point.time => last.add(&point),
            _ => folded.push(point),
        }
    }
    folded
}
