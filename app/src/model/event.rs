//! What happened, numbered. Each event stands for itself and may be told twice without harm.

use serde::{Deserialize, Serialize};

use super::{State, Time};

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// An app became known.
    Added,
    /// A definition changed; it counts from the next start.
    Changed,
    /// An app was deleted.
    Deleted,
    /// A process was started; has its pid.
    Start,
    /// A process counts as running.
    Online,
    /// A process that outlived its supervisor was taken back.
    Adopted,
    /// A stop began.
    Stopping,
    /// A process ended; has exit code or signal, and the cause.
    Exit,
    /// An instance rests, and is meant to.
    Stopped,
    /// An instance waits for its next start.
    BackingOff,
    /// An instance was given up.
    Errored,
    /// A process could not be started.
    SpawnFailed,
    /// SIGKILL had no effect yet.
    Unkillable,
    /// Its checks failed so often that it counts as not healthy.
    Unhealthy,
    /// It is healthy again.
    Healthy,
    /// Trouble was found that no check sees.
    Warning,
    /// It is over.
    Cleared,
    /// It threw an exception that nobody caught, and goes on; has the stack in its last lines.
    Exception,
    /// Something about the node itself: its start, its history, its config.
    Node,
}

impl EventKind {
    /// The word for it, as in the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Deleted => "deleted",
            Self::Start => "start",
            Self::Online => "online",
            Self::Adopted => "adopted",
            Self::Stopping => "stopping",
            Self::Exit => "exit",
            Self::Stopped => "stopped",
            Self::BackingOff => "backing-off",
            Self::Errored => "errored",
            Self::SpawnFailed => "spawn-failed",
            Self::Unkillable => "unkillable",
            Self::Unhealthy => "unhealthy",
            Self::Healthy => "healthy",
            Self::Warning => "warning",
            Self::Cleared => "cleared",
            Self::Exception => "exception",
            Self::Node => "node",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Every kind.
    pub const ALL: [Self; 19] = [
        Self::Added,
        Self::Changed,
        Self::Deleted,
        Self::Start,
        Self::Online,
        Self::Adopted,
        Self::Stopping,
        Self::Exit,
        Self::Stopped,
        Self::BackingOff,
        Self::Errored,
        Self::SpawnFailed,
        Self::Unkillable,
        Self::Unhealthy,
        Self::Healthy,
        Self::Warning,
        Self::Cleared,
        Self::Exception,
        Self::Node,
    ];
}

/// Why it happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// It came down by itself with a failure: a code other than 0, or a signal that was not ours.
    Crash,
    /// It ended by itself with code 0.
    Finished,
    /// The kernel ended it for lack of memory.
    OutOfMemory,
    /// Its tree used more than `max_memory_restart`.
    MemoryLimit,
    /// Somebody asked for it: see `actor`.
    Request,
    /// A watched file changed.
    Watch,
    /// `cron_restart` was due.
    Cron,
    /// A health probe failed.
    Probe,
    /// It did not become ready in time.
    NotReady,
    /// The program could not be executed.
    Spawn,
    /// The config said so.
    Config,
    /// It is meant to run and did not: the node came back, or a delay was over.
    Restart,
    /// The host was restarted.
    HostReboot,
    /// The node went down in order.
    Shutdown,
    /// The supervisor was away when it happened, or nobody can tell.
    #[default]
    Unknown,
}

impl Cause {
    /// The word for it, as in the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Finished => "finished",
            Self::OutOfMemory => "out-of-memory",
            Self::MemoryLimit => "memory-limit",
            Self::Request => "request",
            Self::Watch => "watch",
            Self::Cron => "cron",
            Self::Probe => "probe",
            Self::NotReady => "not-ready",
            Self::Spawn => "spawn",
            Self::Config => "config",
            Self::Restart => "restart",
            Self::HostReboot => "host-reboot",
            Self::Shutdown => "shutdown",
            Self::Unknown => "unknown",
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Event {
    /// Its number: grows by one with each event of this node, over restarts too.
    pub id: u64,
    /// When.
    pub time: Time,
    /// What.
    pub kind: EventKind,
    /// The app it is about; none for the node itself.
    pub app: Option<String>,
    /// The instance, by its number within the app.
    pub index: Option<u32>,
    /// Why.
    pub cause: Cause,
    /// What happened in words, to be shown after the name of the app: `restarted: crash, exit 1 after 3 s`.
    pub message: String,
    /// Who asked, where somebody did: name of a token or user.
    pub actor: Option<String>,
    /// The state that it led to.
    pub state: Option<State>,
    /// Process id, at start, adoption and exit.
    pub pid: Option<u32>,
    /// Exit code, at exit.
    pub exit_code: Option<i32>,
    /// Name of the signal, at exit.
    pub signal: Option<String>,
    /// How long the process had run in ms, at exit.
    pub ran_ms: Option<u64>,
    /// The most memory it was seen to use in bytes, at exit.
    pub peak_memory_bytes: Option<u64>,
    /// When it will be started again, when backing off.
    pub retry_at: Option<Time>,
    /// The last lines that it wrote, at exit by itself; oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_lines: Vec<String>,
}

impl Event {
    /// An event with what every one has; the manager numbers it.
    #[must_use]
    pub fn new(time: Time, kind: EventKind, cause: Cause, message: impl Into<String>) -> Self {
        Self {
            id: 0,
            time,
            kind,
            app: None,
            index: None,
            cause,
            message: message.into(),
            actor: None,
            state: None,
            pid: None,
            exit_code: None,
            signal: None,
            ran_ms: None,
            peak_memory_bytes: None,
            retry_at: None,
            last_lines: Vec::new(),
        }
    }
}
