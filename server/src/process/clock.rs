//! What time it is, by three clocks.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use app::model::Time;
use rustix::time::{ClockId, clock_gettime};

/// This clock is asked far more often, so nobody ran who could have asked.
const PAUSE: u64 = 3_000;

/// The clock of [`monotonic_ms`].
#[derive(Debug)]
struct Attended {
    last: u64,
    /// Time that does not count.
    missed: u64,
}

impl Attended {
    const fn new() -> Self {
        Self { last: 0, missed: 0 }
    }

    /// What it shows when that of the kernel shows this.
    fn at(&mut self, now: u64) -> u64 {
        let gap = now.saturating_sub(self.last);
        if gap > PAUSE && self.last > 0 {
            self.missed += gap;
        }
        self.last = self.last.max(now);
        self.last - self.missed
    }
}

/// Milliseconds of a clock that never jumps, and that stands still while the host sleeps (`CLOCK_MONOTONIC`, clock_gettime(2)) and while this
/// process cannot run for more than three seconds: stopped, moved with its virtual machine, starved. Time in which nobody could look
/// is no evidence. The engine's loop and the one that feeds the watchdog keep it going.
#[must_use]
pub fn monotonic_ms() -> u64 {
    static CLOCK: Mutex<Attended> = Mutex::new(Attended::new());
    // The time is taken under the lock, or two threads could tell it in the wrong order.
    let mut clock = CLOCK.lock().unwrap_or_else(PoisonError::into_inner);
    clock.at(milliseconds(ClockId::Monotonic).unsigned_abs())
}

/// A moment from which time is counted by [`monotonic_ms`].
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    counted: u64,
    passed: Instant,
}

impl Moment {
    /// This one.
    #[must_use]
    pub fn now() -> Self {
        Self { counted: monotonic_ms(), passed: Instant::now() }
    }

    /// One that was so long ago.
    #[cfg(test)]
    pub(crate) fn ago(time: Duration) -> Self {
        let ms = u64::try_from(time.as_millis()).unwrap();
        Self { counted: monotonic_ms() - ms, passed: Instant::now().checked_sub(time).unwrap() }
    }

    /// What has passed since then, as far as it counts.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        Duration::from_millis(monotonic_ms().saturating_sub(self.counted))
    }

    /// Was there time since then that does not count? What took longer than it should says nothing then.
    #[must_use]
    pub fn is_interrupted(self) -> bool {
        self.passed.elapsed() > self.elapsed() + Duration::from_millis(PAUSE / 2)
    }
}

/// Milliseconds since boot, suspended time included (`CLOCK_BOOTTIME`, clock_gettime(2)): the clock in which the kernel tells when a process started.
#[must_use]
pub fn since_boot_ms() -> u64 {
    milliseconds(ClockId::Boottime).unsigned_abs()
}

/// The time of day, which jumps whenever somebody sets it.
#[must_use]
pub fn wall_clock() -> Time {
    Time(milliseconds(ClockId::Realtime))
}

fn milliseconds(clock: ClockId) -> i64 {
    let now = clock_gettime(clock);
    now.tv_sec * 1000 + now.tv_nsec / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_in_which_nobody_looked_does_not_count() {
        let mut clock = Attended::new();
        assert_eq!([7_000_000, 7_000_500, 7_003_500].map(|now| clock.at(now)), [7_000_000, 7_000_500, 7_003_500]);
        assert_eq!([7_063_500, 7_064_000].map(|now| clock.at(now)), [7_003_500, 7_004_000], "a minute was missed");
        assert_eq!(clock.at(7_063_900), 7_004_000, "it never goes back");
        assert_eq!(clock.at(7_064_100), 7_004_100);
    }

    #[test]
    fn a_moment_knows_whether_all_time_counted() {
        assert!(!Moment::ago(Duration::from_mins(1)).is_interrupted());
        let interrupted = Moment { counted: monotonic_ms(), ..Moment::ago(Duration::from_mins(1)) };
        assert!(interrupted.is_interrupted() && interrupted.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn the_clocks_of_the_kernel() {
        assert!(monotonic_ms() <= monotonic_ms());
        assert!(since_boot_ms() > 0 && wall_clock().0 > 1_700_000_000_000);
    }
}
