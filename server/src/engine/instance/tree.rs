//! The whole tree of an instance: finding it, telling it to end, ending it.

use std::io;

use tokio::time::Instant;

use super::{Actor, LOOK_FIRST, LOOK_LAST};
use crate::engine::primary;
use crate::engine::terms::Input;
use crate::process::{self, Channel, PidFd, Table, Tree};

impl Actor {
    pub(super) fn tree(&self) -> Tree {
        let (leader, start) = self.leader.unzip();
        Tree {
            leader: leader.unwrap_or(0),
            leader_start: start.filter(|ticks| *ticks > 0),
            marker: self.marker.clone(),
            cgroup: self.cgroup.clone(),
        }
    }

    /// Every process of the tree that lives and is ours to end, the main one last.
    ///
    /// # Errors
    /// It cannot be known now, for want of descriptors or memory: then nothing may count as gone.
    pub(super) fn members(&self) -> io::Result<Vec<u32>> {
        let main = self.running.as_ref().map(|running| running.pidfd.get_ref().pid());
        if !self.cell.running().treekill {
            return Ok(main.into_iter().collect());
        }
        let table = Table::read()?;
        let mut cache = self.shared.markers();
        let mut members: Vec<u32> = table.members(&self.tree(), &mut cache)?.iter().map(|process| process.pid).collect();
        members.sort_by_key(|pid| (Some(*pid) == self.leader.map(|(pid, _)| pid), std::cmp::Reverse(*pid)));
        Ok(members)
    }

    /// What is known of the tree, for a signal: the main process has its own.
    fn known_members(&self) -> Vec<u32> {
        self.members().unwrap_or_else(|error| {
            tracing::error!(%error, "failed to look for the processes of a tree");
            Vec::new()
        })
    }

    /// Asks a worker to leave; whoever cannot be asked is told to end.
    pub(super) fn drain(&mut self) {
        match &mut self.channel {
            Some(channel) => primary::tell_to_leave(channel, self.cell.running().kill_timeout_ms),
            None => self.signal(),
        }
    }

    pub(super) fn signal(&mut self) {
        let spec = self.running.as_ref().map_or_else(|| self.cell.running(), |running| running.spec.clone());
        let number = process::signal_number(&spec.stop_signal).unwrap_or(libc::SIGINT);
        let main = self.running.as_ref().map(|running| running.pidfd.get_ref());
        if main.is_some() && spec.shutdown_with_message && self.channel.as_ref().is_some_and(Channel::tell_shutdown) {
            return;
        }
        if let Some(main) = main {
            // A stopped process cannot hear anything but SIGCONT.
            let _ = main.send(libc::SIGCONT);
            if let Err(error) = main.send(number) {
                tracing::error!(app = %spec.name, %error, "failed to signal a process");
            }
        }
        let main = main.map(PidFd::pid);
        for pid in self.known_members().into_iter().filter(|pid| Some(*pid) != main) {
            let _ = process::send_signal(pid, libc::SIGCONT);
            let _ = process::send_signal(pid, number);
        }
    }

    /// Kills the tree. One that is killed a moment later than its child may have made another one meanwhile, so it is
    /// looked at again until nothing is left.
    pub(super) fn kill(&mut self) {
        self.killing = true;
        // At once and with all that is forked meanwhile; then whatever is elsewhere.
        self.kill_cgroup();
        for pid in self.known_members() {
            if let Err(error) = process::send_signal(pid, libc::SIGKILL) {
                tracing::error!(pid, %error, "failed to kill a process");
            }
        }
        // Even what could not be found in the list.
        if let Some(running) = &self.running {
            let _ = running.pidfd.get_ref().send(libc::SIGKILL);
        }
        self.look = Some((Instant::now() + LOOK_FIRST, LOOK_FIRST));
    }

    pub(super) fn look_at_tree(&mut self) {
        let Some((_, pause)) = self.look.take() else { return };
        self.shared.reaper.reap_orphans();
        let members = self.members().map(|members| if members.is_empty() { self.lock_holders() } else { members });
        if members.as_ref().is_ok_and(Vec::is_empty) {
            self.leave_cgroup();
            self.step(Input::TreeGone);
        } else {
            if self.killing {
                self.kill_cgroup();
                for pid in members.unwrap_or_default() {
                    let _ = process::send_signal(pid, libc::SIGKILL);
                }
            }
            let pause = (pause * 2).min(LOOK_LAST);
            self.look = Some((Instant::now() + pause, pause));
        }
    }
}
