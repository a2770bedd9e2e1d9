//! The marker that every process of an app carries in its environment (proc_pid_environ(5)).

use std::collections::HashMap;

use super::command::MARKER;
use super::table::{Proc, Table};

/// Markers of processes that were looked at: an environment is read once in the life of a process.
#[derive(Debug, Default)]
pub struct MarkerCache(HashMap<(u32, u64), Option<String>>);

impl MarkerCache {
    /// The marker that a process carries. None as well if we may not see its environment.
    pub(super) fn marker(&mut self, process: &Proc) -> Option<&str> {
        self.0.entry(process.key()).or_insert_with(|| read(process.pid)).as_deref()
    }

    pub(super) fn forget_dead(&mut self, table: &Table) {
        self.0.retain(|(pid, start), _| table.get(*pid).is_some_and(|process| process.start_ticks == *start));
    }
}

impl Table {
    /// Every living process that carries a marker with this beginning, and the marker. It reads each environment there is.
    #[must_use]
    pub fn find_marked(&self, prefix: &str, cache: &mut MarkerCache) -> Vec<(Proc, String)> {
        cache.forget_dead(self);
        let own = std::process::id();
        let candidates = self.processes().iter().filter(|process| !process.is_dead() && process.pid > 1 && process.pid != own);
        let marked = candidates.filter_map(|process| {
            let marker = cache.marker(process).filter(|marker| marker.starts_with(prefix))?;
            Some((*process, marker.to_owned()))
        });
        marked.collect()
    }
}

fn read(pid: u32) -> Option<String> {
    find(&std::fs::read(format!("/proc/{pid}/environ")).ok()?)
}

fn find(environment: &[u8]) -> Option<String> {
    let value = |entry: &[u8]| Some(entry.strip_prefix(MARKER.as_bytes())?.strip_prefix(b"=")?.to_vec());
    String::from_utf8(environment.split(|byte| *byte == 0).find_map(value)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_entry_of_many() {
        assert_eq!(find(b"PATH=/bin\0QD_UNIT=a.1.2\0HOME=/\0").as_deref(), Some("a.1.2"));
        assert_eq!(find(b"QD_UNIT=\0").as_deref(), Some(""));
        for other in [&b""[..], b"\0\0", b"QD_UNITS=a\0", b"X=QD_UNIT=a\0", b"QD_UNIT", b"QD_UNIT=\xff\0"] {
            assert_eq!(find(other), None, "{other:?}");
        }
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let mut child = std::process::Command::new("sleep").arg("600").env(MARKER, "test-forget").spawn().unwrap();
        let mut cache = MarkerCache::default();
        let process = crate::process::testing::wait_for("the marker of a child", || {
            let table = Table::read().unwrap();
            table.find_marked("test-forget", &mut MarkerCache::default()).pop()
        });
        assert_eq!(cache.marker(&process.0), Some("test-forget"));
        child.kill().unwrap();
        child.wait().unwrap();
        cache.forget_dead(&Table::read().unwrap());
        assert!(cache.0.is_empty());
    }
}
