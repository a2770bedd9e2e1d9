//! What a machine is told and what it answers: the words that all of the engine shares.

use app::model::{Cause, EventKind};

/// Milliseconds of a clock that never jumps ([`process::monotonic_ms`](crate::process::monotonic_ms)).
pub type Mono = u64;

/// How a process ended, as far as the kernel told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Exit code.
    Code(i32),
    /// Number of the signal.
    Signal(i32),
    /// The kernel ended it for lack of memory, by SIGKILL, or something that it ran, of which it told with this exit code.
    OutOfMemory(Option<i32>),
    /// Nobody could tell: the supervisor was away, or the kernel does not say.
    Unknown,
}

/// Why something is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// The cause.
    pub cause: Cause,
    /// Who asked, where somebody did.
    pub actor: Option<String>,
    /// More in words, such as `memory 301 MB over its limit of 300 MB`.
    pub detail: Option<String>,
}

impl Why {
    /// A cause that needs no more words.
    #[must_use]
    pub fn plain(cause: Cause) -> Self {
        Self { cause, actor: None, detail: None }
    }

    /// Somebody asked.
    #[must_use]
    pub fn asked_by(actor: impl Into<String>) -> Self {
        Self { cause: Cause::Request, actor: Some(actor.into()), detail: None }
    }
}

/// A run that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// How it ended.
    pub ended: Ended,
    /// How long it ran, in ms.
    pub ran_ms: u64,
    /// Did it come so far that it counted as running?
    pub ready: Ready,
}

/// How far a run came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// It counted as running.
    Yes,
    /// It ended before it said that it was ready.
    No,
    /// It was ended, because it did not say so within its `listen_timeout`.
    TooLate,
}

/// How those stand that an app depends on. The words say what is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dependencies {
    /// All of them are ready.
    Ready,
    /// One is on its way.
    Coming(String),
    /// One does not run, and nobody knows when it will.
    Resting(String),
}

/// What happens to an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Somebody wants it to run.
    Start(Why),
    /// Somebody wants it to rest.
    Stop(Why),
    /// Another process has taken its place: it is to finish what it has, if it knows how, and to rest.
    Retire(Why),
    /// It is to be replaced by a new process. An automatic cause touches only what runs.
    Restart(Why),
    /// It was running when the supervisor came: a process that started so long ago.
    Adopted {
        /// Its age in ms.
        age_ms: u64,
    },
    /// It ran when the supervisor was last there, and its process is gone now.
    Lost {
        /// Are processes of its tree left?
        leftovers: bool,
        /// Was its end told already?
        told: bool,
    },
    /// The answer to [`Effect::AskDependencies`], and each change of it.
    Dependencies(Dependencies),
    /// [`Effect::Spawn`] worked.
    Spawned,
    /// [`Effect::Spawn`] did not work.
    SpawnFailed(String),
    /// [`Effect::Spawn`] has to wait until then, because too many processes are started at once.
    TooMany(Mono),
    /// The process says that it is ready.
    Ready,
    /// The main process is gone.
    Exited {
        /// How.
        ended: Ended,
        /// Are processes of its tree left?
        leftovers: bool,
    },
    /// Nothing of the tree is left; only told after [`Effect::WatchTree`].
    TreeGone,
    /// The time of the last [`Effect::Wake`] has come.
    Due,
    /// Counters go to 0.
    Reset,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Tell how those stand that it depends on, now and until they are ready.
    AskDependencies,
    /// Start a process; answer with `Spawned` or `SpawnFailed`.
    Spawn,
    /// Tell it to take nothing new and to end when it has finished what it has.
    Drain,
    /// Send the stop signal to the whole tree.
    Signal,
    /// Kill the whole tree, and whatever it forks meanwhile.
    Kill,
    /// Tell when nothing of the tree is left.
    WatchTree,
    /// Call again at this time; replaces what was asked for before.
    Wake(Mono),
    /// Tell what happened.
    Tell(Tale),
}

/// What happened, for the event log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tale {
    /// What kind of thing.
    pub kind: EventKind,
    /// Why.
    pub why: Why,
    /// In words.
    pub message: String,
    /// How the process ended, at exit.
    pub ended: Option<Ended>,
    /// How long it had run in ms, at exit.
    pub ran_ms: Option<u64>,
}
