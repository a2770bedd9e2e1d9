//! One cgroup (cgroups(7), version 2): all processes that were born in it, whatever they do to session, parent or environment.

mod limits;
mod place;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

pub use place::Cgroups;

use super::seen::seen;

/// How deep an app may nest cgroups of its own and still be looked through.
const DEEPEST: u32 = 16;

/// A cgroup by its folder. It stays until it is removed, so it may be empty, and it may be gone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cgroup(PathBuf);

impl Cgroup {
    /// The one of this folder.
    #[must_use]
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// Its folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Opens its folder, for a process that is to be born in it.
    pub(super) fn open(&self) -> io::Result<OwnedFd> {
        Ok(File::open(&self.0)?.into())
    }

    /// The processes in it and in those below it. Zombies are none. Empty if it is gone.
    ///
    /// # Errors
    /// No descriptors or memory are left to look.
    pub fn pids(&self) -> io::Result<Vec<u32>> {
        let mut pids = Vec::new();
        each(&self.0, DEEPEST, &mut |folder| {
            let text = seen(std::fs::read_to_string(folder.join("cgroup.procs")))?.unwrap_or_default();
            // A process of another pid namespace is shown as 0.
            pids.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()).filter(|pid| *pid > 0));
            Ok(())
        })?;
        Ok(pids)
    }

    /// Sends SIGKILL to all that is in it and below it. What is forked meanwhile is caught as well (`cgroup.kill`, since Linux 5.14).
    ///
    /// # Errors
    /// The kernel does not know how, it is gone, or somebody has put us into it.
    pub fn kill(&self) -> io::Result<()> {
        if self.pids()?.contains(&std::process::id()) {
            return Err(io::Error::other("this process is in it"));
        }
        write(&self.0, "cgroup.kill", "1")
    }

    /// How many of its processes the kernel ended for lack of memory, of the host or within the limit. None where its memory is
    /// not counted.
    #[must_use]
    pub fn oom_kills(&self) -> Option<u64> {
        let events = std::fs::read_to_string(self.0.join("memory.events")).ok()?;
        events.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
    }

    /// Removes it with those below it. Says whether it is gone: while a process is in it, it stays.
    pub fn remove(&self) -> bool {
        if !self.pids().is_ok_and(|pids| pids.is_empty()) {
            return false;
        }
        // Those below come first.
        let removed = each(&self.0, DEEPEST, &mut |folder| {
            let _ = std::fs::remove_dir(folder);
            Ok(())
        });
        removed.is_ok() && !self.0.exists()
    }
}

/// Calls `visit` with each cgroup below this one, and at last with this one.
fn each(folder: &Path, depth: u32, visit: &mut impl FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
    // Two links, from above and of its own, are a folder without others in it: then the list is not read.
    if depth > 0 && std::fs::metadata(folder).is_ok_and(|folder| folder.nlink() != 2) {
        for below in seen(std::fs::read_dir(folder))?.into_iter().flatten().flatten() {
            if below.file_type().is_ok_and(|kind| kind.is_dir()) {
                each(&below.path(), depth - 1, visit)?;
            }
        }
    }
    visit(folder)
}

/// Writes to a file of the kernel, in one call as it has to be. Never makes one.
fn write(folder: &Path, file: &str, text: &str) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).open(folder.join(file))?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests;
