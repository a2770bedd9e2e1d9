//! Signs of trouble that no check of an app's health sees, and what is done about them.

use serde::{Deserialize, Serialize};

use super::{Remedy, Time};

/// What kind of trouble it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// It uses a core, or nearly, without a pause.
    Busy,
    /// Its memory is near its limit.
    Memory,
    /// Its memory grows steadily.
    Leak,
    /// Its event loop comes too late.
    Lag,
    /// It has nearly as many files open as it may.
    Files,
    /// Its children ended, and it does not wait for them (wait(2)).
    Zombies,
    /// It has written nothing for too long.
    Silence,
    /// It fails again and again.
    Flapping,
    /// Another process listens where it should.
    PortTaken,
}

/// Trouble that was found, with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Finding {
    /// What kind of trouble.
    pub sign: Sign,
    /// The evidence, as a sentence without its full stop.
    pub message: String,
    /// Since when it has been so.
    pub since: Time,
    /// When it will come to its worst, where that can be told: memory that grows reaches its limit.
    pub expected_at: Option<Time>,
}

/// From when on something counts as trouble, and what is done then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Threshold {
    /// The value above which it counts.
    pub above: u64,
    /// It has to be so for as long as this, in ms.
    pub for_ms: u64,
    /// What is done.
    pub remedy: Remedy,
}

/// What counts as trouble (`health`). Nothing is looked for where nothing stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Signs {
    /// CPU of the tree in percent of one core (`cpu`).
    pub cpu: Option<Threshold>,
    /// Lag of the event loop at its 99th percentile, in ms (`lag`).
    pub lag: Option<Threshold>,
    /// Open files of a process in percent of what it may have (`files`).
    pub files: Option<Threshold>,
    /// Time without a line, in ms (`silence`).
    pub silence: Option<Threshold>,
    /// Steady growth of memory (`leak`): `above` is the growth in MB an hour, `for_ms` the time that is looked at.
    pub leak: Option<Threshold>,
    /// Failures within `for_ms` (`flapping`); these are told alone.
    pub flapping: Option<Threshold>,
    /// Time between two restarts for such reasons, at least; ms (`cooldown`).
    pub cooldown_ms: u64,
}

impl Default for Signs {
    /// More than nine tenths of a core for half a minute (seed 002 looks for 90 %), an event loop that is half a second late,
    /// nine tenths of the files, a leak that ten minutes show, four failures in ten minutes. All of it is told, and nothing done.
    fn default() -> Self {
        let told = |above, for_ms| Some(Threshold { above, for_ms, remedy: Remedy::Tell });
        Self {
            cpu: told(90, 30_000),
            lag: told(500, 30_000),
            files: told(90, 10_000),
            silence: None,
            leak: told(1, 600_000),
            flapping: told(3, 600_000),
            cooldown_ms: 60_000,
        }
    }
}

impl Signs {
    /// Nothing is looked for.
    pub const OFF: Self =
        Self { cpu: None, lag: None, files: None, silence: None, leak: None, flapping: None, cooldown_ms: 60_000 };
}
