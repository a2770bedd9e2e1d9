//! What pages ask while they are rendered on the server. In the browser the same questions go to the API.

use async_trait::async_trait;

use crate::model::{App, AppMetrics, Availability, Event, LogPage, Overview, Time};

/// Answers of the node to a page that is being rendered, for the one who asked for the page.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// What the overview shows.
    async fn overview(&self) -> Overview;
    /// One app.
    async fn app(&self, name: &str) -> Option<App>;
    /// Samples of an app in a span, at most `points` of them. The error is a sentence.
    async fn metrics(&self, name: &str, from: Time, to: Time, points: usize) -> Result<AppMetrics, String>;
    /// At most `limit` lines of an app: the latest, or those just before or just after a moment. The error is a sentence.
    async fn logs(&self, name: &str, around: Around, limit: usize) -> Result<LogPage, String>;
    /// The latest events, newest first, of one app or of all. The error is a sentence.
    async fn events(&self, app: Option<&str>, limit: usize) -> Result<Vec<Event>, String>;
    /// How much of the time an app was there. The error is a sentence.
    async fn availability(&self, name: &str) -> Result<Availability, String>;
    /// May the one who asked control apps (role operator or admin)?
    fn may_control(&self) -> bool;
}

/// Which lines of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Around {
    /// The latest.
    End,
    /// Those just before this moment.
    Before(Time),
    /// Those at this moment and just after it.
    After(Time),
}
