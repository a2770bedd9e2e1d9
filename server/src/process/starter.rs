//! Threads that start processes. Whoever starts one sleeps until it has become the program (see [`super::born`]), which takes
//! for ever on a file system that hangs; the engine must not.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::born::Cradle;
use super::reaper::Reaper;
use super::spawn::{Child, Launch, SpawnError, spawn};

/// So many programs may hang before the others have to wait.
const THREADS: usize = 4;

/// What comes of a launch.
pub type Coming = oneshot::Receiver<Result<Child, SpawnError>>;
type Job = (Launch, oneshot::Sender<Result<Child, SpawnError>>);

/// Starts processes, several at a time, for one who does not wait. Its threads stay as long as the program: an app is the child
/// of the thread that started it, and would be handed to another one with its end.
#[derive(Debug)]
pub struct Starter(Sender<Job>);

impl Starter {
    /// Makes the threads.
    ///
    /// # Errors
    /// The host gives none.
    pub fn new(reaper: &Reaper) -> io::Result<Self> {
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..THREADS {
            let (queue, reaper) = (queue.clone(), reaper.clone());
            std::thread::Builder::new().name("starter".into()).spawn(move || work(&queue, &reaper))?;
        }
        Ok(Self(jobs))
    }

    /// Starts it. Whoever drops what it gives does not want the process any more: it is killed as soon as it is there.
    pub fn start(&self, launch: Launch) -> Coming {
        let (done, coming) = oneshot::channel();
        // The threads do not end before this is dropped.
        let _ = self.0.send((launch, done));
        coming
    }
}

fn work(queue: &Mutex<Receiver<Job>>, reaper: &Reaper) {
    let mut cradle = Cradle::default();
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((launch, done)) = job else { return };
        if done.is_closed() {
            continue;
        }
        if let Err(Ok(unwanted)) = done.send(spawn(launch, reaper, &mut cradle)) {
            let _ = unwanted.pidfd.send(libc::SIGKILL);
            reaper.abandon(unwanted.pidfd.pid());
        }
    }
}
