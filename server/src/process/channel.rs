//! The channel between Node and its parent: `process.send` there, lines of JSON here (Node's `child_process`, "advanced
//! serialization" off).

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use tokio::net::UnixStream;

use super::pidfd::PidFd;

/// The end of the app, as a number that Node is told by `NODE_CHANNEL_FD`.
pub const CHANNEL_FD: u32 = 3;
/// Where the app holds our end as well: so nothing is closed when we die, and the next of us finds it there.
const OUR_END_IN_THE_APP: i32 = 4;
/// Longer messages are not for us.
const LONGEST: usize = 64 << 10;

/// Our end.
#[derive(Debug)]
pub struct Channel {
    stream: UnixStream,
    line: Vec<u8>,
    /// The line is too long, and what is left of it is passed over.
    skips: bool,
}

/// What an app says that concerns us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// `process.send('ready')`.
    Ready,
}

/// Both ends, as files that the app is to have from [`CHANNEL_FD`] on, and ours.
///
/// # Errors
/// No descriptors are left.
pub fn channel() -> io::Result<(Channel, [OwnedFd; 2])> {
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    let held = ours.try_clone()?;
    Ok((Channel::over(ours)?, [theirs, held]))
}

impl Channel {
    /// The channel of an app that an earlier supervisor started. None where the kernel does not hand it over
    /// (pidfd_getfd(2) asks for the right to trace it), or the app has closed it.
    #[must_use]
    pub fn of(app: &PidFd) -> Option<Self> {
        let fd = rustix::process::pidfd_getfd(app.as_fd(), OUR_END_IN_THE_APP, rustix::process::PidfdGetfdFlags::empty());
        Self::over(fd.ok()?).ok()
    }

    fn over(fd: OwnedFd) -> io::Result<Self> {
        let stream = std::os::unix::net::UnixStream::from(fd);
        stream.set_nonblocking(true)?;
        Ok(Self { stream: UnixStream::from_std(stream)?, line: Vec::new(), skips: false })
    }

    /// The next word that concerns us; whatever else the app says is passed over. May be given up and called again.
    ///
    /// # Errors
    /// The app has closed its end.
    pub async fn word(&mut self) -> io::Result<Word> {
        loop {
            while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.line.drain(..=end).collect();
                let whole = !std::mem::take(&mut self.skips);
                if whole && line.trim_ascii() == br#""ready""# {
                    return Ok(Word::Ready);
                }
            }
            if self.line.len() > LONGEST {
                self.line.clear();
                self.skips = true;
            }
            self.stream.readable().await?;
            let mut bytes = [0; 4096];
            match self.stream.try_read(&mut bytes) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.line.extend_from_slice(bytes.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Tells the app to end, as PM2 does with `shutdown_with_message`; false if it cannot be told.
    #[must_use]
    pub fn tell_shutdown(&self) -> bool {
        const SHUTDOWN: &[u8] = b"\"shutdown\"\n";
        matches!(self.stream.try_write(SHUTDOWN), Ok(count) if count == SHUTDOWN.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[tokio::test]
    async fn ready_among_other_messages() {
        let (mut ours, [theirs, _held]) = channel().unwrap();
        let mut theirs = std::os::unix::net::UnixStream::from(theirs);
        let writer = std::thread::spawn(move || {
            theirs.write_all(b"{\"type\":\"axm:monitor\"}\n\"not ready\"\n\"re").unwrap();
            theirs.write_all(b"ady\"\n").unwrap();
            theirs.write_all(&vec![b'x'; 3 * LONGEST]).unwrap();
            theirs.write_all(b"\"ready\"\n\"ready\"\n").unwrap();
            theirs
        });
        assert_eq!(ours.word().await.unwrap(), Word::Ready);
        assert_eq!(ours.word().await.unwrap(), Word::Ready, "the end of a long line is no word of its own");
        writer.join().unwrap();
    }
}
