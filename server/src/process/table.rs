//! One reading of all processes (proc_pid_stat(5)).

use std::fmt::Write;
use std::io;
use std::mem::MaybeUninit;

use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{CWD, Mode, OFlags, RawDir, openat};

use super::seen::seen;

/// Room for the names that one call of getdents64(2) gives; they are about 32 bytes each.
const NAMES: usize = 16 * 1024;
/// Room for what we read of a `stat` file: the 24 fields up to `rss`, with numbers of full length.
const STAT: usize = 1024;

/// A process as it was when the table was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proc {
    /// Process id.
    pub pid: u32,
    /// Id of its parent.
    pub ppid: u32,
    /// Its process group.
    pub pgid: u32,
    /// Its session.
    pub sid: u32,
    /// State as a letter: `R`, `S`, `D`, `Z`, `T` and so on.
    pub state: u8,
    /// How many threads it has.
    pub threads: u32,
    /// Its start in clock ticks since boot. With the pid it names the process.
    pub start_ticks: u64,
    /// CPU time that it used in user and kernel mode, in clock ticks.
    pub cpu_ticks: u64,
    /// CPU time of its children that ended and were waited for, and of theirs, in clock ticks.
    pub reaped_ticks: u64,
    /// Resident memory in pages.
    pub rss_pages: u64,
}

impl Proc {
    /// Reads one process; none if it is gone or we may not see it.
    ///
    /// # Errors
    /// No descriptors or memory are left to look.
    pub fn read(pid: u32) -> io::Result<Option<Self>> {
        read_stat(CWD, format_args!("/proc/{pid}/stat"), pid, &mut String::new(), &mut [0; STAT])
    }

    /// Has it ended? A process whose first thread ended before the others is shown as a zombie, but lives.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        match self.state {
            b'Z' => self.threads <= 1,
            state => matches!(state, b'X' | b'x'),
        }
    }

    /// What names the process for as long as the host runs.
    #[must_use]
    pub fn key(&self) -> (u32, u64) {
        (self.pid, self.start_ticks)
    }
}

/// All processes, by pid.
#[derive(Debug, Default)]
pub struct Table {
    processes: Vec<Proc>,
}

impl Table {
    /// Reads every process. One that ends meanwhile, or that we may not see, is left out.
    ///
    /// # Errors
    /// `/proc` cannot be read, or not all of it: a table that lacks some would tell that they are gone.
    pub fn read() -> io::Result<Self> {
        let folder = openat(CWD, "/proc", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let (mut names, mut path, mut buffer) = ([MaybeUninit::uninit(); NAMES], String::with_capacity(16), [0; STAT]);
        let mut processes = Vec::with_capacity(256);
        let mut entries = RawDir::new(&folder, &mut names);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let Some(pid) = entry.file_name().to_str().ok().and_then(|name| name.parse().ok()) else { continue };
            processes.extend(read_stat(folder.as_fd(), format_args!("{pid}/stat"), pid, &mut path, &mut buffer)?);
        }
        Ok(Self::new(processes))
    }

    /// A table of these processes.
    pub(super) fn new(mut processes: Vec<Proc>) -> Self {
        processes.sort_unstable_by_key(|process| process.pid);
        Self { processes }
    }

    /// Every process, by pid.
    #[must_use]
    pub fn processes(&self) -> &[Proc] {
        &self.processes
    }

    /// A process by its number.
    #[must_use]
    pub fn get(&self, pid: u32) -> Option<&Proc> {
        self.position(pid).map(|at| &self.processes[at])
    }

    /// Has this process ended without being waited for?
    #[must_use]
    pub fn is_zombie(&self, pid: u32) -> bool {
        self.get(pid).is_some_and(Proc::is_dead)
    }

    pub(super) fn position(&self, pid: u32) -> Option<usize> {
        self.processes.binary_search_by_key(&pid, |process| process.pid).ok()
    }
}

/// The name of the program that a process runs, `?` if it is gone.
#[must_use]
pub fn command_of(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).map_or_else(|_| "?".into(), |name| name.trim_end().to_owned())
}

fn read_stat(
    folder: BorrowedFd<'_>,
    name: std::fmt::Arguments<'_>,
    pid: u32,
    path: &mut String,
    buffer: &mut [u8; STAT],
) -> io::Result<Option<Proc>> {
    path.clear();
    path.write_fmt(name).map_err(io::Error::other)?;
    let Some(file) = seen(openat(folder, path.as_str(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()))? else {
        return Ok(None);
    };
    let count = seen(rustix::io::read(&file, &mut buffer[..]))?;
    Ok(count.and_then(|count| parse(pid, &buffer[..count])))
}

/// Fields are told from the last parenthesis on, because the name of the program may hold spaces and parentheses itself.
fn parse(pid: u32, text: &[u8]) -> Option<Proc> {
    let end = text.iter().rposition(|byte| *byte == b')')?;
    let mut fields = std::str::from_utf8(text.get(end + 1..)?).ok()?.split_ascii_whitespace();
    let state = *fields.next()?.as_bytes().first()?;
    let mut skip_and_read = |count: usize| fields.nth(count)?.parse::<u64>().ok();
    // Numbers of the manual page: ppid 4, pgrp 5, session 6; utime 14, stime 15, cutime 16, cstime 17; num_threads 20;
    // starttime 22; rss 24.
    let [ppid, pgid, sid] = [skip_and_read(0)?, skip_and_read(0)?, skip_and_read(0)?];
    let cpu_ticks = skip_and_read(7)?.saturating_add(skip_and_read(0)?);
    let reaped_ticks = skip_and_read(0)?.saturating_add(skip_and_read(0)?);
    let threads = skip_and_read(2)?;
    let start_ticks = skip_and_read(1)?;
    let rss_pages = skip_and_read(1)?;
    let id = |number: u64| u32::try_from(number).ok();
    Some(Proc {
        pid,
        ppid: id(ppid)?,
        pgid: id(pgid)?,
        sid: id(sid)?,
        state,
        threads: id(threads)?,
        start_ticks,
        cpu_ticks,
        reaped_ticks,
        rss_pages,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINE: &str = "1 40 39 0 -1 4194560 100 0 0 0 7 5 3 2 20 0 6 0 12345 1000000 250 18446744073709551615 1 1 0";

    #[test]
    fn fields_of_a_line() {
        let process = parse(42, format!("42 (a) R 1 (b) S {LINE}\n").as_bytes()).unwrap();
        assert_eq!((process.ppid, process.pgid, process.sid, process.state, process.threads), (1, 40, 39, b'S', 6));
        assert_eq!((process.cpu_ticks, process.reaped_ticks, process.start_ticks, process.rss_pages), (12, 5, 12345, 250));
    }

    #[test]
    fn torn_lines_are_no_process() {
        let whole = format!("42 (sh) S {LINE}");
        let needed = whole.find(" 18446744073709551615").unwrap();
        for length in 0..needed - "250".len() {
            assert_eq!(parse(42, &whole.as_bytes()[..length]), None, "{length}");
        }
        assert!(parse(42, &whole.as_bytes()[..needed]).is_some());
    }

    proptest! {
        #[test]
        fn any_name_is_skipped(name in prop::collection::vec(any::<u8>(), 0..64)) {
            let text = [&b"42 ("[..], &name, b") S ", LINE.as_bytes()].concat();
            prop_assert_eq!(parse(42, &text).map(|process| process.start_ticks), Some(12345));
        }

        #[test]
        fn any_bytes_are_read_or_refused(text in prop::collection::vec(any::<u8>(), 0..256)) {
            let _ = parse(42, &text);
        }
    }

    #[test]
    fn a_process_whose_first_thread_ended_lives() {
        let process = parse(42, format!("42 (sh) Z {LINE}").as_bytes()).unwrap();
        assert!(!process.is_dead());
        assert!(Proc { threads: 1, ..process }.is_dead());
        assert!(!Proc { state: b'D', ..process }.is_dead());
    }

    #[test]
    fn we_and_our_parent_are_in_the_table() {
        let table = Table::read().unwrap();
        let own = table.get(std::process::id()).unwrap();
        assert_eq!(own.ppid, std::os::unix::process::parent_id());
        assert!(own.rss_pages > 0 && own.threads > 0 && own.start_ticks > 0);
        assert_eq!(Proc::read(own.pid).unwrap().map(|again| again.key()), Some(own.key()));
        assert!(table.processes().is_sorted_by_key(|process| process.pid));
    }

    #[test]
    #[ignore = "a measurement: cargo test -p server --lib table::tests::cost -- --ignored --nocapture"]
    fn cost() {
        let (rounds, begun) = (200_u32, std::time::Instant::now());
        let count: usize = (0..rounds).map(|_| Table::read().unwrap().processes().len()).sum();
        let each = begun.elapsed() / u32::try_from(count).unwrap();
        println!("{} processes, {each:?} for each", count / rounds as usize);
    }
}
