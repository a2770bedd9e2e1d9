//! What `qd` itself uses, and whether it keeps up.

use serde::{Deserialize, Serialize};

/// Figures of this process of `qd`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct DaemonFigures {
    /// Resident memory in MiB.
    pub memory_rss_mb: f32,
    /// Threads.
    pub threads: u32,
    /// Open files, sockets among them.
    pub open_files: u32,
    /// How many it may have open.
    pub open_files_limit: u32,
    /// How late the thread that starts and stops apps was at worst since the document before, in ms.
    pub engine_lag_ms: u64,
    /// How late the thread that measures was at worst since the document before, in ms.
    pub ticker_lag_ms: u64,
    /// Events and documents that wait to be written to the history.
    pub history_queue: u32,
    /// Size of `history.db` in bytes.
    pub history_bytes: u64,
    /// Size of `state.db` in bytes.
    pub state_bytes: u64,
}
