//! From the events of an app to the times in which it was not there. Pure.

use std::collections::BTreeMap;

use app::model::{Cause, Event, EventKind, State, Time};
use serde::{Deserialize, Serialize};

/// How an app stands after its latest event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    /// Since when it is known.
    pub(super) since: Time,
    instances: BTreeMap<u32, Is>,
    is_unhealthy: bool,
    /// The time that has not ended yet in which it is not there.
    pub(super) open: Option<Open>,
}

/// How an instance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Is {
    Up,
    Down,
    /// As somebody wanted it.
    Off,
}

/// A time that goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Open {
    pub(super) from: Time,
    /// Is it an outage? Else it is one that was wanted.
    pub(super) is_down: bool,
    pub(super) cause: Cause,
    pub(super) message: String,
}

/// A time in which an app was not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spell {
    pub(super) open: Open,
    pub(super) to: Time,
}

impl Standing {
    /// Of an app that becomes known at this time.
    pub(super) fn new(since: Time) -> Self {
        Self { since, ..Self::default() }
    }

    /// Takes an event of the app. Gives the times that it ended. `last_seen` is when somebody last saw how things were before it.
    pub(super) fn apply(&mut self, event: &Event, last_seen: Time) -> Vec<Spell> {
        let mut ended = Vec::new();
        let index = event.index.unwrap_or(0);
        let was_up = self.instances.get(&index) == Some(&Is::Up);
        if was_up && event.kind == EventKind::Start && event.cause == Cause::HostReboot {
            // It ended with the host, and nobody was there to tell.
            self.instances.insert(index, Is::Down);
            ended.extend(self.settle(last_seen.min(event.time), event));
        }
        match event.kind {
            EventKind::Unhealthy => self.is_unhealthy = true,
            // A new definition may have no checks, and a new supervisor begins to check anew.
            EventKind::Healthy | EventKind::Changed | EventKind::Adopted => self.is_unhealthy = false,
            _ => {}
        }
        if let Some(is) = status_after(event) {
            self.is_unhealthy &= is != Is::Off;
            self.instances.insert(index, is);
        }
        ended.extend(self.settle(event.time, event));
        ended
    }

    /// While one of its instances is there, the app is.
    fn is(&self) -> Is {
        let any = |is| self.instances.values().any(|one| *one == is);
        match (any(Is::Up), any(Is::Down), self.is_unhealthy) {
            (true, _, false) => Is::Up,
            (true, _, true) | (false, true, _) => Is::Down,
            (false, false, _) => Is::Off,
        }
    }

    /// Ends what has ended, and begins what begins.
    fn settle(&mut self, at: Time, event: &Event) -> Option<Spell> {
        let is_down = match self.is() {
            Is::Up => None,
            Is::Down => Some(true),
            Is::Off => Some(false),
        };
        if self.open.as_ref().map(|open| open.is_down) == is_down {
            return None;
        }
        let new = is_down.map(|is_down| Open { from: at, is_down, cause: event.cause, message: event.message.clone() });
        let old = std::mem::replace(&mut self.open, new);
        // One without a length is none; nor is one that a clock that was set back has turned round.
        old.filter(|open| open.from < at).map(|open| Spell { open, to: at })
    }
}

/// How the instance is from now on; none if the event does not tell.
fn status_after(event: &Event) -> Option<Is> {
    match event.kind {
        // One that says itself when it is ready is told of again then.
        EventKind::Start | EventKind::Adopted => (event.state == Some(State::Online)).then_some(Is::Up),
        EventKind::Online => Some(Is::Up),
        EventKind::Stopped => Some(Is::Off),
        EventKind::Errored | EventKind::BackingOff => Some(Is::Down),
        // Of a reload that fails the old process goes on.
        EventKind::SpawnFailed => (event.cause == Cause::Spawn).then_some(Is::Down),
        // The end of a process whose place was taken has no state.
        EventKind::Stopping | EventKind::Exit => {
            let state = event.state?;
            Some(if state == State::Stopped || is_wanted(event.cause) { Is::Off } else { Is::Down })
        }
        _ => None,
    }
}

/// Did somebody want it to end?
fn is_wanted(cause: Cause) -> bool {
    matches!(cause, Cause::Request | Cause::Watch | Cause::Cron | Cause::Config | Cause::Restart | Cause::Shutdown)
}

#[cfg(test)]
mod tests;
