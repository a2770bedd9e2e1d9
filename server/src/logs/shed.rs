//! Lines that are dropped because their file cannot be written, where the app may not wait for it.
//!
//! Only the head of a FIFO can be taken out of it, so it is always the oldest that goes. How much, is the policy.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;

use app::model::LogPolicy;
use memchr::{memchr_iter, memrchr};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::fcntl_getpipe_size;

use super::plan::LINE_LIMIT;
use super::scratch::Scratch;

/// What a file lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lost {
    lines: u64,
    pub(super) bytes: u64,
    /// Is the end of the last line still to come?
    open: bool,
    /// Why it was dropped.
    pub(super) why: String,
}

impl Lost {
    fn add(&mut self, bytes: &[u8]) {
        self.lines += memchr_iter(b'\n', bytes).count() as u64;
        self.bytes += bytes.len() as u64;
        self.open = bytes.last().map_or(self.open, |last| *last != b'\n');
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.lines + u64::from(self.open);
        let (s, were) = if lines == 1 { ("", "was") } else { ("s", "were") };
        write!(f, "{lines} line{s} ({} bytes) {were} dropped because {}", self.bytes, self.why)
    }
}

/// Makes room in a FIFO that is nearly full, and adds what was dropped. Gives how many bytes that were.
pub(super) fn shed(fifo: &OwnedFd, policy: LogPolicy, scratch: &mut Scratch, lost: &mut Lost) -> io::Result<usize> {
    let available = usize::try_from(rustix::io::ioctl_fionread(fifo)?).unwrap_or(usize::MAX);
    if policy == LogPolicy::Block || !is_nearly_full(fifo, available)? {
        return Ok(0);
    }
    let goal = if policy == LogPolicy::Newest { available / 2 } else { available };
    let mut done = 0;
    while done < goal {
        let bytes = scratch.look(fifo)?;
        let count = cut(bytes, goal - done, done == 0);
        if count == 0 {
            break;
        }
        lost.add(&bytes[..count]);
        scratch.discard(fifo, count)?;
        done += count;
    }
    Ok(done)
}

/// A pipe may be full long before its bytes are: each of its pages holds whole writes.
fn is_nearly_full(fifo: &OwnedFd, available: usize) -> io::Result<bool> {
    if available == 0 {
        return Ok(false);
    }
    if available >= fcntl_getpipe_size(fifo)? / 4 * 3 {
        return Ok(true);
    }
    let mut asked = [PollFd::new(fifo, PollFlags::OUT)];
    poll(&mut asked, Some(&Timespec::default()))?;
    Ok(!asked[0].revents().contains(PollFlags::OUT))
}

/// How many of these bytes are dropped, of at most `goal`: whole lines, but where there is none and `must`, or a line is
/// too long to be kept whole.
fn cut(bytes: &[u8], goal: usize, must: bool) -> usize {
    let most = bytes.len().min(goal);
    match memrchr(b'\n', &bytes[..most]) {
        Some(end) => end + 1,
        // A line that ends behind the goal goes as a whole.
        None => match memchr::memchr(b'\n', bytes) {
            Some(end) if must => end + 1,
            None if must || bytes.len() >= LINE_LIMIT => bytes.len(),
            _ => 0,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

    /// As a FIFO that one side holds for reading and writing, of the smallest size.
    fn pipe() -> (tempfile::TempDir, OwnedFd) {
        let home = tempfile::tempdir().unwrap();
        let fifo = crate::logs::fifo::open(&home.path().join("x")).unwrap().ours;
        fcntl_setpipe_size(&fifo, 64 << 10).unwrap();
        (home, fifo)
    }

    #[test]
    fn whole_lines_go_first() {
        for (bytes, goal, must, count) in [
            (&b"ab\ncd\nef"[..], 100, true, 6),
            (b"ab\ncd\nef", 5, true, 3),
            (b"ab\ncd", 1, true, 3),
            (b"ab\ncd", 1, false, 0),
            (b"abcd", 9, true, 4),
            (b"abcd", 9, false, 0),
            (b"", 9, true, 0),
            (&[b'x'; LINE_LIMIT], 9, false, LINE_LIMIT),
        ] {
            assert_eq!(cut(bytes, goal, must), count, "{goal} {must}");
        }
    }

    #[test]
    fn one_line_and_many_are_said() {
        let mut lost = Lost { why: "of a test".into(), ..Lost::default() };
        lost.add(b"abc");
        assert_eq!(lost.to_string(), "1 line (3 bytes) was dropped because of a test");
        lost.add(b"d\nef\n");
        assert_eq!(lost.to_string(), "2 lines (8 bytes) were dropped because of a test");
    }

    #[test]
    fn a_pipe_is_full_by_its_pages_too() {
        let (_home, fifo) = pipe();
        let mut scratch = Scratch::new().unwrap();
        let line = [&[b'x'; 2499][..], b"\n"].concat();
        let mut lines = 0;
        while rustix::io::write(&fifo, &line).is_ok() {
            lines += 1;
        }
        let mut lost = Lost::default();
        let done = shed(&fifo, LogPolicy::Drop, &mut scratch, &mut lost).unwrap();
        assert_eq!((done, lost.lines, lost.open), (lines * 2500, lines as u64, false));
        assert!(lines * 2500 < (64 << 10) / 4 * 3, "this pipe is full by its bytes");
    }

    #[test]
    fn room_is_left_alone_and_block_drops_nothing() {
        let (read, write) = pipe_with(PipeFlags::NONBLOCK).unwrap();
        let mut scratch = Scratch::new().unwrap();
        rustix::io::write(&write, b"one\n").unwrap();
        drop(write);
        let mut lost = Lost::default();
        assert_eq!(shed(&read, LogPolicy::Block, &mut scratch, &mut lost).unwrap(), 0);
        let (_home, fifo) = pipe();
        rustix::io::write(&fifo, b"one\n").unwrap();
        assert_eq!(shed(&fifo, LogPolicy::Drop, &mut scratch, &mut lost).unwrap(), 0);
        assert_eq!(lost, Lost::default());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// What is left is the end of what was written, from the start of a line on; all else is counted.
        #[test]
        fn what_is_left_are_the_newest_lines(lines in prop::collection::vec(0..900_usize, 400..900), newest: bool) {
            let (_home, fifo) = pipe();
            let mut scratch = Scratch::new().unwrap();
            let mut written = Vec::new();
            for (n, len) in lines.iter().enumerate() {
                let line = format!("{n} {}\n", "x".repeat(*len));
                if rustix::io::write(&fifo, line.as_bytes()).is_err() {
                    break;
                }
                written.extend(line.into_bytes());
            }
            let mut lost = Lost::default();
            let policy = if newest { LogPolicy::Newest } else { LogPolicy::Drop };
            let done = shed(&fifo, policy, &mut scratch, &mut lost).unwrap();
            let mut rest = vec![0; written.len()];
            let count = rustix::io::read(&fifo, &mut rest).unwrap_or(0);
            prop_assert_eq!(&written[done..], &rest[..count]);
            prop_assert_eq!(lost.bytes, done as u64);
            prop_assert_eq!(lost.lines as usize, written[..done].iter().filter(|byte| **byte == b'\n').count());
            prop_assert!(done == 0 || written[done - 1] == b'\n');
            prop_assert!(!newest || done <= written.len() / 2 + 1000);
        }
    }
}
