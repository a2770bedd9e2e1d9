//! A log file or one of its older parts, to be read.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::sync::PoisonError;

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::archive::Archive;
use super::names::Place;
use super::target::NameLock;
use super::times::{self, Reader};

enum Bytes {
    None,
    Plain(File),
    Compressed(Archive),
}

/// A part that is open. It stays readable when it is compressed or deleted meanwhile.
pub(super) struct Part {
    /// Its number: parts with greater ones are newer.
    pub(super) sequence: u64,
    /// Its length in bytes when it was opened.
    pub(super) len: u64,
    bytes: Bytes,
    times: Reader,
    changed: i64,
}

impl Part {
    /// The file that is written now, and its number. What is no regular file, or is not there, counts as empty.
    pub(super) fn current(place: &Place, names: &NameLock) -> io::Result<Self> {
        let _names = names.read().unwrap_or_else(PoisonError::into_inner);
        let head = times::head(&place.times());
        let newest = || place.olds().map(|olds| olds.keys().next_back().copied().unwrap_or(0));
        let sequence = match head {
            Some(head) => head.sequence,
            None => newest()? + 1,
        };
        let mut options = File::options();
        options.read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
        let file = match options.open(&place.file) {
            Ok(file) => Some((file.metadata()?, file)).filter(|(meta, _)| meta.is_file()),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
            // A device without another side, such as a pipe that nobody reads.
            Err(error) if Errno::from_io_error(&error) == Some(Errno::NXIO) => None,
            Err(error) => return Err(error),
        };
        let (len, changed) = file.as_ref().map_or((0, 0), |(meta, _)| (meta.len(), changed(meta)));
        let times = Reader::open(&place.times(), len);
        Ok(Self { sequence, len, bytes: file.map_or(Bytes::None, |(_, file)| Bytes::Plain(file)), times, changed })
    }

    /// An older part; empty if it was deleted meanwhile or cannot be read.
    pub(super) fn old(place: &Place, sequence: u64) -> Self {
        let opened = File::open(place.old(sequence)).and_then(|file| Ok((file.metadata()?, Bytes::Plain(file)))).or_else(|_| {
            let file = File::open(place.compressed(sequence))?;
            Ok::<_, io::Error>((file.metadata()?, Bytes::Compressed(Archive::open(file)?)))
        });
        let (bytes, len, changed) = match opened {
            Ok((meta, Bytes::Compressed(archive))) => {
                let len = archive.len();
                (Bytes::Compressed(archive), len, changed(&meta))
            }
            Ok((meta, bytes)) => (bytes, meta.len(), changed(&meta)),
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(file = %place.name(), sequence, %error, "failed to read an older log file");
                }
                (Bytes::None, 0, 0)
            }
        };
        Self { sequence, len, bytes, times: Reader::open(&place.old_times(sequence), len), changed }
    }

    /// Reads up to `count` bytes, fewer only at the end.
    pub(super) fn read(&mut self, offset: u64, count: usize) -> io::Result<Vec<u8>> {
        let count = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(count).min(count);
        let mut bytes = vec![0; count];
        let mut filled = 0;
        while filled < count {
            let (into, at) = (&mut bytes[filled..], offset + filled as u64);
            match &mut self.bytes {
                Bytes::None => break,
                Bytes::Plain(file) => match file.read_at(into, at)? {
                    0 => break,
                    read => filled += read,
                },
                Bytes::Compressed(archive) => match archive.read_at(into, at)? {
                    0 => break,
                    read => filled += read,
                },
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// When the byte at this offset came, in µs since the epoch, as far as it is known.
    pub(super) fn time(&mut self, offset: u64) -> i64 {
        self.times.at(offset).unwrap_or(self.changed)
    }

    /// The first time that is known.
    pub(super) fn first_time(&mut self) -> i64 {
        self.times.first().unwrap_or(self.changed)
    }

    /// Offset of the first line that began at this time or later.
    pub(super) fn since(&mut self, time: i64) -> io::Result<u64> {
        if self.times.first().is_none() {
            return Ok(if self.changed < time { self.len } else { 0 });
        }
        let mut offset = self.times.since(time);
        if offset == 0 || self.read(offset - 1, 1)? == b"\n" {
            return Ok(offset);
        }
        // The bytes begin within a line, which is older.
        while offset < self.len {
            let bytes = self.read(offset, 64 << 10)?;
            match memchr::memchr(b'\n', &bytes) {
                Some(end) => return Ok(offset + end as u64 + 1),
                None if bytes.is_empty() => break,
                None => offset += bytes.len() as u64,
            }
        }
        Ok(self.len)
    }
}

fn changed(meta: &std::fs::Metadata) -> i64 {
    meta.mtime() * 1_000_000 + meta.mtime_nsec() / 1000
}
