//! What the overview page shows, in one document.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{App, Event, HealthDocument, State, Time};

/// Who answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Node {
    /// Name of the host.
    pub hostname: String,
    /// Version of `qd`.
    pub version: String,
    /// When this process of `qd` started.
    pub started_at: Time,
    /// How often everything is measured, in ms.
    pub sample_every_ms: u64,
}

/// A piece of the last 24 hours of an app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum DayCell {
    /// Nothing is known.
    #[default]
    Unknown,
    /// It ran all the time, as far as known.
    Up,
    /// It ended by itself and came back.
    Restarted,
    /// It was down for some of it without being asked to.
    Down,
    /// It was stopped on purpose.
    Stopped,
}

/// The recent past of an app in small.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Trend {
    /// CPU in percent of one core over the last 10 minutes, oldest first; null where nothing was measured.
    pub cpu_percent: Vec<Option<f32>>,
    /// Memory in MiB over the same time.
    pub memory_mb: Vec<Option<f32>>,
    /// The last 24 hours in 48 pieces, oldest first.
    pub day: Vec<DayCell>,
}

/// The recent past of the host in small.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct HostTrend {
    /// CPU in percent of all cores over the last 10 minutes, oldest first.
    pub cpu_percent: Vec<Option<f32>>,
    /// Memory in percent.
    pub memory_percent: Vec<Option<f32>>,
    /// Disk in percent.
    pub disk_percent: Vec<Option<f32>>,
}

/// Everything that the overview shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Overview {
    /// Who answers.
    pub node: Node,
    /// The latest health document.
    pub health: HealthDocument,
    /// Every app in the order in which it was added.
    pub apps: Vec<App>,
    /// Recent past of each app, by name.
    pub trends: BTreeMap<String, Trend>,
    /// Recent past of the host.
    pub host: HostTrend,
    /// The latest events, newest first.
    pub events: Vec<Event>,
    /// Number of the latest event that is contained: a stream may be followed from here.
    pub last_event_id: u64,
}

impl Overview {
    /// How long one point of a trend stands for, in ms.
    pub const TREND_STEP_MS: u64 = 10_000;
    /// How many points a trend has.
    pub const TREND_POINTS: usize = 60;
    /// How many pieces a day has.
    pub const DAY_CELLS: usize = 48;

    /// The states of the apps that are wanted and do not run.
    #[must_use]
    pub fn down(&self) -> Vec<&App> {
        self.apps.iter().filter(|app| !app.is_live() && app.state != State::Starting).collect()
    }
}
