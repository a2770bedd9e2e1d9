//! When the lines of a file were written: a file of fixed-size records beside it. It may be lost or torn without harm to
//! the lines: then the nearest known time stands for theirs.
//!
//! Head, 32 bytes: `qdtimes1`, number of the part, inode of the log file, 0. Records, 16 bytes: offset, microseconds since
//! the epoch. All little-endian.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

const MAGIC: [u8; 8] = *b"qdtimes1";
const HEAD: u64 = 32;
const RECORD: u64 = 16;
/// Records that are read at once: one page.
const BLOCK: u64 = 256;

/// Microseconds since the epoch, by the clock on the wall.
pub(super) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |past| i64::try_from(past.as_micros()).unwrap_or(i64::MAX))
}

fn number(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|part| part.try_into().ok()).map_or(0, u64::from_le_bytes)
}

/// What the head of a file of times tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Number that the log file has among its parts, or will have once it is put aside.
    pub(super) sequence: u64,
    /// Inode of the log file.
    pub(super) inode: u64,
}

/// Reads the head; none if there is none that makes sense.
pub(super) fn head(path: &Path) -> Option<Head> {
    let mut bytes = [0; HEAD as usize];
    File::open(path).ok()?.read_exact_at(&mut bytes, 0).ok()?;
    bytes.starts_with(&MAGIC).then(|| Head { sequence: number(&bytes, 8), inode: number(&bytes, 16) })
}

/// Writes times. What fails is left out.
#[derive(Debug)]
pub(super) struct Writer {
    file: File,
    end: u64,
    last_ms: i64,
}

impl Writer {
    /// Begins anew.
    pub(super) fn create(path: &Path, head: Head) -> io::Result<Self> {
        let file = options().open(path)?;
        file.set_len(0)?;
        let bytes = [MAGIC, head.sequence.to_le_bytes(), head.inode.to_le_bytes(), [0; 8]].concat();
        file.write_all_at(&bytes, 0)?;
        Ok(Self { file, end: HEAD, last_ms: 0 })
    }

    /// Goes on behind the last whole record that fits a log file of this length.
    pub(super) fn resume(path: &Path, log_len: u64) -> io::Result<Self> {
        let file = options().open(path)?;
        let records = file.metadata()?.len().saturating_sub(HEAD) / RECORD;
        let mut times = Reader::new(file.try_clone()?, log_len);
        let fit = times.count_before(records, |record| record.offset <= log_len);
        let end = HEAD + fit * RECORD;
        file.set_len(end)?;
        Ok(Self { file, end, last_ms: 0 })
    }

    /// Notes that the bytes from `offset` on come now; at most once in a millisecond.
    pub(super) fn note(&mut self, offset: u64) {
        let now = now();
        if now / 1000 == self.last_ms {
            return;
        }
        let record = [offset.to_le_bytes(), now.to_le_bytes()].concat();
        if self.file.write_all_at(&record, self.end).is_ok() {
            self.end += RECORD;
            self.last_ms = now / 1000;
        }
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options
}

/// From here on the bytes came at this time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Record {
    offset: u64,
    time: i64,
}

/// Finds times.
#[derive(Debug)]
pub(super) struct Reader {
    file: Option<File>,
    count: u64,
    log_len: u64,
    block: Option<(u64, Vec<Record>)>,
}

impl Reader {
    /// Times of a log file of this length.
    pub(super) fn new(file: File, log_len: u64) -> Self {
        let count = file.metadata().map_or(0, |meta| meta.len().saturating_sub(HEAD) / RECORD);
        Self { file: Some(file), count, log_len, block: None }
    }

    /// Knows nothing, or what stands in this file.
    pub(super) fn open(path: &Path, log_len: u64) -> Self {
        match (head(path), File::open(path)) {
            (Some(_), Ok(file)) => Self::new(file, log_len),
            _ => Self { file: None, count: 0, log_len, block: None },
        }
    }

    /// When the byte at this offset came; for what is older than all records, the first time that is known.
    pub(super) fn at(&mut self, offset: u64) -> Option<i64> {
        let after = self.count_before(self.count, |record| record.offset <= offset);
        self.record(after.saturating_sub(1)).map(|record| record.time)
    }

    /// The first time that is known.
    pub(super) fn first(&mut self) -> Option<i64> {
        self.record(0).map(|record| record.time)
    }

    /// Offset of the first bytes that came at this time or later.
    pub(super) fn since(&mut self, time: i64) -> u64 {
        let before = self.count_before(self.count, |record| record.time < time);
        self.record(before).map_or(self.log_len, |record| record.offset.min(self.log_len))
    }

    /// How many of the first `count` records fit, if those that fit stand first. Damage gives a wrong count, never more.
    fn count_before(&mut self, count: u64, fits: impl Fn(Record) -> bool) -> u64 {
        // The answer is mostly in the block of the last one.
        if let Some((start, block)) = &self.block
            && let (Some(first), Some(last)) = (block.first(), block.last())
            && *start + block.len() as u64 <= count
            && fits(*first)
            && !fits(*last)
        {
            return start + block.partition_point(|record| fits(*record)) as u64;
        }
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.record(middle).is_some_and(&fits) { low = middle + 1 } else { high = middle }
        }
        low
    }

    fn record(&mut self, number: u64) -> Option<Record> {
        if number >= self.count {
            return None;
        }
        let start = number - number % BLOCK;
        if self.block.as_ref().is_none_or(|(loaded, _)| *loaded != start) {
            self.block = Some((start, self.load(start)));
        }
        let (_, block) = self.block.as_ref()?;
        block.get(usize::try_from(number - start).ok()?).copied()
    }

    fn load(&self, start: u64) -> Vec<Record> {
        let count = usize::try_from(BLOCK.min(self.count - start)).unwrap_or(0);
        let mut bytes = vec![0; count * RECORD as usize];
        match &self.file {
            Some(file) if file.read_exact_at(&mut bytes, HEAD + start * RECORD).is_ok() => bytes
                .chunks_exact(RECORD as usize)
                .map(|record| Record { offset: number(record, 0), time: number(record, 8).cast_signed() })
                .collect(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEAD_OF: Head = Head { sequence: 7, inode: 3 };

    fn write(path: &Path, records: &[(u64, i64)]) {
        let writer = Writer::create(path, HEAD_OF).unwrap();
        for (n, (offset, time)) in records.iter().enumerate() {
            let bytes = [offset.to_le_bytes(), time.to_le_bytes()].concat();
            writer.file.write_all_at(&bytes, HEAD + n as u64 * RECORD).unwrap();
        }
    }

    #[test]
    fn a_torn_end_is_cut_off() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("x.idx");
        write(&path, &[(0, 10), (5, 20), (900, 30)]);
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(&[1, 2, 3], HEAD + 3 * RECORD).unwrap();
        let mut writer = Writer::resume(&path, 100).unwrap();
        assert_eq!(file.metadata().unwrap().len(), HEAD + 2 * RECORD);
        writer.note(100);
        assert_eq!(head(&path), Some(HEAD_OF));
        let mut reader = Reader::open(&path, 120);
        assert_eq!((reader.at(0), reader.at(4), reader.at(5), reader.at(99)), (Some(10), Some(10), Some(20), Some(20)));
        assert!(reader.at(100).unwrap() > 20);
        assert_eq!((reader.since(11), reader.since(1000), reader.since(i64::MAX)), (5, 100, 120));
    }

    #[test]
    fn nothing_is_known_without_a_file_or_with_junk() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("x.idx");
        assert_eq!(Reader::open(&path, 10).at(3), None);
        std::fs::write(&path, [0xff; 500]).unwrap();
        assert_eq!((head(&path), Reader::open(&path, 10).at(3)), (None, None));
        std::fs::write(&path, [&MAGIC[..], &[0xff; 500]].concat()).unwrap();
        let mut reader = Reader::open(&path, 10);
        assert!(reader.since(5) <= 10);
        let _ = reader.at(3);
    }

    proptest! {
        #[test]
        fn finds_what_a_walk_finds(steps in prop::collection::vec((1..50_u64, 1..50_i64), 1..900), asks in prop::collection::vec(0..50_000_u64, 1..50)) {
            let home = tempfile::tempdir().unwrap();
            let path = home.path().join("x.idx");
            let records: Vec<(u64, i64)> = steps.iter().scan((0, 0), |at, step| { *at = (at.0 + step.0, at.1 + step.1); Some(*at) }).collect();
            write(&path, &records);
            let mut reader = Reader::open(&path, 60_000);
            for ask in asks {
                let walked = records.iter().rev().find(|record| record.0 <= ask).unwrap_or(&records[0]).1;
                prop_assert_eq!(reader.at(ask), Some(walked));
                let since = records.iter().find(|record| record.1 >= ask as i64).map_or(60_000, |record| record.0);
                prop_assert_eq!(reader.since(ask as i64), since);
            }
        }
    }
}
