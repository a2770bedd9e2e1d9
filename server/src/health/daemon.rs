//! What `qd` itself uses.

use std::path::Path;

use app::model::DaemonFigures;
use rustix::process::{Resource, getrlimit};

use super::host::round;
use crate::process::{Proc, page_size};

/// Measures this process, and the database that must not be lost. What cannot be read is 0; who keeps the history and who watches the
/// loops know the rest.
pub(super) fn daemon(home: &Path) -> DaemonFigures {
    let own = Proc::read(std::process::id()).ok().flatten();
    let files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    // One of them is the folder that is being read.
    let open_files = u32::try_from(files.saturating_sub(1)).unwrap_or(u32::MAX);
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let size = |name: &str| std::fs::metadata(home.join(name)).map_or(0, |file| file.len());
    let rss_bytes = own.map_or(0, |own| own.rss_pages.saturating_mul(page_size()));
    DaemonFigures {
        memory_rss_mb: round((rss_bytes as f64 / f64::from(1 << 20)) as f32),
        threads: own.map_or(0, |own| own.threads),
        open_files,
        open_files_limit: u32::try_from(limit).unwrap_or(u32::MAX),
        state_bytes: size("state.db") + size("state.db-wal"),
        ..DaemonFigures::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_this_process() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("state.db"), [0; 100]).unwrap();
        let before = daemon(home.path());
        assert!(before.memory_rss_mb > 1.0 && before.threads >= 1 && before.open_files >= 3, "{before:?}");
        assert!(before.open_files_limit >= before.open_files && before.state_bytes == 100, "{before:?}");
        // Many, because other tests open and close some meanwhile.
        let files: Vec<_> = (0..100).map(|_| std::fs::File::open("/proc/self/stat").unwrap()).collect();
        assert!(daemon(home.path()).open_files > before.open_files + 20, "{}", files.len());
    }
}
