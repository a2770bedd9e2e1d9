//! Events on disk the moment they happen, so that a kill between an event and its place in the history loses nothing.
//! The history reads what it missed from here; a few megabytes are kept.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use app::model::Event;

/// Size at which a new file is begun, in bytes. One older file is kept.
const FILE_BYTES: u64 = 4 << 20;

/// What cannot be written for so long that it takes more than this, in bytes, is given up.
const OWED_BYTES: usize = 1 << 20;

/// One line of JSON for each event. Written without fsync(2): it has to outlive this process, not the host.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Option<File>,
    bytes: u64,
    /// Lines that could not be written, and go before the next one: a gap would be a loss.
    owed: Vec<u8>,
}

impl Journal {
    /// Opens the journal and gives the events in it, oldest first. A torn last line is cut off.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(run: &Path) -> io::Result<(Self, Vec<Event>)> {
        let path = run.join("events.journal");
        let mut events = Vec::new();
        let _ = read(&path.with_extension("old"), &mut events);
        let whole = read(&path, &mut events).unwrap_or(0);
        let mut file = open(&path)?;
        file.set_len(whole)?;
        file.seek(SeekFrom::End(0))?;
        events.sort_by_key(|event| event.id);
        events.dedup_by_key(|event| event.id);
        Ok((Self { path, file: Some(file), bytes: whole, owed: Vec::new() }, events))
    }

    /// Appends an event, and first those that could not be written before. A failure is told to the log and never to the caller:
    /// an event that is not on disk has happened all the same.
    pub fn append(&mut self, event: &Event) {
        if self.owed.len() > OWED_BYTES {
            self.owed.clear();
        }
        let before = self.owed.len();
        if serde_json::to_writer(&mut self.owed, event).is_err() {
            return self.owed.truncate(before);
        }
        self.owed.push(b'\n');
        if self.bytes > FILE_BYTES {
            let _ = std::fs::rename(&self.path, self.path.with_extension("old"));
            self.file = None;
        }
        if self.file.is_none() {
            let opened = open(&self.path).and_then(|mut file| Ok((file.seek(SeekFrom::End(0))?, file)));
            (self.bytes, self.file) = opened.map_or((0, None), |(bytes, file)| (bytes, Some(file)));
        }
        if let Some(file) = &mut self.file {
            match file.write_all(&self.owed) {
                Ok(()) => {
                    self.bytes += self.owed.len() as u64;
                    self.owed.clear();
                }
                Err(error) => {
                    tracing::warn!(%error, "failed to write an event to the journal");
                    let _ = file.set_len(self.bytes);
                    let _ = file.seek(SeekFrom::End(0));
                }
            }
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Reads the events of a file; gives how many bytes are whole lines.
fn read(path: &Path, events: &mut Vec<Event>) -> io::Result<u64> {
    let mut reader = BufReader::new(File::open(path)?.take(2 * FILE_BYTES));
    let (mut whole, mut line) = (0, Vec::new());
    loop {
        line.clear();
        let count = reader.read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            return Ok(whole);
        }
        whole += count as u64;
        match serde_json::from_slice(&line) {
            Ok(event) => events.push(event),
            Err(error) => tracing::warn!(%error, "failed to read a line of the journal of events"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use app::model::{Cause, EventKind, Time};

    fn event(id: u64) -> Event {
        Event { id, ..Event::new(Time(id as i64), EventKind::Node, Cause::Restart, "x".repeat(3000)) }
    }

    #[test]
    fn a_torn_line_is_cut_off_and_the_rest_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, events) = Journal::open(folder.path()).unwrap();
        assert!(events.is_empty());
        journal.append(&event(1));
        journal.append(&event(2));
        let path = folder.path().join("events.journal");
        let whole = std::fs::metadata(&path).unwrap().len();
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"id\":3").unwrap();
        let (mut journal, events) = Journal::open(folder.path()).unwrap();
        assert_eq!(events.iter().map(|event| event.id).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), whole);
        journal.append(&event(3));
        let (_, events) = Journal::open(folder.path()).unwrap();
        assert_eq!(events.last().map(|event| event.id), Some(3));
    }

    #[test]
    fn what_could_not_be_written_comes_before_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(folder.path()).unwrap();
        journal.append(&event(1));
        // As a disk that takes nothing.
        journal.file = Some(File::open(&journal.path).unwrap());
        journal.append(&event(2));
        journal.file = None;
        journal.append(&event(3));
        let (_, events) = Journal::open(folder.path()).unwrap();
        assert_eq!(events.iter().map(|event| event.id).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn two_files_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(folder.path()).unwrap();
        for id in 1..=4000 {
            journal.append(&event(id));
        }
        let (_, events) = Journal::open(folder.path()).unwrap();
        assert_eq!(events.last().map(|event| event.id), Some(4000));
        assert!(events.len() > 1000 && events.len() < 4000);
        assert!(events.windows(2).all(|pair| pair[0].id + 1 == pair[1].id));
    }
}
