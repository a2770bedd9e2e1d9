//! Where the engine keeps what was asked for. Implemented by the history; the engine knows only this.

use app::model::AppRecord;

/// Keeps apps over the end of the program and of the host. Calls may block; the engine makes them on threads of their own.
pub trait Store: Send + Sync + 'static {
    /// Remembers these apps as they are now.
    ///
    /// # Errors
    /// A sentence: what failed and why.
    fn put(&self, records: &[AppRecord]) -> Result<(), String>;
    /// The same, but over the end of the host only after `settle`. It does not wait for the disk.
    ///
    /// # Errors
    /// A sentence: what failed and why.
    fn note(&self, records: &[AppRecord]) -> Result<(), String>;
    /// Waits until all of it is on the disk.
    ///
    /// # Errors
    /// A sentence: what failed and why.
    fn settle(&self) -> Result<(), String>;
    /// Forgets an app.
    ///
    /// # Errors
    /// A sentence: what failed and why.
    fn remove(&self, name: &str) -> Result<(), String>;
}
