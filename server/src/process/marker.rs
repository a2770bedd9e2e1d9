//! The marker that every process of an app carries in its environment (proc_pid_environ(5)).

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use super::command::MARKER;
use super::seen::seen;
use super::table::{Proc, Table};

/// How often, and at which distance, an empty environment is looked at again.
const LOOKS: u32 = 10;
const PAUSE: Duration = Duration::from_micros(100);

/// Markers of processes that were looked at: an environment is read once in the life of a process.
#[derive(Debug, Default)]
pub struct MarkerCache {
    known: HashMap<(u32, u64), Seen>,
    /// Why something could not be looked at: what was found may lack some.
    pub(super) trouble: Option<io::Error>,
}

/// What was seen of an environment.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// It has this marker, or none.
    Whole(Option<String>),
    /// Nothing: the process was started without one, or was in the midst of execve(2) for longer than we looked.
    Nothing,
}

impl MarkerCache {
    /// The marker that a process carries. None as well if we may not see its environment.
    pub(super) fn marker(&mut self, process: &Proc) -> Option<&str> {
        let looks = match self.known.get(&process.key()) {
            None => LOOKS,
            // It was looked at with patience before.
            Some(Seen::Nothing) => 1,
            Some(Seen::Whole(_)) => 0,
        };
        if looks > 0 {
            match seen(environment(process, looks)) {
                Ok(Some(environment)) if environment.is_empty() => self.known.insert(process.key(), Seen::Nothing),
                Ok(environment) => {
                    self.known.insert(process.key(), Seen::Whole(environment.and_then(|environment| find(&environment))))
                }
                Err(error) => self.trouble.replace(error).and(None),
            };
        }
        if let Some(Seen::Whole(marker)) = self.known.get(&process.key()) { marker.as_deref() } else { None }
    }

    pub(super) fn forget_dead(&mut self, table: &Table) {
        self.known.retain(|(pid, start), _| table.get(*pid).is_some_and(|process| process.start_ticks == *start));
    }
}

impl Table {
    /// Every living process that carries a marker with this beginning, and the marker. It reads each environment there is.
    ///
    /// # Errors
    /// No descriptors or memory are left to look at all of them.
    pub fn find_marked(&self, prefix: &str, cache: &mut MarkerCache) -> io::Result<Vec<(Proc, String)>> {
        cache.forget_dead(self);
        let own = std::process::id();
        let candidates = self.processes().iter().filter(|process| !process.is_dead() && process.pid > 1 && process.pid != own);
        let marked = candidates.filter_map(|process| {
            let marker = cache.marker(process).filter(|marker| marker.starts_with(prefix))?;
            Some((*process, marker.to_owned()))
        });
        let marked = marked.collect();
        cache.trouble.take().map_or(Ok(marked), Err)
    }
}

/// The marker that a process carries now.
#[must_use]
pub fn marker_of(pid: u32) -> Option<String> {
    find(&environment(&Proc::read(pid).ok()??, LOOKS).ok()?)
}

/// The environment that a process was started with. Empty only if it is so at each look: execve(2) takes the old one away some time
/// before it sets the new one (fs/binfmt_elf.c), and a process that is missed then would be one that is not ended.
fn environment(process: &Proc, looks: u32) -> io::Result<Vec<u8>> {
    let path = format!("/proc/{}/environ", process.pid);
    for look in 1.. {
        let environment = std::fs::read(&path)?;
        // A thread of the kernel has neither memory nor environment.
        if !environment.is_empty() || process.rss_pages == 0 || look >= looks {
            return Ok(environment);
        }
        std::thread::sleep(PAUSE);
    }
    Ok(Vec::new())
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
    fn an_empty_environment_is_looked_at_again() {
        let mut child = std::process::Command::new("sleep").arg("600").env_clear().spawn().unwrap();
        let process = crate::process::testing::wait_for("a child without an environment", || {
            let process = Proc::read(child.id()).unwrap()?;
            environment(&process, 1).ok()?.is_empty().then_some(process)
        });
        let mut cache = MarkerCache::default();
        assert_eq!(cache.marker(&process), None);
        // As one that was in the midst of execve is when it has come through it.
        cache.known.insert(process.key(), Seen::Nothing);
        assert_eq!(cache.marker(&process), None);
        assert_eq!(cache.known.get(&process.key()), Some(&Seen::Nothing), "nothing is not an answer to be remembered");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let mut child = std::process::Command::new("sleep").arg("600").env(MARKER, "test-forget").spawn().unwrap();
        let mut cache = MarkerCache::default();
        let process = crate::process::testing::wait_for("the marker of a child", || {
            let table = Table::read().unwrap();
            table.find_marked("test-forget", &mut MarkerCache::default()).unwrap().pop()
        });
        assert_eq!(cache.marker(&process.0), Some("test-forget"));
        child.kill().unwrap();
        child.wait().unwrap();
        cache.forget_dead(&Table::read().unwrap());
        assert!(cache.known.is_empty());
    }
}
