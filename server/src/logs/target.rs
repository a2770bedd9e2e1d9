//! A log file as it is written: always at its own length, so that a kill at any moment loses and doubles nothing.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use app::model::Rotation;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::SpliceFlags;

use super::names::Place;
use super::plan;
use super::shed::Lost;
use super::tidy;
use super::times::{self, Head, Reader, Writer};

/// Pause before a file that could not be put aside is tried again; it grows meanwhile.
const ROTATION_PAUSE: Duration = Duration::from_secs(30);

/// How often a person is told of losses in one file. Each of them stands in the file.
const TOLD_PAUSE: Duration = Duration::from_mins(1);

/// Taken for writing while a file changes its name or begins anew, so that a reader who holds it opens what belongs together.
pub(super) type NameLock = RwLock<()>;

struct Open {
    file: File,
    device: u64,
    inode: u64,
    regular: bool,
}

/// A log file and who writes to it.
pub(super) struct Target {
    pub(super) place: Place,
    pub(super) rotation: Rotation,
    /// How many streams are written to it.
    pub(super) users: usize,
    /// Does `splice` work with it?
    pub(super) splices: bool,
    /// Not tried before this moment, because it failed.
    pub(super) blocked: Option<Instant>,
    /// Why.
    pub(super) trouble: Option<io::Error>,
    /// What was dropped of it and is not told yet.
    pub(super) lost: Option<Lost>,
    /// When a person was last told of a loss.
    told: Option<Instant>,
    open: Option<Open>,
    times: Option<Writer>,
    /// Number that it will have among the older parts; 0 before it was first opened.
    sequence: u64,
    len: u64,
    /// When its first line came, in µs since the epoch.
    begun: i64,
    at_line_start: Option<bool>,
    rotate_after: Option<Instant>,
}

impl Target {
    pub(super) fn new(place: Place, rotation: Rotation) -> Self {
        Self {
            place,
            rotation,
            users: 0,
            splices: true,
            blocked: None,
            trouble: None,
            lost: None,
            told: None,
            open: None,
            times: None,
            sequence: 0,
            len: 0,
            begun: 0,
            at_line_start: None,
            rotate_after: None,
        }
    }

    /// Looks at the file, which others may have moved, emptied or deleted, and makes it if there is none.
    pub(super) fn look(&mut self, names: &NameLock) -> io::Result<()> {
        let now = std::fs::metadata(&self.place.file);
        if let (Some(open), Ok(now)) = (&self.open, &now)
            && (open.device, open.inode) == (now.dev(), now.ino())
        {
            if open.regular && now.len() != self.len {
                self.at_line_start = None;
                if now.len() < self.len {
                    let _names = names.write().unwrap_or_else(PoisonError::into_inner);
                    self.begin_part(now);
                }
                self.len = now.len();
            }
            return Ok(());
        }
        let _names = names.write().unwrap_or_else(PoisonError::into_inner);
        self.reopen()
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.open = None;
        let file = open(&self.place.file)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            (self.times, self.len) = (None, 0);
        } else if self.sequence > 0 {
            self.begin_part(&meta);
        } else {
            self.resume_part(&meta);
        }
        self.len = if meta.is_file() { meta.len() } else { 0 };
        self.at_line_start = None;
        self.open = Some(Open { file, device: meta.dev(), inode: meta.ino(), regular: meta.is_file() });
        Ok(())
    }

    /// The file is not the one that it was: it counts as another part, so that no cursor points into it by mistake.
    fn begin_part(&mut self, meta: &Metadata) {
        self.sequence += 1;
        self.begun = times::now();
        let head = Head { sequence: self.sequence, inode: meta.ino() };
        self.times = Writer::create(&self.place.times(), head).ok();
    }

    /// Goes on where an earlier process was, even if it was killed while it put the file aside.
    fn resume_part(&mut self, meta: &Metadata) {
        if let Some(folder) = self.place.times().parent() {
            let _ = super::service::make_folder(folder);
        }
        let newest = self.place.olds().ok().and_then(|olds| olds.keys().next_back().copied()).unwrap_or(0);
        match times::head(&self.place.times()) {
            Some(head) if head.inode == meta.ino() && head.sequence > newest => {
                self.sequence = head.sequence;
                self.times = Writer::resume(&self.place.times(), meta.len()).ok();
            }
            Some(head) => {
                let old = self.place.old_times(head.sequence);
                if head.sequence == newest && !old.exists() {
                    let _ = std::fs::rename(self.place.times(), old);
                }
                self.sequence = newest.max(head.sequence);
                self.begin_part(meta);
            }
            None => {
                self.sequence = newest;
                self.begin_part(meta);
            }
        }
        // A restart of ours makes no file younger.
        let changed = meta.mtime() * 1_000_000 + meta.mtime_nsec() / 1000;
        self.begun = Reader::open(&self.place.times(), meta.len()).first().unwrap_or(changed);
    }

    /// The work that its older parts make.
    pub(super) fn job(&self) -> tidy::Job {
        tidy::Job { place: self.place.clone(), rotation: self.rotation }
    }

    /// The length at which it is put aside, 0 for never; and whether its time has come.
    fn limit(&self) -> (u64, bool) {
        let now = Instant::now();
        if self.open.as_ref().is_none_or(|open| !open.regular) || self.rotate_after.is_some_and(|after| now < after) {
            return (0, false);
        }
        // A clock that was set back puts it off; the size counts all the same.
        let age =
            |every: u64| times::now().saturating_sub(self.begun) >= i64::try_from(every).unwrap_or(i64::MAX).saturating_mul(1000);
        (self.rotation.max_bytes, self.len > 0 && self.rotation.every_ms.is_some_and(age))
    }

    /// May so many bytes be moved without a look at them?
    pub(super) fn has_room(&self, bytes: u64) -> bool {
        let (limit, due) = self.limit();
        !due && (limit == 0 || self.len + bytes <= limit)
    }

    /// How it stands, for the decision what to do with the next bytes.
    pub(super) fn state(&mut self) -> plan::File {
        let at_line_start = self.at_line_start.unwrap_or_else(|| self.ends_with_newline());
        self.at_line_start = Some(at_line_start);
        let (max, due) = self.limit();
        plan::File { len: self.len, max, due, at_line_start }
    }

    fn ends_with_newline(&self) -> bool {
        let mut last = [0];
        match &self.open {
            Some(open) if open.regular && self.len > 0 => {
                open.file.read_exact_at(&mut last, self.len - 1).is_err() || last == *b"\n"
            }
            _ => true,
        }
    }

    fn begin_write(&mut self) -> io::Result<&Open> {
        if self.len == 0 && self.rotation.every_ms.is_some() {
            self.begun = times::now();
        }
        if let Some(times) = &mut self.times {
            times.note(self.len);
        }
        self.open.as_ref().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn wrote(&mut self, count: usize, at_line_start: Option<bool>) {
        self.len += count as u64;
        self.at_line_start = at_line_start;
    }

    /// Moves at most `count` bytes. What was moved is in the file and no longer in the pipe, both at once.
    /// `known` are the bytes if they are known.
    pub(super) fn splice(&mut self, pipe: BorrowedFd<'_>, count: usize, known: Option<&[u8]>) -> rustix::io::Result<usize> {
        let mut offset = self.len;
        let open = self.begin_write().map_err(|_| Errno::NOENT)?;
        let at = open.regular.then_some(&mut offset);
        let moved = rustix::pipe::splice(pipe, None, open.file.as_fd(), at, count, SpliceFlags::NONBLOCK)?;
        self.wrote(moved, known.and_then(|bytes| bytes.get(..moved)?.last()).map(|last| *last == b'\n'));
        Ok(moved)
    }

    /// Writes some of these bytes, at least one.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let offset = self.len;
        let open = self.begin_write()?;
        let count = if open.regular { open.file.write_at(bytes, offset)? } else { io::Write::write(&mut &open.file, bytes)? };
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.wrote(count, bytes.get(..count).and_then(<[u8]>::last).map(|last| *last == b'\n'));
        Ok(count)
    }

    /// Writes a line where some are missing, if some are. Gives what a person is to be told.
    pub(super) fn tell_lost(&mut self, names: &NameLock) -> io::Result<Option<String>> {
        let Some(text) = self.lost.as_ref().map(ToString::to_string) else { return Ok(None) };
        self.look(names)?;
        let begin = if self.state().at_line_start { "" } else { "\n" };
        self.write_whole(format!("{begin}[qd: {text}]\n").as_bytes())?;
        self.lost = None;
        let now = Instant::now();
        if self.told.is_some_and(|told| now < told + TOLD_PAUSE) {
            return Ok(None);
        }
        self.told = Some(now);
        Ok(Some(self.lacks(&text)))
    }

    /// What a person is told of a loss.
    pub(super) fn lacks(&self, text: &str) -> String {
        format!("The log file {} lacks lines: {text}. Its policy is to let the app run on", self.place.name())
    }

    /// Writes all of it or nothing, so that what is tried again stands there once.
    fn write_whole(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (begin, mut rest) = (self.len, bytes);
        while !rest.is_empty() {
            match self.write(rest) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    if let Some(open) = self.open.as_ref().filter(|open| open.regular && self.len > begin) {
                        open.file.set_len(begin)?;
                        (self.len, self.at_line_start) = (begin, None);
                    }
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Puts the file aside and begins a new one. Where that is impossible it goes on to grow.
    pub(super) fn rotate(&mut self, names: &NameLock) -> io::Result<()> {
        let _names = names.write().unwrap_or_else(PoisonError::into_inner);
        while self.place.old(self.sequence).exists() || self.place.compressed(self.sequence).exists() {
            self.sequence += 1;
        }
        if let Err(error) = std::fs::rename(&self.place.file, self.place.old(self.sequence)) {
            self.rotate_after = Some(Instant::now() + ROTATION_PAUSE);
            return Err(error);
        }
        let _ = std::fs::rename(self.place.times(), self.place.old_times(self.sequence));
        // If this fails, the next look makes the file.
        let _ = self.reopen();
        Ok(())
    }

    /// Empties the file and deletes its older parts.
    pub(super) fn flush(&mut self, names: &NameLock) -> io::Result<()> {
        let _names = names.write().unwrap_or_else(PoisonError::into_inner);
        for sequence in self.place.olds()?.into_keys() {
            self.place.remove_old(sequence)?;
        }
        if self.place.file.is_file() {
            self.reopen()?;
            if let Some(open) = &self.open {
                open.file.set_len(0)?;
                let meta = open.file.metadata()?;
                self.begin_part(&meta);
            }
            (self.len, self.at_line_start) = (0, None);
        }
        Ok(())
    }
}

/// Opens a log file for writing, and makes it and its folders.
pub(super) fn open(path: &Path) -> io::Result<File> {
    match open_once(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(folder) = path.parent() {
                super::service::make_folder(folder)?;
            }
            open_once(path)
        }
        opened => opened,
    }
}

/// The same in a folder that has to be there.
pub(super) fn open_once(path: &Path) -> io::Result<File> {
    // Never O_APPEND: splice(2) refuses it. O_NONBLOCK matters for terminals and pipes alone.
    let flags = OFlags::CREATE | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let open = |flags| match rustix::fs::open(path, flags | OFlags::RDWR, Mode::RUSR | Mode::WUSR) {
        Err(Errno::ACCESS) => rustix::fs::open(path, flags | OFlags::WRONLY, Mode::RUSR | Mode::WUSR),
        opened => opened,
    };
    match open(flags | OFlags::NOFOLLOW) {
        Err(Errno::LOOP) => {
            refuse_foreign_link(path)?;
            Ok(open(flags)?.into())
        }
        opened => Ok(opened?.into()),
    }
}

/// A link that another user made must not lead our writes to a file of ours; one of root or of us is meant so.
fn refuse_foreign_link(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_symlink() && meta.uid() != 0 && meta.uid() != rustix::process::geteuid().as_raw() => {
            Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is a symbolic link that belongs to another user"))
        }
        _ => Ok(()),
    }
}
