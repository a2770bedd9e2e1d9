//! The cgroup of a run: made before the process, and gone when nothing is in it any more.

use app::model::{AppSpec, Cause, Event, EventKind};

use super::Actor;
use crate::process::{self, Cgroup};

impl Actor {
    /// Makes one for a new run, with the limits of the definition.
    pub(super) fn enter_new_cgroup(&mut self, spec: &AppSpec) -> Option<Cgroup> {
        self.leave_cgroup();
        let shared = self.shared.clone();
        let made = match &shared.cgroups {
            Ok(cgroups) => cgroups.make(&self.marker).map_err(|error| {
                tracing::warn!(app = %spec.name, %error, "failed to make the cgroup of an app");
                format!("no cgroup could be made: {error}")
            }),
            Err(why) => Err(why.clone()),
        };
        if spec.limits.need_cgroup() {
            let held = match (&shared.cgroups, &made) {
                (Ok(cgroups), Ok(cgroup)) => cgroups.limit(cgroup, &spec.limits),
                (_, Err(why)) | (Err(why), _) => Err(why.clone()),
            };
            self.tell_unheld(spec, held.err());
        }
        self.cgroup = made.ok();
        self.cgroup.clone()
    }

    /// The process could not enter it.
    pub(super) fn has_no_cgroup(&mut self, spec: &AppSpec, error: &std::io::Error) {
        tracing::warn!(app = %spec.name, %error, "failed to put an app into its cgroup");
        self.leave_cgroup();
        self.cgroup = None;
        if spec.limits.need_cgroup() {
            self.tell_unheld(spec, Some(format!("it could not be put into its cgroup: {error}")));
        }
    }

    /// An app that is not limited as it should be runs, and that is told: once, not at every restart.
    fn tell_unheld(&mut self, spec: &AppSpec, why: Option<String>) {
        if let Some(text) = &why
            && self.index == 0
            && self.unheld != why
        {
            let message = format!("runs without the limits that it was given: {text}");
            let mut event = Event::new(process::wall_clock(), EventKind::Node, Cause::Config, message);
            event.app = Some(spec.name.clone());
            self.shared.board.tell(event);
        }
        self.unheld = why;
    }

    /// Removes it unless something is in it; then it is tried again at the next start, and when the app is deleted.
    pub(super) fn leave_cgroup(&mut self) {
        self.cgroup.take_if(|cgroup| cgroup.remove());
    }

    /// With what is in it, if that is to be ended.
    pub(super) fn kill_cgroup(&self) {
        if let Some(cgroup) = self.cgroup.as_ref().filter(|_| self.cell.running().treekill)
            && let Err(error) = cgroup.kill()
        {
            // Before Linux 5.14; then every process is killed by its number.
            tracing::debug!(%error, "failed to kill a cgroup as a whole");
        }
    }

    pub(super) fn has_others_in_cgroup(&self) -> bool {
        self.cgroup.as_ref().is_some_and(|cgroup| cgroup.pids().map_or(true, |pids| !pids.is_empty()))
    }

    /// Has the kernel ended something of this run for lack of memory, and not we?
    pub(super) fn ran_out_of_memory(&self) -> bool {
        !self.killing && self.cgroup.as_ref().and_then(Cgroup::oom_kills).is_some_and(|count| count > 0)
    }
}
