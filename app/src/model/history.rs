//! What was: samples, events, stored health documents.

use serde::{Deserialize, Serialize};

use super::{Event, HealthDocument, Time};

/// Least, mean and greatest value in a span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Range {
    /// Least.
    pub min: f64,
    /// Mean.
    pub mean: f64,
    /// Greatest.
    pub max: f64,
}

/// An app in a span of time. Spans without a sample are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct MetricPoint {
    /// Start of the span.
    pub time: Time,
    /// CPU use of the whole tree in percent of one core.
    pub cpu_percent: Range,
    /// Resident memory of the whole tree in bytes.
    pub memory_bytes: Range,
}

/// What a series of an app's samples is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Used heap of all instances in bytes.
    HeapBytes,
    /// How long the event loop of the worst instance makes 99 of 100 moments wait at most, in ms.
    EventLoopLagMs,
    /// How long the last check of its health took that passed, in ms.
    CheckMs,
    /// What the app itself counts, by its name.
    Custom(String),
}

/// Some samples of a figure together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct FigurePoint {
    /// Start of the span.
    pub time: Time,
    /// Its least value; of a custom figure rounded down where it changed.
    pub min: f64,
    /// The mean of it.
    pub mean: f64,
    /// Its greatest value; of a custom figure rounded up where it changed.
    pub max: f64,
}

/// The history of a figure that not every app has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct FigureSeries {
    /// What it is.
    pub figure: Figure,
    /// Length of the span that one point stands for, in ms.
    pub step_ms: u64,
    /// Oldest first.
    pub points: Vec<FigurePoint>,
}

/// The history of an app's samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct AppMetrics {
    /// The app.
    pub app: String,
    /// Start of the span that was asked for.
    pub from: Time,
    /// Its end.
    pub to: Time,
    /// Length of the span that one point stands for, in ms.
    pub step_ms: u64,
    /// At most as many points as were asked for, oldest first.
    pub points: Vec<MetricPoint>,
    /// What an app tells of its inside, where it does.
    #[serde(default)]
    pub figures: Vec<FigureSeries>,
}

/// Events, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct EventList {
    /// The events.
    pub events: Vec<Event>,
}

/// Stored health documents, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct SnapshotList {
    /// The documents.
    pub snapshots: Vec<HealthDocument>,
}
