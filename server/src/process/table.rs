//! One reading of all processes, and which of them belong to an app (proc_pid_stat(5)).

use std::collections::{HashMap, HashSet};
use std::io::{self, Read};
use std::sync::OnceLock;

use app::model::Time;

use super::command::MARKER;

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
    /// Its start in clock ticks since boot. With the pid it names the process.
    pub start_ticks: u64,
    /// CPU time that it used, in clock ticks, in user and kernel mode.
    pub cpu_ticks: u64,
    /// Resident memory in pages.
    pub rss_pages: u64,
}

impl Proc {
    fn is_dead(&self) -> bool {
        matches!(self.state, b'Z' | b'X')
    }
}

/// What belongs to one run of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// The main process, which may be gone; 0 if it is not known.
    pub leader: u32,
    /// Its start in clock ticks, where known: another process with its number is a stranger.
    pub leader_start: Option<u64>,
    /// The value of [`MARKER`] in the environment of its processes.
    pub marker: String,
}

/// Markers of processes that were looked at. An environment is read once in the life of a process.
#[derive(Debug, Default)]
pub struct MarkerCache(HashMap<(u32, u64), Option<String>>);

impl MarkerCache {
    fn marker(&mut self, process: &Proc) -> Option<&str> {
        let entry = self.0.entry((process.pid, process.start_ticks)).or_insert_with(|| read_marker(process.pid));
        entry.as_deref()
    }

    /// Forgets the processes that are gone.
    pub fn forget_dead(&mut self, table: &Table) {
        self.0.retain(|(pid, start), _| table.get(*pid).is_some_and(|process| process.start_ticks == *start));
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
    /// `/proc` cannot be read.
    pub fn read() -> io::Result<Self> {
        let mut processes = Vec::with_capacity(256);
        let (mut path, mut buffer) = (String::with_capacity(32), vec![0_u8; 1024]);
        for entry in std::fs::read_dir("/proc")?.flatten() {
            let name = entry.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            path.clear();
            path.push_str("/proc/");
            path.push_str(name.to_str().unwrap_or_default());
            path.push_str("/stat");
            let read = std::fs::File::open(&path).and_then(|mut file| file.read(&mut buffer));
            if let Some(process) = read.ok().and_then(|count| parse_stat(pid, &buffer[..count])) {
                processes.push(process);
            }
        }
        processes.sort_unstable_by_key(|process| process.pid);
        Ok(Self { processes })
    }

    /// A process by its number.
    #[must_use]
    pub fn get(&self, pid: u32) -> Option<&Proc> {
        self.processes.binary_search_by_key(&pid, |process| process.pid).ok().map(|at| &self.processes[at])
    }

    /// Has this process ended without being waited for?
    #[must_use]
    pub fn is_zombie(&self, pid: u32) -> bool {
        self.get(pid).is_some_and(Proc::is_dead)
    }

    /// The processes of a tree that live.
    #[must_use]
    pub fn members(&self, tree: &Tree, cache: &mut MarkerCache) -> Vec<&Proc> {
        let owners = self.owners(std::slice::from_ref(tree), cache);
        self.processes.iter().zip(owners).filter(|(_, owner)| owner.is_some()).map(|(process, _)| process).collect()
    }

    /// The living processes of each of these trees, in one go. A process belongs to the tree of its leader's session or process
    /// group, to that whose marker it carries if it was orphaned, and else to that of its parent.
    #[must_use]
    pub fn assign(&self, trees: &[Tree], cache: &mut MarkerCache) -> Vec<Vec<&Proc>> {
        let mut found = vec![Vec::new(); trees.len()];
        for (process, owner) in self.processes.iter().zip(self.owners(trees, cache)) {
            if let Some(owner) = owner {
                found[owner].push(process);
            }
        }
        found
    }

    fn owners(&self, trees: &[Tree], cache: &mut MarkerCache) -> Vec<Option<usize>> {
        let own = std::process::id();
        let leaders: HashMap<u32, usize> =
            trees.iter().enumerate().filter(|(_, tree)| tree.leader > 1).map(|(at, tree)| (tree.leader, at)).collect();
        let markers: HashMap<&str, usize> = trees.iter().enumerate().map(|(at, tree)| (tree.marker.as_str(), at)).collect();
        let is_stranger = |pid: u32, tree: &Tree| {
            self.get(pid).is_some_and(|one| tree.leader_start.is_some_and(|start| one.start_ticks != start))
        };
        let mut owners: Vec<Option<usize>> = Vec::with_capacity(self.processes.len());
        for process in &self.processes {
            let lead = |id: u32| leaders.get(&id).copied().filter(|at| !is_stranger(trees[*at].leader, &trees[*at]));
            let mut owner = lead(process.pid).or_else(|| lead(process.sid)).or_else(|| lead(process.pgid));
            let orphan = process.ppid <= 1 || process.ppid == own || self.get(process.ppid).is_none();
            if owner.is_none() && orphan && !process.is_dead() {
                owner = cache.marker(process).and_then(|marker| markers.get(marker).copied());
            }
            owners.push(owner.filter(|_| process.pid > 1 && process.pid != own));
        }
        self.inherit(&mut owners);
        for (owner, process) in owners.iter_mut().zip(&self.processes) {
            if process.is_dead() {
                *owner = None;
            }
        }
        owners
    }

    /// Gives every process without an owner that of its nearest ancestor that has one.
    fn inherit(&self, owners: &mut [Option<usize>]) {
        let own = std::process::id();
        let mut settled: HashSet<u32> = HashSet::with_capacity(self.processes.len());
        let mut path = Vec::new();
        for at in 0..self.processes.len() {
            path.clear();
            let mut here = Some(at);
            let mut owner = None;
            while let Some(now) = here {
                let process = &self.processes[now];
                owner = owners[now];
                if owner.is_some()
                    || process.pid <= 1
                    || process.pid == own
                    || settled.contains(&process.pid)
                    || path.len() > self.processes.len()
                {
                    break;
                }
                path.push(now);
                here = self.processes.binary_search_by_key(&process.ppid, |one| one.pid).ok();
            }
            for &now in &path {
                owners[now] = owner;
                settled.insert(self.processes[now].pid);
            }
        }
    }

    /// Every living process that carries a marker with this beginning, and the marker.
    #[must_use]
    pub fn find_marked(&self, prefix: &str, cache: &mut MarkerCache) -> Vec<(Proc, String)> {
        let own = std::process::id();
        let candidates = self.processes.iter().filter(|process| !process.is_dead() && process.pid != own);
        let marked = candidates.filter_map(|process| {
            Some((*process, cache.marker(process).filter(|marker| marker.starts_with(prefix))?.to_owned()))
        });
        marked.collect()
    }
}

/// Fields after the name of the program, which may hold spaces and parentheses itself.
fn parse_stat(pid: u32, text: &[u8]) -> Option<Proc> {
    let end = text.iter().rposition(|byte| *byte == b')')?;
    let mut fields = text.get(end + 2..)?.split(|byte| *byte == b' ');
    let state = *fields.next()?.first()?;
    let mut number = |skip: usize| -> Option<u64> { std::str::from_utf8(fields.nth(skip)?).ok()?.trim_end().parse().ok() };
    let (ppid, pgid, sid) = (number(0)?, number(0)?, number(0)?);
    // utime and stime are fields 14 and 15, starttime 22, rss 24.
    let cpu_ticks = number(7)? + number(0)?;
    let (start_ticks, rss_pages) = (number(6)?, number(1)?);
    let id = |number: u64| u32::try_from(number).ok();
    Some(Proc { pid, ppid: id(ppid)?, pgid: id(pgid)?, sid: id(sid)?, state, start_ticks, cpu_ticks, rss_pages })
}

fn read_marker(pid: u32) -> Option<String> {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let name = format!("{MARKER}=");
    let entry = environment.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(name.as_bytes()))?;
    String::from_utf8(entry.to_vec()).ok()
}

/// When a process started, in clock ticks since boot; none if there is no such process.
#[must_use]
pub fn start_time(pid: u32) -> Option<u64> {
    let mut buffer = [0; 1024];
    let count = std::fs::File::open(format!("/proc/{pid}/stat")).ok()?.read(&mut buffer).ok()?;
    parse_stat(pid, &buffer[..count]).map(|process| process.start_ticks)
}

/// What tells this boot of the host from others.
///
/// # Errors
/// The kernel does not tell.
pub fn boot_id() -> io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// Clock ticks in a second (sysconf(3), `_SC_CLK_TCK`).
#[must_use]
pub fn ticks_per_second() -> u64 {
    static TICKS: OnceLock<u64> = OnceLock::new();
    *TICKS.get_or_init(|| sysconf(libc::_SC_CLK_TCK).unwrap_or(100))
}

/// The time of day of a number of clock ticks since boot.
#[must_use]
pub fn ticks_to_time(ticks: u64) -> Time {
    let now = i64::try_from(super::monotonic_ms()).unwrap_or(0);
    let then = i64::try_from(ticks * 1000 / ticks_per_second()).unwrap_or(0);
    super::wall_clock() - (now - then).max(0)
}

/// Bytes in a page of memory.
#[must_use]
pub fn page_size() -> u64 {
    static BYTES: OnceLock<u64> = OnceLock::new();
    *BYTES.get_or_init(|| sysconf(libc::_SC_PAGESIZE).unwrap_or(4096))
}

fn sysconf(name: libc::c_int) -> Option<u64> {
    #[expect(unsafe_code, reason = "plain call of the C library")]
    // SAFETY: the call takes and gives plain numbers.
    let value = unsafe { libc::sysconf(name) };
    u64::try_from(value).ok().filter(|value| *value > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};
    use std::time::{Duration, Instant};

    #[test]
    fn names_with_spaces_and_parentheses() {
        let line = b"42 (a) b (c) S 1 40 39 0 -1 4194560 100 0 0 0 7 5 0 0 20 0 1 0 12345 1000000 250 18446744073709551615\n";
        let process = parse_stat(42, line).unwrap();
        assert_eq!((process.ppid, process.pgid, process.sid, process.state), (1, 40, 39, b'S'));
        assert_eq!((process.cpu_ticks, process.start_ticks, process.rss_pages), (12, 12345, 250));
        assert_eq!(parse_stat(42, b"42 (torn"), None);
        assert_eq!(parse_stat(42, b""), None);
    }

    fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(Instant::now() < end, "never seen: {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    struct Family(Child, Tree);

    impl Family {
        fn start(marker: &str, script: &str) -> Self {
            let child = Command::new("setsid").args(["sh", "-c", script]).env(MARKER, marker).spawn().unwrap();
            let tree = Tree { leader: child.id(), leader_start: start_time(child.id()), marker: marker.into() };
            Self(child, tree)
        }

        fn count(&self) -> usize {
            Table::read().unwrap().members(&self.1, &mut MarkerCache::default()).len()
        }
    }

    impl Drop for Family {
        fn drop(&mut self) {
            for process in Table::read().unwrap().members(&self.1, &mut MarkerCache::default()) {
                let _ = super::super::send_signal(process.pid, libc::SIGKILL);
            }
            let _ = self.0.wait();
        }
    }

    #[test]
    fn children_sessions_of_their_own_and_orphans_belong_to_the_tree() {
        let marker = format!("test-tree.{}.1", std::process::id());
        let family = Family::start(&marker, "sleep 600 & setsid sleep 600 & (setsid sh -c 'sleep 600; :' &) ; sleep 600; :");
        wait_for("six processes", || (family.count() == 6).then_some(()));
        let other = Tree { marker: "another".into(), ..family.1.clone() };
        let stranger = Tree { leader_start: other.leader_start.map(|ticks| ticks + 1), ..other };
        assert_eq!(Table::read().unwrap().members(&stranger, &mut MarkerCache::default()), Vec::<&Proc>::new());
    }

    #[test]
    fn what_outlives_its_leader_is_found_by_its_marker() {
        let marker = format!("test-orphan.{}.1", std::process::id());
        let mut family = Family::start(&marker, "setsid sleep 600 & exit 0");
        family.0.wait().unwrap();
        wait_for("the orphan alone", || (family.count() == 1).then_some(()));
        let found = Table::read().unwrap().find_marked(&marker, &mut MarkerCache::default());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].1, marker);
    }
}
