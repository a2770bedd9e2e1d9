//! Lines of a log file and its older parts, one after the other in either direction, with bounded memory and work.

use std::io;

use memchr::{memchr, memrchr};

use super::names::Place;
use super::part::Part;
use super::target::NameLock;
use super::times;

/// Bytes that are read at once.
const WINDOW: usize = 64 << 10;
/// A longer line is cut; bytes.
pub(super) const LINE_SHOWN: usize = 8 << 10;
/// A line without its end is shown when it is so old, in µs; before, more of it may come.
const UNFINISHED: i64 = 1_000_000;

/// A place between two lines. Places of newer bytes are greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    /// Number of the part.
    pub(super) sequence: u64,
    /// Offset in it.
    pub(super) offset: u64,
}

/// A line as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RawLine {
    /// When it came, in µs since the epoch.
    pub(super) time: i64,
    /// Its first bytes, without the line end.
    pub(super) bytes: Vec<u8>,
    /// Is it longer than that?
    pub(super) cut: bool,
    /// Where it begins.
    pub(super) start: Position,
    /// Where the next one begins.
    pub(super) end: Position,
}

/// What a step gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Line(RawLine),
    /// There are no more lines.
    End,
    /// The work that was allowed is done.
    Spent,
}

/// Work that is allowed: bytes that may be read.
pub(super) struct Budget(pub(super) u64);

#[derive(Default)]
struct Window {
    sequence: u64,
    start: u64,
    bytes: Vec<u8>,
}

/// Walks over the lines of one file and its older parts.
pub(super) struct Walk {
    place: Place,
    /// Numbers of all parts, oldest first; the last is the current file.
    sequences: Vec<u64>,
    current: Part,
    old: Option<Part>,
    window: Window,
    /// Where it stands.
    pub(super) at: Position,
}

impl Walk {
    /// Opens the file and stands at its end.
    pub(super) fn open(place: Place, names: &NameLock) -> io::Result<Self> {
        let current = Part::current(&place, names)?;
        // What was put aside since has the number of the current part, which is open.
        let mut sequences: Vec<u64> = place.olds()?.into_keys().filter(|sequence| *sequence < current.sequence).collect();
        sequences.push(current.sequence);
        let at = Position { sequence: current.sequence, offset: current.len };
        Ok(Self { place, sequences, current, old: None, window: Window::default(), at })
    }

    /// The end, before a last line that is still being written.
    pub(super) fn tail(&mut self) -> io::Result<Position> {
        let end = Position { sequence: self.current.sequence, offset: self.current.len };
        let start = end.offset.saturating_sub(WINDOW as u64);
        let bytes = self.current.read(start, WINDOW)?;
        let whole = memrchr(b'\n', &bytes).map_or(0, |last| last + 1);
        let unfinished = whole < bytes.len() && times::now() - self.current.time(end.offset) < UNFINISHED;
        // Without any line end it is too long to wait for.
        let offset = if unfinished && (whole > 0 || start == 0) { start + whole as u64 } else { end.offset };
        Ok(Position { offset, ..end })
    }

    /// The beginning of the oldest line.
    pub(super) fn beginning(&self) -> Position {
        Position { sequence: self.sequences.first().copied().unwrap_or(0), offset: 0 }
    }

    /// The first line that came at this time (µs) or later.
    pub(super) fn since(&mut self, time: i64) -> io::Result<Position> {
        for sequence in self.sequences.clone().into_iter().rev() {
            let part = self.part(sequence);
            if part.len > 0 && part.first_time() < time {
                return Ok(Position { sequence, offset: part.since(time)? });
            }
        }
        Ok(self.beginning())
    }

    /// The nearest place that exists: parts may have been deleted, or a cursor made up.
    pub(super) fn nearest(&mut self, wanted: Position) -> Position {
        match self.sequences.iter().find(|sequence| **sequence >= wanted.sequence).copied() {
            Some(sequence) if sequence == wanted.sequence => {
                Position { sequence, offset: wanted.offset.min(self.part(sequence).len) }
            }
            Some(sequence) => Position { sequence, offset: 0 },
            None => Position { sequence: self.current.sequence, offset: self.current.len },
        }
    }

    fn part(&mut self, sequence: u64) -> &mut Part {
        if sequence == self.current.sequence {
            return &mut self.current;
        }
        let old = self.old.take().filter(|part| part.sequence == sequence);
        self.old.insert(old.unwrap_or_else(|| Part::old(&self.place, sequence)))
    }

    /// The bytes around an offset of the part where it stands, and the offset of the first of them.
    fn load(&mut self, start: u64, budget: &mut Budget) -> io::Result<()> {
        let sequence = self.at.sequence;
        let bytes = self.part(sequence).read(start, WINDOW)?;
        budget.0 = budget.0.saturating_sub(WINDOW as u64);
        self.window = Window { sequence, start, bytes };
        Ok(())
    }

    fn holds(&self, offset: u64) -> bool {
        let window = &self.window;
        window.sequence == self.at.sequence && (window.start..window.start + window.bytes.len() as u64).contains(&offset)
    }

    /// Bytes of the window from `from` up to `to`.
    fn seen(&self, from: u64, to: u64) -> &[u8] {
        let index = |offset: u64| usize::try_from(offset.saturating_sub(self.window.start)).unwrap_or(usize::MAX);
        self.window.bytes.get(index(from)..index(to).min(self.window.bytes.len())).unwrap_or_default()
    }

    fn neighbour(&mut self, older: bool) -> Option<u64> {
        let here = self.sequences.iter().position(|sequence| *sequence == self.at.sequence)?;
        self.sequences.get(if older { here.checked_sub(1)? } else { here + 1 }).copied()
    }

    /// The line before the place where it stands; then it stands before that line.
    pub(super) fn back(&mut self, budget: &mut Budget) -> io::Result<Step> {
        while self.at.offset == 0 {
            let Some(sequence) = self.neighbour(true) else { return Ok(Step::End) };
            self.at = Position { sequence, offset: self.part(sequence).len };
        }
        let end = self.at;
        if !self.holds(end.offset - 1) {
            self.load(end.offset.saturating_sub(WINDOW as u64), budget)?;
        }
        let last = self.seen(end.offset - 1, end.offset) == b"\n";
        let text_end = end.offset - u64::from(last);
        let mut from = text_end;
        let start = loop {
            if from == 0 {
                break 0;
            }
            if !self.holds(from - 1) {
                if budget.0 == 0 {
                    // One byte of the line stays, so that the next step knows that it is in the midst of it.
                    if from < text_end {
                        self.at.offset = from + 1;
                    }
                    return Ok(Step::Spent);
                }
                self.load(from.saturating_sub(WINDOW as u64), budget)?;
                if !self.holds(from - 1) {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            match memrchr(b'\n', self.seen(self.window.start, from)) {
                Some(newline) => break self.window.start + newline as u64 + 1,
                None => from = self.window.start,
            }
        };
        self.at.offset = start;
        self.line(start, text_end, end, budget).map(Step::Line)
    }

    /// The line behind the place where it stands, if it begins before `bound`; then it stands behind that line.
    pub(super) fn forward(&mut self, bound: Position, budget: &mut Budget) -> io::Result<Step> {
        loop {
            if self.at >= bound {
                return Ok(Step::End);
            }
            let sequence = self.at.sequence;
            if self.at.offset < self.part(sequence).len {
                break;
            }
            let Some(sequence) = self.neighbour(false) else { return Ok(Step::End) };
            self.at = Position { sequence, offset: 0 };
        }
        let (start, sequence) = (self.at.offset, self.at.sequence);
        let len = if sequence == bound.sequence { bound.offset.min(self.part(sequence).len) } else { self.part(sequence).len };
        let mut from = start;
        let (text_end, end) = loop {
            if from >= len {
                break (len, len);
            }
            if !self.holds(from) {
                // What is known of the line is shown, and it goes on behind that.
                if budget.0 == 0 && from > start {
                    break (from, from);
                }
                if budget.0 == 0 {
                    return Ok(Step::Spent);
                }
                self.load(from, budget)?;
                if !self.holds(from) {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            let seen = self.seen(from, len);
            match memchr(b'\n', seen) {
                Some(newline) => break (from + newline as u64, from + newline as u64 + 1),
                None => from += seen.len() as u64,
            }
        };
        self.at.offset = end;
        self.line(start, text_end, Position { sequence, offset: end }, budget).map(Step::Line)
    }

    fn line(&mut self, start: u64, text_end: u64, end: Position, budget: &mut Budget) -> io::Result<RawLine> {
        let sequence = end.sequence;
        let shown_end = text_end.min(start + LINE_SHOWN as u64);
        let bytes = if self.holds(start) && shown_end <= self.window.start + self.window.bytes.len() as u64 {
            self.seen(start, shown_end).to_vec()
        } else {
            budget.0 = budget.0.saturating_sub(shown_end - start);
            self.part(sequence).read(start, usize::try_from(shown_end - start).unwrap_or(LINE_SHOWN))?
        };
        let time = self.part(sequence).time(start);
        Ok(RawLine { time, bytes, cut: shown_end < text_end, start: Position { sequence, offset: start }, end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::names::Layout;
    use proptest::prelude::*;

    fn all(walk: &mut Walk, back: bool) -> Vec<RawLine> {
        let mut found = Vec::new();
        let bound = walk.at;
        if !back {
            walk.at = walk.beginning();
        }
        loop {
            // So little that it is spent on every window.
            let mut budget = Budget(1);
            let step = if back { walk.back(&mut budget) } else { walk.forward(bound, &mut budget) }.unwrap();
            match step {
                Step::Line(line) => found.push(line),
                Step::Spent => {}
                Step::End => return found,
            }
        }
    }

    proptest! {
        /// Backward and forward give the same lines, those that were written, in any number of parts.
        #[test]
        fn both_ways_give_every_line(parts in prop::collection::vec(prop::collection::vec("[a-z]{0,80}", 0..60), 1..5), ended: bool) {
            let home = tempfile::tempdir().unwrap();
            let layout = Layout::new(home.path());
            std::fs::create_dir_all(&layout.index).unwrap();
            let place = layout.place(layout.logs.join("a-out.log"));
            let mut written: Vec<String> = Vec::new();
            for (n, lines) in parts.iter().enumerate() {
                let mut text: String = lines.iter().map(|line| format!("{line}\n")).collect();
                let last = n + 1 == parts.len();
                if last && !ended && lines.last().is_some_and(|line| !line.is_empty()) {
                    text.pop();
                }
                std::fs::write(if last { place.file.clone() } else { place.old(n as u64 + 1) }, text).unwrap();
                written.extend(lines.iter().cloned());
            }
            let open = || Walk::open(place.clone(), &NameLock::default()).unwrap();
            let forward = all(&mut open(), false);
            let mut back = all(&mut open(), true);
            back.reverse();
            let text: Vec<String> = forward.iter().map(|line| String::from_utf8(line.bytes.clone()).unwrap()).collect();
            prop_assert_eq!(text, written);
            prop_assert_eq!(forward, back);
        }
    }

    #[test]
    fn a_line_without_end_is_cut_and_passed_in_bounded_steps() {
        let home = tempfile::tempdir().unwrap();
        let layout = Layout::new(home.path());
        std::fs::create_dir_all(&layout.index).unwrap();
        let place = layout.place(layout.logs.join("a-out.log"));
        std::fs::write(&place.file, [b"before\n".to_vec(), vec![b'y'; 5_000_000], b"\nafter\n".to_vec()].concat()).unwrap();
        let mut walk = Walk::open(place, &NameLock::default()).unwrap();
        let seen =
            |lines: &[RawLine]| -> Vec<_> { lines.iter().map(|line| (line.start.offset, line.bytes.len(), line.cut)).collect() };
        let wanted = [(0, 6, false), (7, LINE_SHOWN, true), (5_000_008, 5, false)];
        let mut lines = all(&mut walk, true);
        lines.reverse();
        assert_eq!(seen(&lines), wanted);
        walk.at = walk.beginning();
        let (mut budget, bound) = (Budget(u64::MAX), walk.tail().unwrap());
        let mut lines = Vec::new();
        while let Step::Line(line) = walk.forward(bound, &mut budget).unwrap() {
            lines.push(line);
        }
        assert_eq!(seen(&lines), wanted);
    }
}
