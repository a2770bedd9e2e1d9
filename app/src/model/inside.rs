//! What a Node process tells of what goes on inside it.

use serde::{Deserialize, Serialize};

use super::Time;

/// What a Node process last said of itself. All but the heap and the handles is about the 5 s or so before that.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct InsideFigures {
    /// When it said so.
    pub time: Time,
    /// Used heap in bytes (`used_heap_size` of V8).
    pub heap_used_bytes: u64,
    /// Heap that V8 has from the system, in bytes.
    pub heap_total_bytes: u64,
    /// How long the event loop made wait what came to it, in ms: half of all moments at most so long.
    pub event_loop_lag_p50_ms: f32,
    /// The same for 99 of 100 moments. It grows while the process does not answer.
    pub event_loop_lag_p99_ms: f32,
    /// How long it stood still for the collection of garbage, in ms.
    pub gc_total_ms: f32,
    /// The longest of these pauses in ms.
    pub gc_max_ms: f32,
    /// How many things keep it alive: sockets, timers, requests (`process.getActiveResourcesInfo`).
    pub handles: u32,
}

/// Where an app shows what it counts itself, in the text format of Prometheus, and what of that is kept (`metrics`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Scrape {
    /// `http://` and an address, or a path where the app listens.
    pub url: String,
    /// Names of what is kept. Each is the sum over all its labels.
    pub names: Vec<String>,
    /// How often it is read; ms.
    pub interval_ms: u64,
}

impl Default for Scrape {
    fn default() -> Self {
        Self { url: "/metrics".into(), names: Vec::new(), interval_ms: 10_000 }
    }
}

/// What is wanted of a Node process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ProfileKind {
    /// What is on its heap. It stands still meanwhile, and needs more memory.
    Heap,
    /// What it does with the CPU, for a while.
    Cpu,
}

impl ProfileKind {
    /// How the name of its file ends: what Chrome DevTools knows it by.
    #[must_use]
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Heap => "heapsnapshot",
            Self::Cpu => "cpuprofile",
        }
    }
}

/// A profile that is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ProfileOrder {
    /// Of what.
    pub kind: ProfileKind,
    /// Of which instance; the first that runs, if not told.
    #[serde(default)]
    pub index: Option<u32>,
    /// How long the CPU is watched, 1 to 60 s.
    #[serde(default = "ProfileOrder::usual_seconds")]
    pub seconds: u32,
}

impl ProfileOrder {
    /// How long the CPU is watched if nothing is told.
    #[must_use]
    pub const fn usual_seconds() -> u32 {
        10
    }
}

/// A profile that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ProfileFile {
    /// Name of the file in the folder `profiles` of the home.
    pub name: String,
    /// The app, as far as its name can stand in that of a file.
    pub app: String,
    /// The instance.
    pub index: u32,
    /// Of what.
    pub kind: ProfileKind,
    /// Size in bytes.
    pub bytes: u64,
    /// When it was done.
    pub time: Time,
}

/// Profiles that were taken, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ProfileList {
    /// The profiles.
    pub profiles: Vec<ProfileFile>,
}

/// How long an event loop makes wait what comes to it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct EventLoopLag {
    /// Half of all moments at most so long, in ms.
    pub p50: f32,
    /// 99 of 100 moments at most so long, in ms.
    pub p99: f32,
}
