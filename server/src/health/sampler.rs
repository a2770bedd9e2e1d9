//! One sample of everything: host, and CPU, memory and port of the whole tree of each instance.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

use super::host::{Host, HostFigures, round};
use super::usage::Usage;
use crate::process::{self, MarkerCache, OpenFiles, Ports, Strangers, Table, Tree};

/// An instance to be sampled.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Its `pm_id`.
    pub pm_id: u32,
    /// Its processes.
    pub tree: Tree,
    /// The port where it is expected.
    pub env_port: Option<u16>,
}

/// What the tree of an instance uses.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct InstanceSample {
    /// CPU in percent of one core since the last sample, to one decimal.
    pub cpu_percent: f32,
    /// Resident memory in bytes. Pages that processes share count for each of them.
    pub memory_bytes: u64,
    /// The TCP port that it listens on: the expected one if it is among them, else the lowest.
    pub port: Option<u16>,
    /// How many processes it has.
    pub processes: u32,
    /// Of the process that is nearest to its limit.
    pub files: Option<OpenFiles>,
    /// Its children that ended, and that nobody waited for.
    pub zombies: u32,
}

/// A sample of everything.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// The host.
    pub host: HostFigures,
    /// Each instance by its `pm_id`.
    pub instances: HashMap<u32, InstanceSample>,
}

/// The open files of a tree are counted at each sample of so many.
const FILES_EVERY: u32 = 5;

/// Takes samples. Its calls block for some milliseconds: it belongs on a thread of its own.
#[derive(Debug)]
pub struct Sampler {
    host: Host,
    ports: Ports,
    markers: MarkerCache,
    strangers: Strangers,
    usage: HashMap<u32, Usage>,
    /// Of the process of each tree that is nearest to its limit.
    files: HashMap<u32, Option<OpenFiles>>,
    /// How many samples were taken.
    taken: u32,
    /// When the last sample was taken, in ms since boot.
    last: Option<u64>,
}

impl Sampler {
    /// A sampler that knows nothing yet: the first CPU figures are 0. The disk that it measures is the one of `home`.
    #[must_use]
    pub fn new(home: impl Into<PathBuf>) -> Self {
        let (ports, markers, strangers) = (Ports::default(), MarkerCache::default(), Strangers::default());
        Self {
            host: Host::new(home.into()),
            ports,
            markers,
            strangers,
            usage: HashMap::new(),
            files: HashMap::new(),
            taken: 0,
            last: None,
        }
    }

    /// Measures the host alone.
    pub fn host(&mut self) -> HostFigures {
        self.host.measure()
    }

    /// Measures all of it. Time is taken from a clock that never jumps, whatever the time of day does.
    ///
    /// # Errors
    /// `/proc` cannot be read.
    pub fn sample(&mut self, watched: &[Watched]) -> io::Result<Sample> {
        let host = self.host.measure();
        if watched.is_empty() {
            (self.last, self.usage) = (None, HashMap::new());
            return Ok(Sample { host, instances: HashMap::new() });
        }
        let now = process::since_boot_ms();
        self.taken = self.taken.wrapping_add(1);
        let table = Table::read()?;
        self.ports.refresh();
        let last = self.last.replace(now);
        let passed_ms = last.map_or(0, |last| now.saturating_sub(last));
        let last_ticks = last.unwrap_or(now) * process::ticks_per_second() / 1000;
        let trees: Vec<Tree> = watched.iter().map(|one| one.tree.clone()).collect();
        let dead: Vec<u32> = table.processes().iter().filter(|one| one.is_dead()).map(|one| one.ppid).collect();
        let mut instances = HashMap::with_capacity(watched.len());
        for (one, members) in watched.iter().zip(table.assign_again(&trees, &mut self.markers, &mut self.strangers)) {
            let pids: Vec<u32> = members.iter().map(|member| member.pid).collect();
            let used = self.usage.entry(one.pm_id).or_default().advance(&members, last_ticks);
            let pages = members.iter().fold(0_u64, |sum, member| sum.saturating_add(member.rss_pages));
            let sample = InstanceSample {
                cpu_percent: percent(used, passed_ms),
                memory_bytes: pages.saturating_mul(process::page_size()),
                port: self.ports.of(one.pm_id, &pids, one.env_port),
                processes: u32::try_from(members.len()).unwrap_or(u32::MAX),
                files: self.files(one.pm_id, &pids),
                zombies: u32::try_from(dead.iter().filter(|parent| pids.contains(parent)).count()).unwrap_or(u32::MAX),
            };
            instances.insert(one.pm_id, sample);
        }
        self.usage.retain(|pm_id, _| instances.contains_key(pm_id));
        self.files.retain(|pm_id, _| instances.contains_key(pm_id));
        self.ports.keep(|pm_id| instances.contains_key(&pm_id));
        Ok(Sample { host, instances })
    }

    fn files(&mut self, tree: u32, pids: &[u32]) -> Option<OpenFiles> {
        let is_due = self.taken % FILES_EVERY == tree % FILES_EVERY;
        let known = self.files.get(&tree).filter(|files| !is_due && files.is_none_or(|files| pids.contains(&files.pid)));
        let files = known.copied().unwrap_or_else(|| pids.iter().filter_map(|pid| process::open_files(*pid)).max_by(nearer));
        self.files.insert(tree, files);
        files
    }
}

/// Which of two processes is nearer to its limit.
fn nearer(one: &OpenFiles, other: &OpenFiles) -> std::cmp::Ordering {
    let left = |files: &OpenFiles, limit: u64| u128::from(files.open) * u128::from(limit);
    left(one, other.limit).cmp(&left(other, one.limit))
}

fn percent(ticks: u64, passed_ms: u64) -> f32 {
    if passed_ms == 0 {
        return 0.0;
    }
    round((ticks as f64 * 100_000.0 / (process::ticks_per_second() as f64 * passed_ms as f64)) as f32)
}

#[cfg(test)]
mod tests;
