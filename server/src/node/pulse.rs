//! Do the loops that do the work still turn? The engine's and the ticker's say each time when they will be back; whoever watches over the node
//! asks whether they were.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::process::monotonic_ms;

/// How often the engine's loop shows that it turns.
pub const ENGINE_EVERY: Duration = Duration::from_millis(500);

/// What both loops have shown. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Pulse {
    /// Of the thread that starts and stops processes.
    pub engine: Arc<Beat>,
    /// Of the thread that measures.
    pub ticker: Arc<Beat>,
}

impl Pulse {
    /// Which loop is later than this, in words; none if both turn.
    #[must_use]
    pub fn stuck(&self, limit: Duration) -> Option<String> {
        let late = |(name, beat): (&str, &Beat)| {
            let late = beat.overdue();
            (late > limit).then(|| format!("the {name} has not moved for {} s", late.as_secs()))
        };
        [("engine", &*self.engine), ("thread that measures", &*self.ticker)].into_iter().find_map(late)
    }
}

/// One loop. Times are in ms of a clock that stands still while the host sleeps or this process is stopped: nothing is late then.
#[derive(Debug)]
pub struct Beat {
    due: AtomicU64,
    worst: AtomicU64,
}

impl Default for Beat {
    fn default() -> Self {
        Self { due: AtomicU64::new(monotonic_ms()), worst: AtomicU64::new(0) }
    }
}

impl Beat {
    /// The loop turns, and will again after this time.
    pub fn turn(&self, next: Duration) {
        let now = monotonic_ms();
        self.worst.fetch_max(now.saturating_sub(self.due.load(Ordering::Relaxed)), Ordering::Relaxed);
        self.due.store(now + millis(next), Ordering::Relaxed);
    }

    /// How much later than it said it came at worst, since this was last asked, in ms.
    #[must_use]
    pub fn lag_ms(&self) -> u64 {
        self.worst.swap(0, Ordering::Relaxed).max(millis(self.overdue()))
    }

    fn overdue(&self) -> Duration {
        Duration::from_millis(monotonic_ms().saturating_sub(self.due.load(Ordering::Relaxed)))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_does_not_come_back_is_stuck() {
        let pulse = Pulse::default();
        let late = |beat: &Beat, by: u64| beat.due.store(monotonic_ms().saturating_sub(by), Ordering::Relaxed);
        pulse.ticker.turn(Duration::from_hours(1));
        late(&pulse.engine, 30);
        let told = pulse.stuck(Duration::from_millis(20)).unwrap();
        assert!(told.starts_with("the engine has not moved for"), "{told}");
        assert_eq!(pulse.stuck(Duration::from_mins(1)), None);
        pulse.engine.turn(Duration::from_mins(1));
        assert_eq!(pulse.stuck(Duration::from_millis(20)), None);
        assert!(pulse.engine.lag_ms() >= 30, "it was late before");
        assert_eq!(pulse.engine.lag_ms(), 0, "and is not since");
    }
}
