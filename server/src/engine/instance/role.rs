//! What an actor is to its instance while one process takes the place of another: two of them run then, and one is seen.

use std::sync::Arc;

use app::model::{Cause, EventKind, State};
use tokio::sync::oneshot;

use super::Actor;
use crate::engine::policy::Policy;
use crate::engine::terms::{Ended, Input, Tale, Why};
use crate::engine::words;

/// What an actor is to its instance.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::engine) enum Role {
    /// Its process is the instance.
    Serves,
    /// Its process may take the place of the one that serves. Nobody hears of it before, and this is how it failed.
    Tries(Option<String>),
    /// Another process has taken the place of its own.
    Leaves,
}

/// How an actor stands, for who replaces processes.
pub(in crate::engine) struct Look {
    pub(in crate::engine) state: State,
    pub(in crate::engine) pid: Option<u32>,
    /// The whole tree.
    pub(in crate::engine) pids: Vec<u32>,
    pub(in crate::engine) restarts: u32,
    /// How it failed, of one that tried.
    pub(in crate::engine) said: Option<String>,
}

/// What an actor is told about its role.
pub(in crate::engine) enum Turn {
    /// Its process is the instance from now on. It answers whether it runs at all: only then it is so.
    Serve {
        /// Restarts that are counted from then on.
        restarts: u32,
        /// The process that it replaces.
        instead_of: Option<u32>,
        /// Why.
        why: Why,
        /// Says whether it does.
        done: oneshot::Sender<bool>,
    },
    /// Another process is to take its place.
    Leave(oneshot::Sender<()>),
    /// None did: it serves as before.
    Stay,
}

impl Actor {
    /// The same on trial: for one run, of which nobody hears.
    pub(in crate::engine) fn on_trial(mut self) -> Self {
        self.role = Role::Tries(None);
        self.machine.set_policy(Policy::of(&self.cell.latest()).once());
        self
    }

    /// The same as one that another has replaced.
    pub(in crate::engine) fn leaving(mut self) -> Self {
        self.role = Role::Leaves;
        self.machine.set_policy(Policy::of(&self.cell.running()).once());
        self
    }

    pub(super) fn serves(&self) -> bool {
        self.role == Role::Serves
    }

    /// What has been replaced does not come back, whoever still asks it.
    pub(super) fn takes(&self, input: &Input) -> bool {
        self.role != Role::Leaves || matches!(input, Input::Stop(_) | Input::Retire(_))
    }

    pub(super) fn look(&self) -> Look {
        let said = if let Role::Tries(said) = &self.role { said.clone() } else { None };
        let pid = self.running.as_ref().map(|running| running.pidfd.get_ref().pid());
        Look {
            state: self.machine.state(),
            pid,
            pids: self.members().unwrap_or_default(),
            restarts: self.machine.restarts(),
            said,
        }
    }

    /// Remembers how a trial failed.
    pub(super) fn note(&mut self, tale: &Tale) {
        let how = match (&tale.kind, &tale.ended) {
            (EventKind::SpawnFailed, _) => tale.why.detail.clone(),
            (EventKind::Stopping, _) if tale.why.cause == Cause::NotReady => Some(self.machine.lateness()),
            (EventKind::Exit, Some(ended @ (Ended::Code(_) | Ended::Signal(_) | Ended::OutOfMemory(_)))) => {
                let ran = words::duration(tale.ran_ms.unwrap_or(0));
                Some(format!("it ended with {} after {ran}", words::ended(ended)))
            }
            _ => None,
        };
        if let Role::Tries(said) = &mut self.role
            && said.is_none()
        {
            *said = how;
        }
    }

    pub(super) fn turn(&mut self, turn: Turn) {
        match turn {
            Turn::Leave(done) => {
                self.role = Role::Leaves;
                let _ = done.send(());
            }
            Turn::Stay => {
                self.role = Role::Serves;
                self.publish();
                self.write_identity();
            }
            Turn::Serve { restarts, instead_of, why, done } => {
                let runs = self.machine.state() == State::Online;
                if runs {
                    self.take_over(restarts, instead_of, why);
                }
                let _ = done.send(runs);
            }
        }
    }

    fn take_over(&mut self, restarts: u32, instead_of: Option<u32>, why: Why) {
        self.role = Role::Serves;
        self.machine.set_restarts(restarts);
        self.machine.set_policy(Policy::of(&self.cell.latest()));
        if self.running.as_ref().is_some_and(|running| Arc::ptr_eq(&running.spec, &self.cell.latest())) {
            self.cell.take_for_start();
        }
        self.take_lock_along();
        self.write_pid_file();
        let instead = instead_of.map(|pid| format!(", in the place of process {pid}")).unwrap_or_default();
        let message = format!("{}{instead}", words::asked("reloaded", &why));
        self.tell(Tale { kind: EventKind::Start, why, message, ended: None, ran_ms: None }, Vec::new());
        self.write_identity();
    }
}
