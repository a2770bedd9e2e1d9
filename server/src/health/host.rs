//! Figures of the host.

use std::path::PathBuf;

use app::model::{CpuFigures, DaemonFigures, DiskFigures, MemoryFigures, TreeFigures};
use sysinfo::{MemoryRefreshKind, System};

const MIB: u64 = 1 << 20;

/// The host at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostFigures {
    /// Load and use of its cores.
    pub cpu: CpuFigures,
    /// Memory.
    pub memory: MemoryFigures,
    /// The file system of the home folder. Sizes of history and logs are 0: whoever keeps them knows them.
    pub disk: DiskFigures,
    /// Seconds since it was started.
    pub uptime_seconds: f64,
    /// How trees are held on it: whoever holds them knows.
    pub trees: TreeFigures,
    /// What `qd` itself uses. What waits, and what is late, is 0: whoever keeps it knows.
    pub daemon: DaemonFigures,
}

/// Measures the host. What cannot be read is 0.
#[derive(Debug)]
pub(super) struct Host {
    /// Never told to look at processes: it would keep a file open for each.
    system: Option<System>,
    home: PathBuf,
}

impl Host {
    pub(super) fn new(home: PathBuf) -> Self {
        let system = System::new().inspect_err(|error| tracing::error!(%error, "failed to prepare the measurement of the host"));
        Self { system: system.ok(), home }
    }

    pub(super) fn measure(&mut self) -> HostFigures {
        if let Some(system) = &mut self.system {
            system.refresh_cpu_usage();
            system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        }
        HostFigures {
            cpu: self.cpu(),
            memory: self.memory(),
            disk: self.disk(),
            uptime_seconds: crate::process::since_boot_ms() as f64 / 1000.0,
            trees: TreeFigures::default(),
            daemon: super::daemon::daemon(&self.home),
        }
    }

    /// Of the whole host, as the load averages are, even if we may use a part of it only.
    fn cpu(&self) -> CpuFigures {
        let load = System::load_average().unwrap_or_default();
        let cores = self.system.as_ref().map_or(0, |system| system.cpus().len());
        CpuFigures {
            load_1: load.one,
            load_5: load.five,
            load_15: load.fifteen,
            cores: u32::try_from(cores).unwrap_or(u32::MAX).max(1),
            usage_percent: round(self.system.as_ref().map_or(0.0, System::global_cpu_usage)),
        }
    }

    fn memory(&self) -> MemoryFigures {
        self.system.as_ref().map(|system| memory(system.total_memory(), system.available_memory())).unwrap_or_default()
    }

    fn disk(&self) -> DiskFigures {
        let Ok(figures) = rustix::fs::statvfs(&self.home) else { return DiskFigures::default() };
        disk(figures.f_frsize, figures.f_blocks, figures.f_bfree, figures.f_bavail)
    }
}

/// What the kernel would give up at once is not used: free(1) counts so as well. In bytes.
fn memory(total: u64, available: u64) -> MemoryFigures {
    let total_mb = total / MIB;
    let free_mb = (available / MIB).min(total_mb);
    let used_mb = total_mb - free_mb;
    MemoryFigures { total_mb, used_mb, free_mb, usage_percent: percent(used_mb, total_mb) }
}

/// As df(1) counts, in blocks: what only root may use is neither used nor free to us.
fn disk(block: u64, blocks: u64, free: u64, free_to_us: u64) -> DiskFigures {
    let mib = |blocks: u64| blocks.saturating_mul(block) / MIB;
    let used = blocks.saturating_sub(free);
    let usage_percent = percent(used, used.saturating_add(free_to_us));
    DiskFigures { total_mb: mib(blocks), free_mb: mib(free_to_us), usage_percent, history_bytes: 0, logs_bytes: 0 }
}

fn percent(part: u64, whole: u64) -> f32 {
    if whole == 0 { 0.0 } else { round((part as f64 * 100.0 / whole as f64) as f32) }
}

/// To one decimal; what is no number is 0, because JSON has no other way to write it.
pub(super) fn round(value: f32) -> f32 {
    if value.is_finite() { (value * 10.0).round() / 10.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn used_and_free_make_the_total(total in 0..=u64::MAX, available in 0..=u64::MAX) {
            let figures = memory(total, available);
            prop_assert_eq!(figures.used_mb + figures.free_mb, figures.total_mb);
            prop_assert!((0.0..=100.0).contains(&figures.usage_percent));
        }

        #[test]
        fn a_disk_is_at_most_full(block in 0..=u64::MAX, blocks in 0..=u64::MAX, free in 0..=u64::MAX, ours in 0..=u64::MAX) {
            prop_assert!((0.0..=100.0).contains(&disk(block, blocks, free, ours).usage_percent));
        }
    }

    #[test]
    fn what_only_root_may_use_is_not_free() {
        let figures = disk(4096, 25_600, 12_800, 10_240);
        assert_eq!((figures.total_mb, figures.free_mb, figures.usage_percent), (100, 40, 55.6));
    }

    #[test]
    fn rounding() {
        assert_eq!([1.25, 0.04, -0.0, f32::NAN, f32::INFINITY].map(round), [1.3, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn this_host() {
        let figures = Host::new("/proc".into()).measure();
        let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap();
        let total_kib: u64 = meminfo.split_ascii_whitespace().nth(1).unwrap().parse().unwrap();
        assert_eq!(figures.memory.total_mb, total_kib / 1024);
        assert!(figures.cpu.cores >= 1 && figures.uptime_seconds > 0.0 && figures.cpu.load_1 >= 0.0);
        assert_eq!(Host::new("/nowhere/at/all".into()).measure().disk, DiskFigures::default());
    }
}
