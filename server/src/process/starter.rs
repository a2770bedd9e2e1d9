//! Threads that start processes. Whoever starts one sleeps until it has become the program (see [`super::born`]), which takes
//! for ever on a file system that hangs; the engine must not.

use std::io;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::born::Cradle;
use super::reaper::Reaper;
use super::signal::kill_group;
use super::spawn::{Child, Launch, SpawnError, spawn};

/// So many programs may hang before the others have to wait.
const THREADS: usize = 4;

/// What comes of a launch. An error says that the thread is gone. Whoever drops it does not want the process any more: it is
/// killed as soon as it is there.
#[derive(Debug)]
pub struct Coming {
    child: oneshot::Receiver<Result<Child, SpawnError>>,
    reaper: Reaper,
}

impl Future for Coming {
    type Output = Result<Result<Child, SpawnError>, oneshot::error::RecvError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.child).poll(context)
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.child.close();
        // It was sent, and not looked at any more.
        if let Ok(Ok(child)) = self.child.try_recv() {
            put_away(&child, &self.reaper);
        }
    }
}

fn put_away(unwanted: &Child, reaper: &Reaper) {
    let pid = unwanted.pidfd.pid();
    // It leads a session and so a group, in which it may have made others by now.
    kill_group(pid);
    reaper.abandon(pid);
}

type Job = (Launch, oneshot::Sender<Result<Child, SpawnError>>);

/// Starts processes, several at a time, for one who does not wait. Its threads stay as long as the program: an app is the child
/// of the thread that started it, and would be handed to another one with its end.
#[derive(Debug)]
pub struct Starter {
    jobs: Sender<Job>,
    reaper: Reaper,
}

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
        Ok(Self { jobs, reaper: reaper.clone() })
    }

    /// Starts it.
    pub fn start(&self, launch: Launch) -> Coming {
        let (done, child) = oneshot::channel();
        // The threads do not end before this is dropped.
        let _ = self.jobs.send((launch, done));
        Coming { child, reaper: self.reaper.clone() }
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
            put_away(&unwanted, reaper);
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;
    use crate::process::spawn::tests::launch;
    use crate::process::testing::wait_for;

    #[test]
    fn one_that_nobody_wants_any_more_ends_with_all_that_it_made() {
        let starter = Starter::new(&Reaper::default()).unwrap();
        for is_sent in [true, false] {
            let (output, theirs) = std::io::pipe().unwrap();
            let launch = launch("/bin/sh", &["-c", "sleep 600 & wait"]);
            let coming = starter.start(Launch { stdout: theirs.into(), ..launch });
            if is_sent {
                wait_for("it is there", || (!coming.child.is_empty()).then_some(()));
            }
            drop(coming);
            let limit = Timespec { tv_sec: 30, tv_nsec: 0 };
            let nobody_has_it = poll(&mut [PollFd::new(&output, PollFlags::IN)], Some(&limit)).unwrap();
            assert_eq!(nobody_has_it, 1, "it runs on");
        }
    }
}
