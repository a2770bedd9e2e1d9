//! Logins that fail make the next ones wait. Nobody is ever locked out: that would let anybody lock out everybody.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many may fail before anybody waits.
const FREE: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(4);
/// After each such time without a failure one is forgotten.
const FORGET: Duration = Duration::from_secs(10);

/// Failures of all who try, since behind a tunnel they all have one address.
#[derive(Debug)]
pub(super) struct Throttle(Mutex<(u32, Instant)>);

impl Throttle {
    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new((0, now)))
    }

    /// How long the next attempt has to wait.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        let failures = self.with(now, |failures| *failures);
        match failures.checked_sub(FREE) {
            None | Some(0) => Duration::ZERO,
            Some(more) => FIRST_WAIT.saturating_mul(1 << (more - 1).min(8)).min(LONGEST_WAIT),
        }
    }

    pub(super) fn failed(&self, now: Instant) {
        self.with(now, |failures| *failures = (*failures + 1).min(FREE + 10));
    }

    fn with<T>(&self, now: Instant, change: impl FnOnce(&mut u32) -> T) -> T {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let forgotten = now.saturating_duration_since(state.1).as_secs() / FORGET.as_secs();
        if forgotten > 0 {
            state.0 = state.0.saturating_sub(u32::try_from(forgotten).unwrap_or(u32::MAX));
            state.1 = now;
        }
        let before = state.0;
        let answer = change(&mut state.0);
        if state.0 != before {
            state.1 = now;
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_end_and_are_forgotten() {
        let start = Instant::now();
        let throttle = Throttle::new(start);
        let mut waits = Vec::new();
        for _ in 0..12 {
            throttle.failed(start);
            waits.push(throttle.wait(start).as_millis());
        }
        assert_eq!(waits, [0, 0, 0, 0, 0, 250, 500, 1000, 2000, 4000, 4000, 4000]);
        (0..1000).for_each(|_| throttle.failed(start));
        assert_eq!(throttle.wait(start), LONGEST_WAIT);
        assert_eq!(throttle.wait(start + Duration::from_secs(3600)), Duration::ZERO);
    }
}
