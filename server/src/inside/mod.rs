//! What Node apps tell of what goes on inside them: a small probe, which `qd` has them load, answers over a Unix socket when it is
//! asked. What it says is never trusted further than it reaches: the kernel tells whose process speaks (unix(7), `SO_PEERCRED`),
//! and nonsense costs it the connection and nothing else.

mod files;
mod metrics;
mod place;
mod prometheus;
mod talk;
mod word;

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use app::model::{AppSpec, InsideFigures, ProfileKind};
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot, watch};

pub use files::{Profiles, Unfinished};
pub use metrics::Metrics;
pub use place::lay_out;
pub use prometheus::values;
pub use word::Exception;

use self::metrics::Told;
use self::place::Place;
use self::talk::Order;
use crate::process::{self, Moment, Variables};

/// How many processes are heard at a time.
const MOST: usize = 1024;
/// How many exceptions wait to be asked for.
const KEPT: usize = 64;
/// A report that comes later than this says that the event loop was held up.
const LATE: Duration = Duration::from_secs(1);
/// How long a heap snapshot may take, and a CPU profile beyond its length.
const HEAP_PATIENCE: Duration = Duration::from_mins(10);
const CPU_PATIENCE: Duration = Duration::from_mins(1);
/// How long the last word of a process may hold up its restart.
const LAST_WORD_PATIENCE: Duration = Duration::from_millis(50);

/// Exceptions that apps lived through, with the ids of their processes.
pub type Caught = mpsc::UnboundedReceiver<(u32, Exception)>;

/// What is known of the insides of processes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Inside(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    place: Option<Place>,
    heard: Mutex<Heard>,
    /// Changes when a connection ends.
    ended: watch::Sender<()>,
    caught: mpsc::UnboundedSender<(u32, Exception)>,
}

#[derive(Debug, Default)]
struct Heard {
    speakers: HashMap<u32, Speaker>,
    /// Of processes that have ended.
    exceptions: VecDeque<(u32, Exception)>,
    connections: u64,
    told: Told,
}

/// A process that is connected.
#[derive(Debug)]
struct Speaker {
    connection: u64,
    figures: Option<InsideFigures>,
    /// When it was asked for what it has not said yet.
    asked: Option<Moment>,
    orders: mpsc::Sender<Order>,
}

impl Inside {
    /// Puts the probe into a folder that all may enter, or into `run`, and listens for it, on a thread of its own. Where that fails,
    /// apps run without.
    /// Exceptions that an app lived through come by the receiver, with its process id.
    ///
    /// # Errors
    /// The thread cannot be made.
    pub fn start(open: Option<&Path>, run: &Path) -> io::Result<(Self, Caught)> {
        let made = Place::make(open, run)
            .inspect_err(|error| tracing::warn!(%error, "failed to set up the probe for Node apps; they run without"));
        Self::begin(made.ok())
    }

    fn begin(made: Option<(Place, std::os::unix::net::UnixListener)>) -> io::Result<(Self, Caught)> {
        let (place, listener) = made.unzip();
        let (caught, told) = mpsc::unbounded_channel();
        let this = Self(Arc::new(Inner { place, heard: Mutex::default(), ended: watch::Sender::new(()), caught }));
        if let Some(listener) = listener {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            builder.enable_all();
            let runtime = process::runtime(builder)?;
            let inside = this.clone();
            std::thread::Builder::new().name("inside".into()).spawn(move || runtime.block_on(inside.listen(listener)))?;
        }
        Ok((this, told))
    }

    /// Where files lie that all apps can read, if there is such a place.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.0.place.as_ref()?.folder()
    }

    async fn listen(self, listener: std::os::unix::net::UnixListener) {
        let listener = match UnixListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!(%error, "failed to listen for the probes of Node apps"),
        };
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let peer = stream.peer_cred().ok().and_then(|peer| u32::try_from(peer.pid()?).ok());
                    if let Some(pid) = peer.filter(|_| self.heard().speakers.len() < MOST) {
                        tokio::spawn(talk::talk(self.clone(), pid, stream));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "failed to accept the probe of a Node app");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has an app that Node runs load the probe, by its environment, unless it does not want that or cannot reach it.
    pub fn enter(&self, spec: &AppSpec, env: &mut Variables<'_>) {
        if let Some(place) = &self.0.place {
            place.enter(spec, env);
        }
    }

    /// What a process last said of itself.
    #[must_use]
    pub fn figures(&self, pid: u32) -> Option<InsideFigures> {
        let heard = self.heard();
        let speaker = heard.speakers.get(&pid)?;
        let mut figures = speaker.figures.clone()?;
        if let Some(late) = speaker.asked.map(|asked| asked.elapsed()).filter(|late| *late > LATE) {
            figures.event_loop_lag_p99_ms = figures.event_loop_lag_p99_ms.max(late.as_secs_f32() * 1000.0);
        }
        Some(figures)
    }

    /// Has a process write a profile into this file, no more bytes than `most`. Gives how many there are. A CPU profile takes so
    /// many seconds.
    ///
    /// # Errors
    /// Why there is none, as a sentence without its full stop.
    pub async fn profile(&self, pid: u32, kind: ProfileKind, seconds: u32, file: File, most: u64) -> Result<u64, String> {
        const SILENT: &str =
            "its probe is not connected; it needs Node 18 or newer and a start by this qd, and `node_probe` must not be false";
        let (text, patience) = match kind {
            ProfileKind::Heap => ("heap\n".to_owned(), HEAP_PATIENCE),
            ProfileKind::Cpu => (format!("cpu {seconds}\n"), CPU_PATIENCE + Duration::from_secs(seconds.into())),
        };
        let orders = self.heard().speakers.get(&pid).map(|speaker| speaker.orders.clone()).ok_or(SILENT)?;
        let (done, answer) = oneshot::channel();
        orders.try_send(Order { text, file, most, done }).map_err(|_| "it is busy with another one; try again".to_owned())?;
        match tokio::time::timeout(patience, answer).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err("the process ended or lost its connection meanwhile".into())),
            Err(_) => {
                Err(format!("it did not come within {} s; the event loop of the process may be blocked", patience.as_secs()))
            }
        }
    }

    /// The exception of which a process died that has ended just now.
    pub async fn last_word(&self, pid: u32) -> Option<Exception> {
        let mut ended = self.0.ended.subscribe();
        let word = async {
            loop {
                {
                    let mut heard = self.heard();
                    if let Some(at) = heard.exceptions.iter().position(|(whose, _)| *whose == pid) {
                        return heard.exceptions.remove(at).map(|(_, exception)| exception);
                    }
                    if !heard.speakers.contains_key(&pid) {
                        return None;
                    }
                }
                // What it wrote last is read before its connection counts as ended.
                ended.changed().await.ok()?;
            }
        };
        tokio::time::timeout(LAST_WORD_PATIENCE, word).await.ok().flatten()
    }
}

#[cfg(test)]
mod tests;
