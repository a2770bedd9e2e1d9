//! How many files a process has open, and how many it may have.

use std::fs;

/// Nobody has to look for the limit of one that has so few open.
const FEW: u64 = 16;

/// Open files of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFiles {
    /// The process.
    pub pid: u32,
    /// How many it has open.
    pub open: u64,
    /// How many it may have open: its soft limit (`RLIMIT_NOFILE`, getrlimit(2)).
    pub limit: u64,
}

/// Those of one process. None if it is gone, may not be looked into, or has too few to speak of.
#[must_use]
pub fn open_files(pid: u32) -> Option<OpenFiles> {
    let folder = format!("/proc/{pid}/fd");
    // From Linux 6.2 on the size of the folder is their number (proc_pid_fd(5)).
    let open = match fs::metadata(&folder).ok()?.len() {
        0 => fs::read_dir(&folder).ok()?.count() as u64,
        open => open,
    };
    if open < FEW {
        return None;
    }
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    Some(OpenFiles { pid, open, limit: line.split_ascii_whitespace().next()?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_this_process() {
        let files: Vec<_> = (0..20).map(|_| fs::File::open("/dev/null").unwrap()).collect();
        let own = open_files(std::process::id()).unwrap();
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap();
        assert!(own.open >= files.len() as u64, "{own:?}");
        assert_eq!(own.limit, limit);
        assert_eq!(open_files(u32::MAX), None);
    }
}
