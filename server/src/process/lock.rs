//! A lock that the processes of an instance carry: as long as one of them lives, nobody else gets it (flock(2): it belongs to
//! the open file, which children inherit, and not to who took it).

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

/// Takes the lock at this path. None if somebody has it.
///
/// # Errors
/// The file cannot be made, or its file system knows no locks.
pub fn lock(path: &Path) -> io::Result<Option<OwnedFd>> {
    let file: File = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file.into())),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The processes that have this file open, other than this one.
#[must_use]
pub fn holders(path: &Path) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let has_it = |pid: &u32| {
        let files = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        files.filter_map(|file| std::fs::read_link(file.path()).ok()).any(|target| target == path)
    };
    pids.filter(|pid| *pid != std::process::id()).filter(has_it).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn whoever_inherits_it_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("1.lock");
        let taken = lock(&path).unwrap().expect("it is free");
        assert!(lock(&path).unwrap().is_none());
        let mut child = Command::new("sleep").arg("60").stdin(Stdio::from(taken)).spawn().unwrap();
        assert!(lock(&path).unwrap().is_none());
        assert_eq!(holders(&path), [child.id()]);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(holders(&path), [0_u32; 0]);
        assert!(lock(&path).unwrap().is_some());
    }
}
