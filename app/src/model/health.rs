//! The health document, with the keys of the specification that PM2 users already read (seed 000 §7).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Time;

/// The state of everything in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum HealthStatus {
    /// All is up.
    Healthy,
    /// Something is down, nothing critical.
    Degraded,
    /// Something critical is down, or there is nothing at all.
    Down,
}

/// The state of one component in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum ComponentStatus {
    /// It runs, and no check says that it is not healthy.
    Live,
    /// It does not.
    Down,
}

/// One component: all instances of an app together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Component {
    /// Does it run?
    pub status: ComponentStatus,
    /// Process id of the first instance that runs.
    pub pid: Option<u32>,
    /// The TCP port that it really listens on.
    pub port: Option<u16>,
    /// Layer.
    pub layer: String,
    /// Does the system count as down without it?
    pub critical: bool,
    /// When this was measured.
    #[serde(rename = "lastCheck")]
    pub last_check: Time,
    /// PM2's `pm_id` of the first instance.
    pub pm2_id: Option<u32>,
    /// CPU use of the whole tree in percent of one core; null when down.
    pub cpu_percent: Option<f32>,
    /// Resident memory of the whole tree in MiB; null when down.
    pub memory_rss_mb: Option<f32>,
    /// Used heap in MiB, where a probe in the app tells it.
    pub memory_heap_mb: Option<f32>,
    /// How long its event loop makes wait what comes to it, where a probe in the app tells it; of several instances the worst.
    #[serde(default)]
    pub event_loop_lag_ms: Option<super::EventLoopLag>,
    /// What it counts itself, by name: the mean of its instances.
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
    /// Seconds since the start of the process; null when down.
    pub uptime_seconds: Option<f64>,
    /// Restarts of all instances.
    pub restart_count: u32,
    /// When the process started; null when down.
    pub start_time: Option<Time>,
    /// The port that its environment names.
    pub env_port: Option<u16>,
    /// The exact state, beyond `LIVE` and `DOWN`.
    pub state: super::State,
    /// Why it is down.
    pub reason: Option<String>,
    /// What came of the checks of its health, while it is checked.
    #[serde(default)]
    pub probe: Option<super::ProbeReport>,
    /// Trouble that was found beside that.
    #[serde(default)]
    pub findings: Vec<super::Finding>,
    /// How many of its instances run.
    pub instances_live: u32,
    /// How many instances it has.
    pub instances_total: u32,
}

/// Load of the host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct CpuFigures {
    /// Load average of one minute.
    #[serde(rename = "loadAvg1min")]
    pub load_1: f64,
    /// Load average of five minutes.
    #[serde(rename = "loadAvg5min")]
    pub load_5: f64,
    /// Load average of fifteen minutes.
    #[serde(rename = "loadAvg15min")]
    pub load_15: f64,
    /// Logical cores.
    pub cores: u32,
    /// Use of all cores together in percent.
    pub usage_percent: f32,
}

/// Memory of the host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct MemoryFigures {
    /// All of it, in MiB.
    pub total_mb: u64,
    /// What is not available to a new program, in MiB.
    pub used_mb: u64,
    /// What is available, in MiB.
    pub free_mb: u64,
    /// `used_mb` in percent of `total_mb`.
    pub usage_percent: f32,
}

/// Space on the file system that holds the home folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct DiskFigures {
    /// All of it, in MiB.
    pub total_mb: u64,
    /// What is free to us, in MiB.
    pub free_mb: u64,
    /// What is used, in percent.
    pub usage_percent: f32,
    /// Size of the history, in bytes.
    pub history_bytes: u64,
    /// Size of all logs, in bytes.
    pub logs_bytes: u64,
}

/// How long things have been up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct UptimeFigures {
    /// The host, in seconds.
    pub system_seconds: f64,
    /// This process of `qd`, in seconds.
    pub process_seconds: f64,
}

/// How the processes of an app are held together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum TreeHold {
    /// By a cgroup, in which none of them can hide.
    Cgroup,
    /// By a search for session, parent and marker.
    #[default]
    Search,
}

/// How the processes of an app are held together on this host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct TreeFigures {
    /// By what.
    pub held_by: TreeHold,
    /// Which `limits` of a tree can be kept here: of `cpu`, `memory` and `pids`.
    pub limits: Vec<String>,
    /// The same as a sentence, with the reason where something is not to be had.
    pub message: String,
}

/// The state of all components and of the host, from one sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct HealthDocument {
    /// All of it in a word.
    pub status: HealthStatus,
    /// How many components are `LIVE`.
    pub components_live: u32,
    /// How many there are.
    pub components_total: u32,
    /// Each component by its name.
    pub components: BTreeMap<String, Component>,
    /// Load of the host.
    pub cpu: CpuFigures,
    /// Memory of the host.
    pub memory: MemoryFigures,
    /// Disk of the host.
    pub disk: DiskFigures,
    /// How long things have been up.
    pub uptime: UptimeFigures,
    /// How the processes of an app are held together.
    #[serde(default)]
    pub trees: TreeFigures,
    /// What `qd` itself uses, and whether it keeps up.
    #[serde(default)]
    pub daemon: super::DaemonFigures,
    /// Operating system: `linux`.
    pub platform: String,
    /// Name of the host.
    pub hostname: String,
    /// When this was measured.
    pub timestamp: Time,
}
