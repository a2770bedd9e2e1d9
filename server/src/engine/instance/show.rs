//! What others see of an instance: its state, its events, and what the next supervisor will know.

use app::model::{Event, EventKind, Instance, State, Time};

use super::{Actor, Role};
use crate::engine::identity::{Identity, Rest};
use crate::engine::terms::{Ended, Tale};
use crate::process;

impl Actor {
    pub(super) fn tell(&mut self, tale: Tale, last_lines: Vec<String>) {
        match self.role {
            Role::Tries(_) => return self.note(&tale),
            // Its end is one of a process that was told of.
            Role::Leaves if !matches!(tale.kind, EventKind::Exit | EventKind::Unkillable) => return,
            Role::Leaves | Role::Serves => {}
        }
        self.publish();
        let spec = self.cell.running();
        let exit = matches!(tale.kind, EventKind::Exit) && self.serves();
        let peak = if exit { self.shared.take_peak(self.pm_id) } else { None };
        let mut event = Event::new(process::wall_clock(), tale.kind, tale.why.cause, tale.message);
        event.app = Some(spec.name.clone());
        event.index = Some(self.index);
        event.actor = tale.why.actor;
        event.state = self.serves().then(|| self.machine.state());
        event.pid = self.leader.map(|(pid, _)| pid);
        event.ran_ms = tale.ran_ms;
        event.peak_memory_bytes = peak;
        event.retry_at = self.retry_at();
        event.last_lines = last_lines;
        match tale.ended {
            Some(Ended::Code(code)) => event.exit_code = Some(code),
            Some(Ended::Signal(number)) => event.signal = Some(process::signal_name(number)),
            Some(Ended::OutOfMemory(Some(code))) => event.exit_code = Some(code),
            Some(Ended::OutOfMemory(None)) => event.signal = Some(process::signal_name(libc::SIGKILL)),
            Some(Ended::Unknown) | None => {}
        }
        if exit {
            let last = app::model::Exit {
                time: event.time,
                exit_code: event.exit_code,
                signal: event.signal.clone(),
                cause: event.cause,
                ran_ms: event.ran_ms.unwrap_or(0),
                peak_memory_bytes: event.peak_memory_bytes,
                last_lines: event.last_lines.clone(),
            };
            self.shared.board.with_instance(&spec.name, self.index, |one| one.last_exit = Some(last));
        }
        self.shared.board.tell(event);
    }

    pub(super) fn retry_at(&self) -> Option<Time> {
        let until = self.machine.retry_at()?;
        let wait = i64::try_from(until.saturating_sub(process::monotonic_ms())).unwrap_or(0);
        Some(process::wall_clock() + wait)
    }

    /// Shows the state to all who read.
    pub(super) fn publish(&self) {
        if !self.serves() {
            return;
        }
        if matches!(self.machine.state(), State::Stopped | State::Errored) {
            // Who connects is to be refused, instead of waiting for nobody.
            self.cell.sockets.release(self.pm_id);
        }
        let (state, reason) = (self.machine.state(), self.machine.reason().map(str::to_owned));
        let pid = self.running.as_ref().map(|running| running.pidfd.get_ref().pid());
        let started_at = self.running.as_ref().map(|running| running.started_at);
        let retry_at = self.retry_at();
        self.shared.board.with_instance(&self.cell.name(), self.index, |one: &mut Instance| {
            if one.state != state || one.pid != pid {
                one.since = started_at.filter(|_| state == State::Online).unwrap_or_else(process::wall_clock);
            }
            if one.pid != pid {
                (one.cpu_percent, one.memory_bytes, one.port) = (0.0, 0, None);
            }
            (one.state, one.reason, one.pid, one.started_at, one.retry_at) = (state, reason, pid, started_at, retry_at);
            (one.restarts, one.unstable_restarts) = (self.machine.restarts(), self.machine.unstable());
        });
    }

    /// After what it says has been told, never before: a kill between the two is noticed by the next supervisor, which compares
    /// both.
    pub(super) fn write_identity(&self) {
        if !self.serves() {
            return;
        }
        let running = self.running.as_ref();
        let rests = self
            .machine
            .rests_by_policy()
            .then(|| Rest { errored: self.machine.state() == State::Errored, reason: self.machine.reason().map(str::to_owned) });
        let identity = Identity {
            name: self.cell.name(),
            index: self.index,
            boot_id: self.shared.boot_id.clone(),
            marker: self.marker.clone(),
            pid: running.map(|running| running.pidfd.get_ref().pid()),
            start_ticks: running.map(|running| running.start_ticks),
            started_at: running.map(|running| running.started_at),
            cgroup: self.cgroup.as_ref().map(|cgroup| cgroup.path().to_owned()),
            restarts: self.machine.restarts(),
            used: self.machine.used().clone(),
            rests,
        };
        self.shared.write_identity(self.pm_id, identity);
    }
}
