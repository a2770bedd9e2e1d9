//! A look at the head of a FIFO that takes nothing out of it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, tee};

use super::plan::LINE_LIMIT;

/// Room for looks. What was seen last can be read again.
pub(super) struct Scratch {
    read: OwnedFd,
    write: OwnedFd,
    buffer: Vec<u8>,
}

impl Scratch {
    pub(super) fn new() -> io::Result<Self> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // More slots: tee(2) copies by page, however little of the page is filled.
        let _ = fcntl_setpipe_size(&write, 4 * LINE_LIMIT);
        Ok(Self { read, write, buffer: vec![0; LINE_LIMIT] })
    }

    /// Gives the bytes that come next, at most `LINE_LIMIT`; none if the FIFO is empty.
    pub(super) fn look(&mut self, fifo: impl AsFd) -> io::Result<&[u8]> {
        let seen = match tee(fifo, &self.write, LINE_LIMIT, SpliceFlags::NONBLOCK) {
            Err(Errno::AGAIN) => 0,
            seen => seen?,
        };
        let mut filled = 0;
        while filled < seen {
            filled += rustix::io::read(&self.read, &mut self.buffer[filled..seen])?;
        }
        Ok(&self.buffer[..seen])
    }

    /// Takes bytes that were seen out of the FIFO.
    pub(super) fn discard(&mut self, fifo: impl AsFd, count: usize) -> io::Result<()> {
        let mut done = 0;
        while done < count {
            match rustix::io::read(&fifo, &mut self.buffer[done..count]) {
                Ok(0) | Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                read => done += read?,
            }
        }
        Ok(())
    }

    /// The first `count` bytes of what was seen last.
    pub(super) fn seen(&self, count: usize) -> &[u8] {
        self.buffer.get(..count).unwrap_or(&self.buffer)
    }
}
