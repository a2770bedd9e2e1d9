//! An app as it is: its settings in brief, and the state of each instance.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Cause, Dependency, ExecMode, Finding, InsideFigures, ProbeReport, Time};

/// Where an instance is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Not running, and not wanted to.
    Stopped,
    /// Its process exists but is not known to be ready.
    Starting,
    /// It runs.
    Online,
    /// It was told to end, or what it left behind is being ended.
    Stopping,
    /// It ended and will be started at a time that is known.
    BackingOff,
    /// It was given up; a person has to start it.
    Errored,
    /// SIGKILL had no effect yet.
    Unkillable,
}

impl State {
    /// The word for it, as in the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Online => "online",
            Self::Stopping => "stopping",
            Self::BackingOff => "backing-off",
            Self::Errored => "errored",
            Self::Unkillable => "unkillable",
        }
    }

    /// The word that PM2 uses (`constants.js` of PM2 7).
    #[must_use]
    pub const fn pm2_word(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Starting => "launching",
            Self::Online => "online",
            Self::Stopping | Self::Unkillable => "stopping",
            Self::BackingOff => "waiting restart",
            Self::Errored => "errored",
        }
    }
}

/// How a process ended. Exactly one of `code` and `signal` is known, or neither: then nobody could tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Exit {
    /// When it was seen.
    pub time: Time,
    /// Exit code.
    pub exit_code: Option<i32>,
    /// Name of the signal that ended it, such as `SIGKILL`.
    pub signal: Option<String>,
    /// Why, as judged.
    pub cause: Cause,
    /// How long it had run, in ms.
    pub ran_ms: u64,
    /// The most memory that its tree was seen to use, in bytes.
    pub peak_memory_bytes: Option<u64>,
    /// The last lines that it wrote, oldest first.
    #[serde(default)]
    pub last_lines: Vec<String>,
}

/// One process of an app, or the place where one should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Instance {
    /// PM2's `pm_id`: unique on this node, kept for the life of the instance.
    pub pm_id: u32,
    /// Its number within the app, from 0: `NODE_APP_INSTANCE`.
    pub index: u32,
    /// Where it is in its life.
    pub state: State,
    /// Since when it is in that state.
    pub since: Time,
    /// Why it is in that state, as a sentence without its full stop. Always there when `errored` or `backing-off`.
    pub reason: Option<String>,
    /// Process id, while there is a process.
    pub pid: Option<u32>,
    /// When the process started.
    pub started_at: Option<Time>,
    /// When it will be started again, while backing off.
    pub retry_at: Option<Time>,
    /// Restarts since it was created or reset, by whatever cause.
    pub restarts: u32,
    /// Failures in a row that count against `max_restarts`.
    pub unstable_restarts: u32,
    /// CPU use of the whole tree in percent of one core.
    pub cpu_percent: f32,
    /// Resident memory of the whole tree in bytes.
    pub memory_bytes: u64,
    /// The TCP port that the tree really listens on; the lowest if there are more.
    pub port: Option<u16>,
    /// What it tells of its inside, where it is run by Node and has a probe in it.
    #[serde(default)]
    pub inside: Option<InsideFigures>,
    /// How the last process ended.
    pub last_exit: Option<Exit>,
}

/// The limits that are in force for an app.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Limits {
    /// `max_memory_restart` in bytes, for the tree of one instance.
    pub memory_bytes: Option<u64>,
    /// `max_restarts`.
    pub max_restarts: u32,
    /// `min_uptime` in ms.
    pub min_uptime_ms: u64,
    /// `kill_timeout` in ms.
    pub kill_timeout_ms: u64,
}

/// An app: what is configured and what is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct App {
    /// Its name, which is the `component` of the control routes.
    pub name: String,
    /// PM2's namespace, `default` if none was told.
    pub namespace: String,
    /// The layer it is shown in: as told, else the namespace.
    pub layer: String,
    /// Does the system count as down without it?
    pub critical: bool,
    /// The state that stands for all instances: the worst of those that are wanted.
    pub state: State,
    /// Why, where there is a reason.
    pub reason: Option<String>,
    /// Is it meant to run?
    pub wanted: bool,
    /// Is there a changed definition that counts from the next start?
    pub changed: bool,
    /// The script or program as configured.
    pub script: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// What runs the script; none if it is a program itself.
    pub interpreter: Option<String>,
    /// Working directory.
    pub cwd: String,
    /// Fork or cluster.
    pub exec_mode: ExecMode,
    /// Started again when it ends?
    pub autorestart: bool,
    /// Is a folder watched for changes?
    pub watch: bool,
    /// `PORT` of its environment, or `port`.
    pub env_port: Option<u16>,
    /// The apps that it waits for at its start.
    pub depends_on: Vec<Dependency>,
    /// What came of the checks of its health, while it is checked.
    #[serde(default)]
    pub probe: Option<ProbeReport>,
    /// Trouble that was found beside that.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// What it counts itself, by name: the mean of its instances.
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
    /// The configured environment; values that look like secrets are masked.
    pub env: BTreeMap<String, String>,
    /// Limits.
    pub limits: Limits,
    /// When it was first added.
    pub created_at: Time,
    /// Each of its instances, by index.
    pub instances: Vec<Instance>,
}

impl App {
    /// Restarts of all instances.
    #[must_use]
    pub fn restarts(&self) -> u32 {
        self.instances.iter().map(|one| one.restarts).sum()
    }

    /// CPU use of all instances in percent of one core.
    #[must_use]
    pub fn cpu_percent(&self) -> f32 {
        self.instances.iter().map(|one| one.cpu_percent).sum()
    }

    /// Memory of all instances in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.instances.iter().map(|one| one.memory_bytes).sum()
    }

    /// The first instance with a process, else the first.
    #[must_use]
    pub fn first(&self) -> Option<&Instance> {
        self.instances.iter().find(|one| one.pid.is_some()).or(self.instances.first())
    }

    /// Does it run, and fail none of its health checks?
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.is_live() && !self.is_unhealthy()
    }

    /// Does it run, and fail its health checks?
    #[must_use]
    pub fn is_unhealthy(&self) -> bool {
        self.is_live() && self.probe.as_ref().is_some_and(|probe| probe.healthy == Some(false))
    }

    /// Does at least one instance run?
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.instances.iter().any(|one| one.state == State::Online)
    }
}
