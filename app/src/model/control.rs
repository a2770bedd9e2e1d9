//! Requests to change something, and the answers of the control routes (seed 000 §6).

use serde::{Deserialize, Serialize};

/// What can be asked of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Start what does not run.
    Start,
    /// Stop the whole tree.
    Stop,
    /// Stop, then start.
    Restart,
    /// Replace without an interruption where the app can.
    Reload,
}

impl Action {
    /// The word of the route.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Reload => "reload",
        }
    }

    /// What it is when it is done: `Component restarted successfully`.
    #[must_use]
    pub const fn done(self) -> &'static str {
        match self {
            Self::Start => "started",
            Self::Stop => "stopped",
            Self::Restart => "restarted",
            Self::Reload => "reloaded",
        }
    }

    /// Reads the word of the route.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Start, Self::Stop, Self::Restart, Self::Reload].into_iter().find(|action| action.word() == word)
    }
}

/// Did it work?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum ControlStatus {
    /// It is done.
    Ok,
    /// It is not; `message` says why.
    Error,
}

/// The body of every answer of `POST /api/control/…`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ControlAnswer {
    /// Did it work?
    pub status: ControlStatus,
    /// What was asked: `restart`.
    pub action: String,
    /// Of which component.
    pub component: String,
    /// PM2's `pm_id` of its first instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pm2_id: Option<u32>,
    /// In words.
    pub message: String,
}
