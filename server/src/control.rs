//! Everything that a person or a program may ask of a node. It knows nothing of HTTP; who may ask was decided before.

use std::sync::{Arc, OnceLock};

use app::model::{
    Action, App, AppMetrics, AppSpec, Availability, Definition, EnvBlock, Event, EventKind, HealthDocument, LogPage, LogStream,
    Node, Overview, ProfileFile, ProfileOrder, Snapshot, StreamEvent, Time,
};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use thiserror::Error;
use tokio::sync::broadcast;

/// A value and its JSON, made once however many read it, and not at all if nobody does.
#[derive(Clone, Debug)]
pub struct Told<T> {
    /// The value.
    pub value: T,
    json: OnceLock<Bytes>,
}

impl<T: serde::Serialize> Told<T> {
    /// Takes a value that is to be told.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self { value, json: OnceLock::new() }
    }

    /// It as JSON.
    #[must_use]
    pub fn json(&self) -> Bytes {
        let write = || match serde_json::to_vec(&self.value) {
            // It may be kept for long, and without the room that it needed to grow.
            Ok(json) => json.into_boxed_slice().into(),
            Err(error) => {
                tracing::error!(%error, "failed to write a message as JSON");
                Bytes::from_static(b"null")
            }
        };
        self.json.get_or_init(write).clone()
    }
}

/// What is told to all who follow a node.
#[derive(Clone, Debug)]
pub enum Live {
    /// A new health document.
    Health(Arc<Told<HealthDocument>>),
    /// Something happened.
    Event(Arc<Told<StreamEvent>>),
}

/// The beginning of a subscription: apply `snapshot` or `missed`, then what comes from `live`.
/// What is told by both has the same event id; skip it the second time.
#[derive(Debug)]
pub struct Follow {
    /// The caller was too far behind, or knew an id that never was: it must forget what it knew.
    pub resync: bool,
    /// How things stand.
    pub snapshot: Told<Snapshot>,
    /// Events after the one that the caller knew, oldest first; empty if it knew none.
    pub missed: Vec<Arc<Told<StreamEvent>>>,
    /// What comes from now on. `Lagged` means that the caller was too slow and must follow anew.
    pub live: broadcast::Receiver<Live>,
}

/// Who asks, as it stands in the events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Name of the token, of the user, or what stands for it: `command line`.
    pub name: String,
}

/// Why something was not done. The text is a sentence for the one who asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// There is no such app.
    #[error("Component not found: no app is called {0}")]
    NotFound(String),
    /// The state of the app forbids it.
    #[error("{0}")]
    Conflict(String),
    /// It was tried and failed.
    #[error("{0}")]
    Failed(String),
    /// The query cannot be answered: a field of it is bad.
    #[error("{field}: {why}")]
    BadField {
        /// Name of the field.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Everything is being stopped.
    #[error("qd is going down; ask again when it is back")]
    Closing,
    /// The engine is away.
    #[error("The engine does not answer; look at the log of qd, then restart it")]
    Away,
}

/// What was done to an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// PM2's `pm_id` of its first instance.
    pub pm_id: u32,
    /// In words: `Component restarted successfully`.
    pub message: String,
}

/// Why definitions are handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intake {
    /// A config file was read again: what was stopped stays so, and a change counts from the next start.
    Reread,
    /// A person wants all of them to run.
    Run {
        /// Is the environment that comes along for known apps too, from their next start? Else only for new ones.
        environment: bool,
    },
    /// Known apps go on until they are restarted or reloaded, which comes next.
    Later {
        /// The same.
        environment: bool,
    },
}

/// What became of an app that was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Applied {
    /// It is new and was started, unless `autostart` is off.
    Added,
    /// Its definition changed; it counts from now on, the app was restarted or started with it.
    Changed,
    /// It was known in the same form, and was started if it did not run.
    Unchanged,
}

/// Which lines of an app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// One stream, or both in the order of time.
    pub stream: Option<LogStream>,
    /// Lines before this: a time (RFC 3339) or a cursor of a page.
    pub before: Option<String>,
    /// Lines after this: a time or a cursor. With it the page begins there; else it ends at `before` or at the end.
    pub after: Option<String>,
    /// At most so many lines.
    pub limit: usize,
    /// Only lines that contain this text, whatever the case of its letters.
    pub text: Option<String>,
}

/// Which events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// Only those with a greater id.
    pub after: Option<u64>,
    /// Only those with a smaller id.
    pub before: Option<u64>,
    /// Only those of this app.
    pub app: Option<String>,
    /// Only those of this kind.
    pub kind: Option<EventKind>,
    /// Only those at or after this time.
    pub from: Option<Time>,
    /// Only those before this time.
    pub to: Option<Time>,
    /// At most so many, the newest.
    pub limit: usize,
}

/// A file in pieces.
pub type Pieces = BoxStream<'static, std::io::Result<Bytes>>;

/// A span of time and how many answers are wanted at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its start.
    pub from: Time,
    /// Its end.
    pub to: Time,
    /// At most so many points or documents.
    pub limit: usize,
}

/// A node. The engine of this host implements it, and a hub for the hosts that it is connected to.
#[async_trait]
pub trait Control: Send + Sync + 'static {
    /// Who answers.
    fn node(&self) -> Node;
    /// Does the engine work?
    fn is_ready(&self) -> bool;
    /// Has a thread that starts or measures apps not moved for so long that nobody should wait for it any more?
    fn hangs(&self) -> bool;
    /// Every app in the order in which it was added, from memory.
    fn apps(&self) -> Arc<Vec<App>>;
    /// The latest health document, from memory.
    fn health(&self) -> Arc<Told<HealthDocument>>;
    /// Hears a sign of life of the app that has this key. Says whether one has it.
    fn hear_heartbeat(&self, key: &str) -> bool;
    /// How things stand, and all that happens from now on; with `after`, what happened since that event too.
    fn follow(&self, after: Option<u64>) -> Follow;
    /// What the overview shows.
    async fn overview(&self) -> Overview;

    /// Does it, and answers when it is done.
    ///
    /// # Errors
    /// Unknown app; a state that forbids it; it was tried in vain.
    async fn act(&self, action: Action, name: &str, by: &Actor) -> Result<Done, Refusal>;
    /// Takes these definitions and runs them. Answers when each has been started.
    ///
    /// # Errors
    /// Nothing is taken if one cannot be.
    async fn apply(&self, specs: Vec<AppSpec>, intake: Intake, by: &Actor) -> Result<Vec<(String, Applied)>, Refusal>;
    /// Stops an app and forgets it.
    ///
    /// # Errors
    /// Unknown app; it would not stop.
    async fn delete(&self, name: &str, by: &Actor) -> Result<(), Refusal>;
    /// Sets its counters to 0.
    ///
    /// # Errors
    /// Unknown app.
    async fn reset(&self, name: &str, by: &Actor) -> Result<(), Refusal>;
    /// Empties its log files.
    ///
    /// # Errors
    /// Unknown app; the file system refused.
    async fn flush(&self, name: &str, by: &Actor) -> Result<(), Refusal>;
    /// Writes down the list of apps. An empty list never replaces one that is not. Answers how many were saved.
    ///
    /// # Errors
    /// There is nothing to save, or it could not be written.
    async fn save(&self, by: &Actor) -> Result<usize, Refusal>;
    /// Brings the saved list back: what is missing is added, what should run is started. Answers how many there are.
    ///
    /// # Errors
    /// Nothing was saved, or it could not be read.
    async fn resurrect(&self, by: &Actor) -> Result<usize, Refusal>;
    /// Ends the node after this answer: stops the apps in order.
    async fn shut_down(&self, by: &Actor);
    /// Puts this program in the place of the running one after this answer; apps and sockets stay. It was tried before.
    ///
    /// # Errors
    /// It is none, or cannot take over.
    async fn upgrade(&self, program: String, by: &Actor) -> Result<(), Refusal>;

    /// Every app with all that it was told, secrets too.
    async fn definitions(&self) -> Vec<Definition>;
    /// The environment that the first instance of an app was or would be given.
    ///
    /// # Errors
    /// Unknown app.
    async fn environment(&self, name: &str) -> Result<EnvBlock, Refusal>;
    /// Lines that it wrote.
    ///
    /// # Errors
    /// Unknown app; bad cursor.
    async fn logs(&self, name: &str, query: LogQuery) -> Result<LogPage, Refusal>;
    /// Its samples, thinned.
    ///
    /// # Errors
    /// Unknown app; the history cannot be read.
    async fn metrics(&self, name: &str, span: Span) -> Result<AppMetrics, Refusal>;
    /// How available it was, with what is left of its budget.
    ///
    /// # Errors
    /// Unknown app; the history cannot be read.
    async fn availability(&self, name: &str) -> Result<Availability, Refusal>;
    /// What happened, newest first.
    ///
    /// # Errors
    /// The history cannot be read.
    async fn events(&self, query: EventQuery) -> Result<Vec<Event>, Refusal>;
    /// Stored health documents as JSON, newest first.
    ///
    /// # Errors
    /// The history cannot be read.
    async fn snapshots(&self, span: Span) -> Result<Vec<Box<serde_json::value::RawValue>>, Refusal>;
    /// Takes a profile of a Node app, and answers when its file is written.
    ///
    /// # Errors
    /// Unknown app; it does not run; it has no probe in it; it ended meanwhile.
    async fn profile(&self, name: &str, order: ProfileOrder, by: &Actor) -> Result<ProfileFile, Refusal>;
    /// Profiles that were taken, of all apps or of one, newest first.
    ///
    /// # Errors
    /// They cannot be read.
    async fn profiles(&self, app: Option<String>) -> Result<Vec<ProfileFile>, Refusal>;
    /// One of them, by the name of its file. None if it is not there.
    ///
    /// # Errors
    /// It cannot be read.
    async fn profile_file(&self, file: String) -> Result<Option<(ProfileFile, Pieces)>, Refusal>;
    /// A consistent copy of the databases: a tar archive, compressed with gzip.
    ///
    /// # Errors
    /// It could not be made.
    async fn backup(&self) -> Result<Bytes, Refusal>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    struct Counted(AtomicU32);

    impl serde::Serialize for Counted {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_u32(self.0.fetch_add(1, Ordering::Relaxed))
        }
    }

    #[test]
    fn what_is_told_is_written_once_and_only_if_somebody_reads_it() {
        let told = Told::new(Counted(AtomicU32::new(0)));
        assert_eq!(told.value.0.load(Ordering::Relaxed), 0);
        assert_eq!((told.json(), told.json()), (Bytes::from_static(b"0"), Bytes::from_static(b"0")));
        assert_eq!(told.value.0.load(Ordering::Relaxed), 1);
    }
}
