//! Figures of the host.

use std::path::{Path, PathBuf};

use app::model::{CpuFigures, DiskFigures, MemoryFigures};
use sysinfo::{MemoryRefreshKind, System};

const MIB: u64 = 1 << 20;

/// The host at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostFigures {
    /// Load and use of its cores.
    pub cpu: CpuFigures,
    /// Memory.
    pub memory: MemoryFigures,
    /// The file system of the home folder.
    pub disk: DiskFigures,
    /// Seconds since it was started.
    pub uptime_seconds: f64,
}

/// Measures the host.
#[derive(Debug)]
pub(super) struct Host {
    system: Option<System>,
    home: PathBuf,
    cores: u32,
}

impl Host {
    pub(super) fn new(home: &Path) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1));
        Self { system: System::new().ok(), home: home.to_owned(), cores }
    }

    pub(super) fn measure(&mut self) -> HostFigures {
        if let Some(system) = &mut self.system {
            system.refresh_cpu_usage();
            system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        }
        let load = System::load_average().unwrap_or_default();
        HostFigures {
            cpu: CpuFigures {
                load_1: load.one,
                load_5: load.five,
                load_15: load.fifteen,
                cores: self.cores,
                usage_percent: round1(self.system.as_ref().map_or(0.0, System::global_cpu_usage)),
            },
            memory: self.memory(),
            disk: self.disk(),
            uptime_seconds: crate::process::monotonic_ms() as f64 / 1000.0,
        }
    }

    fn memory(&self) -> MemoryFigures {
        let Some(system) = &self.system else { return MemoryFigures::default() };
        let total_mb = system.total_memory() / MIB;
        // What the kernel would give up at once is not used: free(1) counts so as well.
        let free_mb = (system.available_memory() / MIB).min(total_mb);
        let used_mb = total_mb - free_mb;
        let usage_percent = if total_mb == 0 { 0.0 } else { round1(used_mb as f32 * 100.0 / total_mb as f32) };
        MemoryFigures { total_mb, used_mb, free_mb, usage_percent }
    }

    /// As df(1) counts: what only root may use is not free.
    fn disk(&self) -> DiskFigures {
        let Ok(figures) = rustix::fs::statvfs(&self.home) else { return DiskFigures::default() };
        let mib = |blocks: u64| blocks.saturating_mul(figures.f_frsize) / MIB;
        let used = figures.f_blocks.saturating_sub(figures.f_bfree);
        let usable = used + figures.f_bavail;
        let usage_percent = if usable == 0 { 0.0 } else { round1((used as f64 * 100.0 / usable as f64) as f32) };
        DiskFigures {
            total_mb: mib(figures.f_blocks),
            free_mb: mib(figures.f_bavail),
            usage_percent,
            history_bytes: 0,
            logs_bytes: 0,
        }
    }
}

pub(super) fn round1(value: f32) -> f32 {
    (value * 10.0).round() / 10.0
}
