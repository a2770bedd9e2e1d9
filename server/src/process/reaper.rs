//! Zombies that nobody waits for. As a subreaper we get the orphans of our apps (prctl(2), `PR_SET_CHILD_SUBREAPER`).

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// Makes orphans of our apps children of ours instead of init's, so that they are found and reaped.
///
/// # Errors
/// The kernel refused.
pub fn become_subreaper() -> std::io::Result<()> {
    Ok(rustix::process::set_child_subreaper(rustix::process::Pid::from_raw(1))?)
}

/// Have orphans been handed to us? They become children of the first thread (kernel/exit.c, `find_new_reaper`), while apps
/// are children of the thread that started them. True where the kernel does not tell (no `CONFIG_PROC_CHILDREN`).
#[must_use]
pub fn orphans_present() -> bool {
    let pid = std::process::id();
    std::fs::read(format!("/proc/self/task/{pid}/children")).map_or(true, |children| !children.is_empty())
}

/// Reaps what is nobody's. Children that somebody waits for are known by [`Reaper::keep`].
#[derive(Clone, Debug, Default)]
pub struct Reaper(Arc<Mutex<HashSet<u32>>>);

impl Reaper {
    /// Runs `start`, which makes a child, so that it cannot be taken for an orphan before it is known.
    pub fn keep<C, E>(&self, start: impl FnOnce() -> Result<C, E>, pid: impl FnOnce(&C) -> u32) -> Result<C, E> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let child = start()?;
        kept.insert(pid(&child));
        Ok(child)
    }

    /// Somebody waits for this process, which an earlier supervisor started. After an upgrade in place it is our child.
    pub fn keep_known(&self, pid: u32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(pid);
    }

    /// The child was reaped by the one who waited for it.
    pub fn forget(&self, pid: u32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&pid);
    }

    /// Reaps every ended child that nobody waits for; called at SIGCHLD. Stops at one that somebody waits for, since the
    /// kernel shows the same one again: whoever waited for that one calls this once more.
    pub fn reap_orphans(&self) {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(pid) = ended_child() {
            if kept.contains(&pid.as_raw_nonzero().get().unsigned_abs()) {
                return;
            }
            if waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG).is_err() {
                return;
            }
        }
    }
}

/// A child that has ended, without taking its exit from whoever waits for it.
fn ended_child() -> Option<Pid> {
    #[expect(unsafe_code, reason = "rustix does not tell the pid that waitid(2) found")]
    // SAFETY: `info` is a plain C struct for which zeros are valid, and it outlives the call.
    let pid = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let done = libc::waitid(libc::P_ALL, 0, &raw mut info, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT);
        if done == 0 { info.si_pid() } else { 0 }
    };
    Pid::from_raw(pid)
}
