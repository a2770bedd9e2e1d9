//! What a process inherits besides its standard streams: sockets that were opened for it, its channel, and its lock.

use std::os::fd::OwnedFd;
use std::time::Duration;

use app::model::{AppSpec, State, WaitReady};
use tokio::time::Instant;

use super::{Actor, Role, Running};
use crate::engine::terms::Input;
use crate::process::{self, SpawnError};

/// How often a new process is asked whether it listens.
const LOOK_FOR_PORT: Duration = Duration::from_millis(25);

/// The descriptor of the channel: behind the sockets, which begin at 3 (sd_listen_fds(3)).
pub(super) fn channel_number(spec: &AppSpec) -> i32 {
    3 + i32::try_from(spec.listen.len()).unwrap_or(0)
}

impl Actor {
    pub(super) fn listen(&self, spec: &AppSpec) -> Result<Vec<OwnedFd>, SpawnError> {
        self.cell.sockets.take(self.pm_id, &spec.listen)
    }

    /// The lock for a new process. As long as anything that inherited it lives, there is no second copy, whatever became of
    /// numbers, markers and cgroups. Where children may outlive their app there is none.
    pub(super) fn lock_run(&self, spec: &AppSpec) -> Result<Option<OwnedFd>, SpawnError> {
        if !spec.treekill {
            return Ok(None);
        }
        let locks = self.shared.locks(self.pm_id);
        let path = if self.serves() { locks.serves } else { locks.tries };
        match process::lock(&path) {
            Ok(Some(lock)) => Ok(Some(lock)),
            Ok(None) => {
                let holders = process::holders(&path);
                for pid in &holders {
                    let _ = process::send_signal(*pid, libc::SIGKILL);
                }
                let named = holders.iter().map(|pid| format!(" {pid}")).collect::<Vec<_>>().join(",");
                Err(SpawnError::StillRuns(if named.is_empty() { named } else { format!(" (pid{named})") }))
            }
            Err(error) => {
                // No reason to keep an app down: what else tells who it is still does.
                tracing::warn!(app = %spec.name, path = %path.display(), %error, "failed to take the lock of an instance");
                Ok(None)
            }
        }
    }

    /// Processes that carry the lock of its run. They belong to it, wherever they hide.
    pub(super) fn lock_holders(&self) -> Vec<u32> {
        let locks = self.shared.locks(self.pm_id);
        let path = match self.role {
            Role::Serves => locks.serves,
            Role::Tries(_) => locks.tries,
            // By that name there is the lock of the one that took its place.
            Role::Leaves => return Vec::new(),
        };
        let is_held = self.cell.running().treekill && path.exists() && matches!(process::lock(&path), Ok(None));
        if is_held { process::holders(&path) } else { Vec::new() }
    }

    /// Its process has proven itself: its lock is the one of the instance from now on.
    pub(super) fn take_lock_along(&self) {
        let locks = self.shared.locks(self.pm_id);
        if let Err(error) = std::fs::rename(locks.tries, locks.serves)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(app = %self.cell.name(), %error, "failed to take the lock of a new process along");
        }
    }

    /// Its first check passed, which makes it ready where that was waited for.
    pub(super) fn passed(&mut self, pid: u32) {
        let waits = |running: &Running| running.pidfd.get_ref().pid() == pid && running.spec.wait_ready == WaitReady::Health;
        if self.running.as_ref().is_some_and(waits) {
            self.step(Input::Ready);
        }
    }

    /// Looks whether a new process listens on its port, where that makes it ready.
    pub(super) fn look_for_port(&mut self) {
        self.port_look = None;
        let Some(running) = &self.running else { return };
        if self.machine.state() != State::Starting {
            return;
        }
        match running.spec.port_of(self.index) {
            Some(port) if !process::ports_of(&self.members().unwrap_or_default()).contains(&port) => {
                self.port_look = Some(Instant::now() + LOOK_FOR_PORT);
            }
            _ => self.step(Input::Ready),
        }
    }
}
