//! Who restarts an app that is not well: one place for all reasons, so that there is never a storm of them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use app::model::{Dependency, Until};

use crate::engine::{Board, Engine};
use crate::process;

/// What a process took for a profile is given back after that, in ms.
const AFTERWARDS: u64 = 30_000;
/// How many times the pause between two restarts doubles.
const MOST_DOUBLINGS: u32 = 6;
/// A restart is forgotten after so many pauses without another one.
const FORGOTTEN_AFTER: u64 = 4;

/// Restarts apps for their health, but not too often.
pub struct Healer {
    engine: Engine,
    /// By app, and by instance where that was one of several.
    healed: Mutex<HashMap<(String, Option<u32>), Healed>>,
    /// Apps that are not to be restarted now; until when, in ms of a clock that never jumps, where that is known.
    spared: Mutex<Vec<(String, Option<u64>)>>,
}

/// As long as it lives, and a moment longer, an app is not restarted for its health or its memory.
pub(super) struct Spared<'a> {
    healer: &'a Healer,
    name: String,
}

impl Drop for Spared<'_> {
    fn drop(&mut self) {
        let mut spared = self.healer.spared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, until)) = spared.iter_mut().find(|(name, until)| *name == self.name && until.is_none()) {
            *until = Some(process::monotonic_ms() + AFTERWARDS);
        }
    }
}

#[derive(Clone, Copy)]
struct Healed {
    /// When, in ms of a clock that never jumps.
    at: u64,
    /// Restarts in a row.
    times: u32,
}

impl Healer {
    /// One for all apps of this engine.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        Self { engine, healed: Mutex::default(), spared: Mutex::default() }
    }

    /// Keeps it from being restarted.
    pub(super) fn spare(&self, name: &str) -> Spared<'_> {
        let mut spared = self.spared.lock().unwrap_or_else(PoisonError::into_inner);
        spared.retain(|(_, until)| holds(*until));
        spared.push((name.to_owned(), None));
        drop(spared);
        Spared { healer: self, name: name.to_owned() }
    }

    /// Is it not to be restarted now, because something is done to it that makes it look ill?
    pub(super) fn spares(&self, name: &str) -> bool {
        let spared = self.spared.lock().unwrap_or_else(PoisonError::into_inner);
        spared.iter().any(|(one, until)| one == name && holds(*until))
    }

    /// May it be restarted now, for whatever reason? It is the whole app where no instance is named.
    pub(super) fn has_rested(&self, name: &str, index: Option<u32>, cooldown_ms: u64) -> bool {
        if self.spares(name) {
            return false;
        }
        let healed = self.healed.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (name.to_owned(), index);
        healed.get(&key).is_none_or(|healed| process::monotonic_ms().saturating_sub(healed.at) >= cooldown_ms)
    }

    /// Restarts it, unless that was done lately: the pause between two restarts doubles while none of them helps.
    pub(super) fn heal_in_turn(&self, name: &str, index: Option<u32>, why: String, cooldown_ms: u64) {
        let key = (name.to_owned(), index);
        let times = self.healed.lock().unwrap_or_else(PoisonError::into_inner).get(&key).map_or(0, |healed| healed.times);
        if self.has_rested(name, index, cooldown_ms << times.saturating_sub(1).min(MOST_DOUBLINGS)) {
            self.heal(name, index, why, cooldown_ms);
        }
    }

    /// Restarts it.
    pub(super) fn heal(&self, name: &str, index: Option<u32>, why: String, cooldown_ms: u64) {
        let now = process::monotonic_ms();
        let mut healed = self.healed.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (name.to_owned(), index);
        let before = healed.get(&key).filter(|before| {
            let pause = cooldown_ms << before.times.min(MOST_DOUBLINGS);
            now.saturating_sub(before.at) < pause.saturating_mul(FORGOTTEN_AFTER)
        });
        let times = before.map_or(1, |before| before.times + 1);
        healed.insert(key, Healed { at: now, times });
        drop(healed);
        self.engine.heal(name, index, why);
    }
}

fn holds(until: Option<u64>) -> bool {
    until.is_none_or(|until| process::monotonic_ms() < until)
}

/// Something that it depends on, and that is down: then a restart would not help.
pub(super) fn down_below(board: &Board, name: &str) -> Option<String> {
    let needs = board.look(name, |app| app.depends_on.clone())?;
    let is_down = |one: &Dependency| one.until != Until::Completed && board.look(&one.app, |app| !app.is_well()) == Some(true);
    needs.into_iter().find(is_down).map(|one| one.app)
}
