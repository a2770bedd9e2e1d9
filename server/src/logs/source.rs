//! A FIFO that is read, and one turn of moving its bytes.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use app::model::LogPolicy;
use rustix::io::Errno;
use tokio::sync::oneshot;

use super::names::Route;
use super::plan::{self, Head, Step};
use super::scratch::Scratch;
use super::target::{NameLock, Target};

/// At most so many bytes are moved in one turn, so that one that floods holds up nobody.
const TURN: usize = 256 << 10;
/// How long a line without its end waits before it goes to a file that has other writers.
const PARTIAL: Duration = Duration::from_secs(1);
/// Pause before a terminal or pipe that took nothing is tried again.
const DEVICE_PAUSE: Duration = Duration::from_millis(20);

/// A stream of an app.
pub(super) struct Source {
    pub(super) fifo: OwnedFd,
    pub(super) inode: u64,
    pub(super) route: Route,
    pub(super) policy: LogPolicy,
    /// Does the kernel tell when something comes? Where it cannot be asked to, it is looked at now and then.
    pub(super) watched: bool,
    /// Does it wait for its turn?
    pub(super) queued: bool,
    /// Bytes moved since it was opened.
    pub(super) moved: u64,
    /// It is closed when so many bytes were moved.
    pub(super) closing: Option<u64>,
    waiters: Vec<(u64, oneshot::Sender<()>)>,
    partial_since: Option<Instant>,
}

/// What came of a turn.
#[derive(Debug)]
pub(super) enum Pass {
    /// So many bytes were moved.
    Moved(usize),
    /// The file was put aside.
    Rotated,
    /// Nothing is in the FIFO.
    Empty,
    /// Nothing can be done before this moment, unless more comes.
    Wait(Instant),
    /// The file takes nothing before this moment.
    Stuck(Instant),
}

/// Why a turn failed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The file cannot be put aside; it can still be written.
    Rotate(io::Error),
    /// The file cannot be written.
    Write(io::Error),
}

impl<E: Into<io::Error>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Write(error.into())
    }
}

impl Source {
    pub(super) fn new(fifo: OwnedFd, inode: u64, route: Route, policy: LogPolicy) -> Self {
        Self {
            fifo,
            inode,
            route,
            policy,
            watched: false,
            queued: false,
            moved: 0,
            closing: None,
            waiters: Vec::new(),
            partial_since: None,
        }
    }

    /// Bytes that wait in the FIFO.
    pub(super) fn available(&self) -> u64 {
        rustix::io::ioctl_fionread(&self.fifo).unwrap_or(0)
    }

    /// Tells `done` when all that is in the FIFO now was moved.
    pub(super) fn wait(&mut self, done: oneshot::Sender<()>) {
        self.waiters.push((self.moved + self.available(), done));
    }

    /// Counts, and tells those who waited for this.
    pub(super) fn count(&mut self, bytes: usize) {
        self.moved += bytes as u64;
        let moved = self.moved;
        for (_, done) in self.waiters.extract_if(.., |(end, _)| *end <= moved) {
            let _ = done.send(());
        }
    }

    /// Tells all who wait: there is nothing more to wait for, or it takes too long.
    pub(super) fn end_waits(&mut self) {
        for (_, done) in self.waiters.drain(..) {
            let _ = done.send(());
        }
    }

    /// Must all of it be moved, whole lines or not?
    fn in_haste(&self, now: Instant) -> bool {
        !self.waiters.is_empty() || self.closing.is_some() || self.partial_since.is_some_and(|since| now >= since + PARTIAL)
    }

    /// Moves some bytes to the file. With a copy to be made, what was moved is what `scratch` has seen.
    pub(super) fn pass(
        &mut self,
        target: &mut Target,
        scratch: &mut Scratch,
        names: &NameLock,
        now: Instant,
    ) -> Result<Pass, Trouble> {
        let available = self.available();
        if available == 0 {
            self.partial_since = None;
            return Ok(Pass::Empty);
        }
        target.look(names)?;
        let shared = self.route.shared || target.users > 1;
        if target.splices && !shared && self.route.copy.is_none() && target.has_room(TURN as u64) {
            match target.splice(self.fifo.as_fd(), TURN, None) {
                // This file system, or a terminal, knows no splice.
                Err(Errno::INVAL) => target.splices = false,
                moved => return self.told(moved.map_err(Into::into), now),
            }
        }
        let bytes = scratch.look(&self.fifo)?;
        if bytes.is_empty() {
            return Ok(Pass::Empty);
        }
        let whole_lines = (shared || self.route.copy.is_some()) && !self.in_haste(now);
        match plan::next(target.state(), Head { bytes, all: available <= bytes.len() as u64, whole_lines }) {
            Step::Rotate => target.rotate(names).map(|()| Pass::Rotated).map_err(Trouble::Rotate),
            Step::Hold => Ok(Pass::Wait(*self.partial_since.get_or_insert(now) + PARTIAL)),
            Step::Take(count) if target.splices => match target.splice(self.fifo.as_fd(), count, Some(bytes)) {
                Err(Errno::INVAL) => {
                    target.splices = false;
                    Ok(Pass::Moved(0))
                }
                moved => self.told(moved.map_err(Into::into), now),
            },
            // A kill between the two doubles these bytes; the other order would lose them.
            Step::Take(count) => {
                let written = target.write(scratch.seen(count));
                if let Ok(count) = written {
                    scratch.discard(&self.fifo, count)?;
                }
                self.told(written, now)
            }
        }
    }

    fn told(&mut self, moved: io::Result<usize>, now: Instant) -> Result<Pass, Trouble> {
        match moved {
            Ok(count) => {
                self.partial_since = None;
                Ok(Pass::Moved(count))
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Pass::Moved(0)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Pass::Stuck(now + DEVICE_PAUSE)),
            Err(error) => Err(Trouble::Write(error)),
        }
    }
}
