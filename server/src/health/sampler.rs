//! One sample of everything: host, and CPU, memory and port of the whole tree of each instance.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use super::host::{Host, HostFigures, round1};
use crate::process::{self, MarkerCache, Ports, Table, Tree};

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
    /// CPU in percent of one core since the last sample.
    pub cpu_percent: f32,
    /// Resident memory in bytes.
    pub memory_bytes: u64,
    /// The TCP port that it listens on.
    pub port: Option<u16>,
    /// How many processes it has.
    pub processes: u32,
}

/// A sample of everything.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// The host.
    pub host: HostFigures,
    /// Each instance by its `pm_id`.
    pub instances: HashMap<u32, InstanceSample>,
}

/// Takes samples. Its calls block for some milliseconds: it belongs on a thread of its own.
#[derive(Debug)]
pub struct Sampler {
    host: Host,
    ports: Ports,
    markers: MarkerCache,
    /// CPU ticks of each process at the last sample, by pid and start.
    ticks: HashMap<(u32, u64), u64>,
    last: u64,
}

impl Sampler {
    /// A sampler that knows nothing yet: the first CPU figures are 0.
    #[must_use]
    pub fn new(home: &Path) -> Self {
        Self { host: Host::new(home), ports: Ports::default(), markers: MarkerCache::default(), ticks: HashMap::new(), last: 0 }
    }

    /// Measures the host alone.
    pub fn host(&mut self) -> HostFigures {
        self.host.measure()
    }

    /// Measures all of it.
    ///
    /// # Errors
    /// `/proc` cannot be read.
    pub fn sample(&mut self, watched: &[Watched]) -> io::Result<Sample> {
        let host = self.host.measure();
        if watched.is_empty() {
            return Ok(Sample { host, instances: HashMap::new() });
        }
        let table = Table::read()?;
        self.markers.forget_dead(&table);
        self.ports.refresh();
        let now = process::monotonic_ms();
        let passed_ms = now.saturating_sub(self.last);
        let is_first = std::mem::replace(&mut self.last, now) == 0;
        let trees: Vec<Tree> = watched.iter().map(|one| one.tree.clone()).collect();
        let mut ticks = HashMap::with_capacity(self.ticks.len());
        let mut instances = HashMap::with_capacity(watched.len());
        for (one, members) in watched.iter().zip(table.assign(&trees, &mut self.markers)) {
            let (mut used, mut pages) = (0, 0);
            for member in &members {
                let key = (member.pid, member.start_ticks);
                let before = if is_first { member.cpu_ticks } else { self.ticks.get(&key).copied().unwrap_or(0) };
                used += member.cpu_ticks.saturating_sub(before);
                pages += member.rss_pages;
                ticks.insert(key, member.cpu_ticks);
            }
            let pids: Vec<u32> = members.iter().map(|member| member.pid).collect();
            let sample = InstanceSample {
                cpu_percent: percent(used, passed_ms),
                memory_bytes: pages * process::page_size(),
                port: self.ports.of(one.pm_id, &pids, one.env_port),
                processes: u32::try_from(members.len()).unwrap_or(u32::MAX),
            };
            instances.insert(one.pm_id, sample);
        }
        self.ticks = ticks;
        self.ports.keep(|pm_id| watched.iter().any(|one| one.pm_id == pm_id));
        Ok(Sample { host, instances })
    }
}

fn percent(ticks: u64, passed_ms: u64) -> f32 {
    if passed_ms == 0 {
        return 0.0;
    }
    let used_ms = ticks * 1000 / process::ticks_per_second();
    round1(used_ms as f32 * 100.0 / passed_ms as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_to_percent() {
        assert_eq!(percent(process::ticks_per_second(), 2000), 50.0);
        assert_eq!(percent(5, 0), 0.0);
    }

    #[test]
    fn our_own_child_is_measured() {
        let mut child = std::process::Command::new("setsid").args(["sleep", "600"]).spawn().unwrap();
        let tree = Tree { leader: child.id(), leader_start: process::start_time(child.id()), marker: "test-none".into() };
        let mut sampler = Sampler::new(Path::new("/"));
        let sample = sampler.sample(&[Watched { pm_id: 3, tree, env_port: None }]).unwrap();
        let one = sample.instances[&3];
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(one.processes, 1);
        assert!(one.memory_bytes > 0 && one.port.is_none() && one.cpu_percent == 0.0, "{one:?}");
        assert!(sample.host.memory.total_mb == sample.host.memory.used_mb + sample.host.memory.free_mb);
        assert!(sample.host.cpu.cores >= 1 && sample.host.uptime_seconds > 0.0);
    }
}
