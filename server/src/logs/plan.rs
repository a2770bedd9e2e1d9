//! What to do with the bytes at the head of a FIFO so that files end with whole lines. Pure: it decides, others do it.

use memchr::{memchr, memrchr};

/// A line that is longer than this may be split between two files, or between lines of another writer; bytes.
pub(super) const LINE_LIMIT: usize = 64 << 10;

/// The file that the bytes are for.
#[derive(Clone, Copy, Debug)]
pub(super) struct File {
    /// Its length in bytes.
    pub(super) len: u64,
    /// Length at which it is put aside; 0 for never.
    pub(super) max: u64,
    /// Has its time come, so that it is put aside once it ends with a whole line?
    pub(super) due: bool,
    /// Does it end with a whole line, or is it empty?
    pub(super) at_line_start: bool,
}

/// The bytes at the head of the FIFO.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    /// They themselves, at least one.
    pub(super) bytes: &'a [u8],
    /// Is there nothing more in the FIFO?
    pub(super) all: bool,
    /// Must what is not a whole line wait for its end, because others write to the file too?
    pub(super) whole_lines: bool,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Put the file aside, then ask again.
    Rotate,
    /// Move so many bytes.
    Take(usize),
    /// Wait for the end of the line.
    Hold,
}

/// Decides.
pub(super) fn next(file: File, head: Head<'_>) -> Step {
    let bytes = head.bytes;
    if file.due && file.len > 0 && file.at_line_start {
        return Step::Rotate;
    }
    if file.max > 0 && file.len > 0 && ((file.at_line_start && file.len >= file.max) || file.len >= file.max + LINE_LIMIT as u64)
    {
        return Step::Rotate;
    }
    let room =
        if file.max == 0 { bytes.len() } else { usize::try_from(file.max.saturating_sub(file.len)).unwrap_or(bytes.len()) };
    let mut count = bytes.len();
    if count > room {
        if let Some(end) = memrchr(b'\n', &bytes[..room]) {
            count = end + 1;
        } else if file.at_line_start && file.len > 0 {
            return Step::Rotate;
        } else if let Some(end) = memchr(b'\n', bytes) {
            count = end + 1;
        }
    }
    // The line that was begun is completed first.
    if file.due
        && file.len > 0
        && let Some(end) = memchr(b'\n', &bytes[..count])
    {
        count = end + 1;
    }
    if head.whole_lines {
        match memrchr(b'\n', &bytes[..count]) {
            Some(end) => count = end + 1,
            None if head.all && bytes.len() < LINE_LIMIT => return Step::Hold,
            None => {}
        }
    }
    Step::Take(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ask(len: u64, max: u64, at_line_start: bool, bytes: &[u8], whole_lines: bool) -> Step {
        next(File { len, max, due: false, at_line_start }, Head { bytes, all: true, whole_lines })
    }

    #[test]
    fn files_end_with_whole_lines() {
        assert_eq!(ask(0, 0, true, b"ab\ncd", false), Step::Take(5));
        assert_eq!(ask(0, 4, true, b"ab\ncd", false), Step::Take(3));
        assert_eq!(ask(3, 4, true, b"cd\n", false), Step::Rotate);
        assert_eq!(ask(3, 4, false, b"cd\nef\n", false), Step::Take(3));
        assert_eq!(ask(9, 4, false, b"cd", false), Step::Take(2));
        assert_eq!(ask(4 + LINE_LIMIT as u64, 4, false, b"cd", false), Step::Rotate);
        assert_eq!(ask(0, 0, true, b"ab\ncd", true), Step::Take(3));
        assert_eq!(ask(0, 0, true, b"cd", true), Step::Hold);
        assert_eq!(ask(0, 0, true, &[b'x'; LINE_LIMIT], true), Step::Take(LINE_LIMIT));
    }

    #[test]
    fn by_time_after_a_whole_line_and_never_when_empty() {
        let ask = |len, at_line_start, bytes| {
            next(File { len, max: 100, due: true, at_line_start }, Head { bytes, all: true, whole_lines: false })
        };
        assert_eq!(ask(3, true, &b"ab\n"[..]), Step::Rotate);
        assert_eq!(ask(3, false, b"ab\ncd\n"), Step::Take(3));
        assert_eq!(ask(3, false, b"ab"), Step::Take(2));
        assert_eq!(ask(0, true, b"ab\ncd\n"), Step::Take(6));
    }

    proptest! {
        /// However the bytes arrive: the files hold them all in order, and end with whole lines unless one is too long.
        #[test]
        fn nothing_is_lost_or_torn(
            lines in prop::collection::vec(0..400_usize, 1..60), long in prop::option::of(60_000..200_000_usize),
            max in 1..2000_u64, chunks in prop::collection::vec(1..3000_usize, 1..40), whole_lines: bool, dues: Vec<bool>,
        ) {
            let mut input: Vec<u8> = lines.iter().flat_map(|n| [vec![b'x'; *n], vec![b'\n']].concat()).collect();
            input.extend(long.map(|n| [vec![b'y'; n], vec![b'\n']].concat()).unwrap_or_default());
            let (mut files, mut at, mut here, mut turn) = (vec![Vec::new()], 0, 0, 0);
            while at < input.len() {
                if here == at || turn > 10_000 {
                    here = input.len().min(here + chunks[turn % chunks.len()]);
                }
                turn += 1;
                let current: &mut Vec<u8> = files.last_mut().unwrap();
                let due = dues.get(turn % dues.len().max(1)).copied().unwrap_or(false);
                let file = File { len: current.len() as u64, max, due, at_line_start: current.last().is_none_or(|byte| *byte == b'\n') };
                let head = &input[at..here.min(at + LINE_LIMIT)];
                match next(file, Head { bytes: head, all: here - at <= head.len(), whole_lines }) {
                    Step::Rotate => {
                        prop_assert!(!current.is_empty());
                        prop_assert!(file.at_line_start || current.len() >= LINE_LIMIT);
                        files.push(Vec::new());
                    }
                    Step::Take(count) => {
                        prop_assert!(count > 0);
                        current.extend(&head[..count]);
                        at += count;
                    }
                    Step::Hold => {
                        prop_assert!(here < input.len(), "waits for ever");
                        here = input.len().min(here + chunks[turn % chunks.len()]);
                    }
                }
            }
            prop_assert!(files.iter().all(|file| file.len() as u64 <= max + 2 * LINE_LIMIT as u64));
            prop_assert_eq!(files.concat(), input);
        }
    }
}
