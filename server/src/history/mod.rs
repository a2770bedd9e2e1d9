//! What is remembered. `state.db` holds what must not be lost; `history.db` holds what was measured and what happened,
//! and may be thrown away. Neither ever makes the engine wait: see [`History`].

mod archive;
mod availability;
mod database;
mod day;
mod documents;
mod error;
mod events;
mod level;
mod metrics;
mod raw;
mod readers;
mod recent;
mod retention;
mod rollup;
mod sample;
mod sqlite;
mod standing;
mod state;
mod store;
mod stored;
mod thin;
mod writer;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use app::model::Time;

pub use error::Error;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) use raw::probe;
pub use sample::{AppSample, HostSample, Tick};
pub use state::{AuditEntry, SecretHash, SessionRecord, State, TokenRecord};
pub use store::History;

/// Told a sentence whenever something about the databases is worth knowing: set aside, away, back.
/// Called on the thread that met it, so it must not wait.
pub type Notify = Arc<dyn Fn(String) + Send + Sync>;

/// How much of the history is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How often everything is measured.
    pub sample_every: Duration,
    /// How long every sample is kept.
    pub samples_kept: Duration,
    /// How long least, mean and greatest of each minute are kept.
    pub minutes_kept: Duration,
    /// How long those of each quarter of an hour are kept.
    pub quarter_hours_kept: Duration,
    /// How long those of each hour are kept.
    pub hours_kept: Duration,
    /// How long events are kept.
    pub events_kept: Duration,
    /// How long health documents are kept.
    pub documents_kept: Duration,
    /// Size of `history.db` in bytes above which the oldest goes, whatever its age.
    pub max_bytes: u64,
}

const DAY: Duration = Duration::from_secs(86_400);

impl Default for Settings {
    fn default() -> Self {
        Self {
            sample_every: Duration::from_secs(2),
            samples_kept: DAY,
            minutes_kept: DAY * 30,
            quarter_hours_kept: DAY * 365,
            hours_kept: DAY * 365 * 5,
            events_kept: DAY * 90,
            documents_kept: DAY,
            max_bytes: 512 << 20,
        }
    }
}

/// The wall clock: what is stored is read by people and by the next start.
pub(crate) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// For columns and limits: no number of ours comes near the end of `i64`.
fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A time so long before another.
fn before(time: Time, age: Duration) -> i64 {
    time.ms().saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}
