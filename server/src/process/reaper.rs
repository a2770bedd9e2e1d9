//! Zombies that nobody waits for. As a subreaper we get the orphans of our apps (prctl(2), `PR_SET_CHILD_SUBREAPER`).

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{WaitId, WaitIdOptions, waitid};

use super::signal::pid_of;

/// Makes orphans of our apps children of ours instead of init's, so that they are found and reaped.
///
/// # Errors
/// The kernel refused.
pub fn become_subreaper() -> std::io::Result<()> {
    Ok(rustix::process::set_child_subreaper(rustix::process::Pid::from_raw(1))?)
}

/// Have orphans been handed to us?
#[must_use]
pub fn orphans_present() -> bool {
    handed_over().is_none_or(|children| !children.is_empty())
}

/// What was handed to us: the children of the first thread (kernel/exit.c, `find_new_reaper`), while apps are children of the
/// threads that started them, until an upgrade in place leaves all to the one thread that goes on. Nothing where the kernel
/// does not tell (no `CONFIG_PROC_CHILDREN`).
fn handed_over() -> Option<Vec<u32>> {
    let pid = std::process::id();
    let children = std::fs::read_to_string(format!("/proc/self/task/{pid}/children")).ok()?;
    Some(children.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect())
}

/// Reaps what is nobody's. Children that somebody waits for are known by [`Reaper::keep`].
#[derive(Clone, Debug, Default)]
pub struct Reaper(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    known: HashSet<u32>,
    /// Children whose ends nobody looks at any more.
    abandoned: HashSet<u32>,
    /// How many children are being made that are not known yet.
    coming: usize,
}

impl Kept {
    fn reap(&mut self, pid: u32) {
        if reap(pid) {
            self.abandoned.remove(&pid);
        }
    }
}

impl Reaper {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `start`, which makes a child, so that it cannot be taken for an orphan before it is known. It may take long: nobody
    /// else is held up.
    pub fn keep<C, E>(&self, start: impl FnOnce() -> Result<C, E>, pid: impl FnOnce(&C) -> u32) -> Result<C, E> {
        self.kept().coming += 1;
        let child = start();
        let mut kept = self.kept();
        kept.coming -= 1;
        if let Ok(child) = &child {
            kept.known.insert(pid(child));
        }
        child
    }

    /// Somebody waits for this process, which an earlier supervisor started. After an upgrade in place it is our child.
    pub fn keep_known(&self, pid: u32) {
        self.kept().known.insert(pid);
    }

    /// The child was reaped by the one who waited for it.
    pub fn forget(&self, pid: u32) {
        self.kept().known.remove(&pid);
    }

    /// Nobody waits for this child any more: it is reaped like an orphan, though it is none.
    pub fn abandon(&self, pid: u32) {
        let mut kept = self.kept();
        kept.known.remove(&pid);
        kept.abandoned.insert(pid);
        // It may have ended before, and nobody is told of that again.
        kept.reap(pid);
    }

    /// Reaps every ended child that nobody waits for; called at SIGCHLD.
    pub fn reap_orphans(&self) {
        let mut kept = self.kept();
        for pid in kept.abandoned.clone() {
            kept.reap(pid);
        }
        match handed_over() {
            Some(mut children) => {
                children.retain(|pid| !kept.known.contains(pid));
                children.into_iter().for_each(|pid| kept.reap(pid));
            }
            None if kept.coming > 0 => {}
            // It stops at one that somebody waits for, since the kernel shows the same one again: whoever waited for that one
            // calls this once more.
            None => {
                while let Some(pid) = ended_child().filter(|pid| !kept.known.contains(pid)) {
                    kept.reap(pid);
                }
            }
        }
    }
}

/// Takes the exit of a child, if it has ended. False for one that lives.
fn reap(pid: u32) -> bool {
    let Some(pid) = pid_of(pid) else { return true };
    !matches!(waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG), Ok(None))
}

/// A child that has ended, without taking its exit from whoever waits for it.
fn ended_child() -> Option<u32> {
    #[expect(unsafe_code, reason = "rustix does not tell the pid that waitid(2) found")]
    // SAFETY: `info` is a plain C struct for which zeros are valid, and it outlives the call.
    let pid = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let done = libc::waitid(libc::P_ALL, 0, &raw mut info, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT);
        if done == 0 { info.si_pid() } else { 0 }
    };
    u32::try_from(pid).ok().filter(|pid| *pid > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::PidFd;

    fn is_gone(pid: u32) -> bool {
        PidFd::open(pid).is_err()
    }

    #[test]
    #[expect(clippy::zombie_processes, reason = "that is what it is about")]
    fn an_abandoned_child_of_any_thread_is_reaped() {
        let reaper = Reaper::default();
        // Tests do not run in the first thread: to the kernel these are no orphans.
        fn child(line: &str) -> std::process::Child {
            std::process::Command::new("/bin/sh").args(["-c", line]).spawn().unwrap()
        }
        let ended = child("exit 0");
        let pid = rustix::process::Pid::from_raw(ended.id() as i32).unwrap();
        waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
        reaper.abandon(ended.id());
        assert!(is_gone(ended.id()), "it had ended before");
        let mut lives = child("exec sleep 600");
        reaper.abandon(lives.id());
        reaper.reap_orphans();
        assert!(!is_gone(lives.id()));
        lives.kill().unwrap();
        while !is_gone(lives.id()) {
            reaper.reap_orphans();
            std::thread::yield_now();
        }
        assert!(reaper.kept().abandoned.is_empty());
    }
}
