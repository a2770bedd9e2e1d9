//! How fast something may be asked: token buckets, one for each person or program and component.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// No more buckets than this. Those that are full again are forgotten first, which changes nothing.
const BUCKETS: usize = 1024;

/// A rate: so many at once, then so many each second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// At once; 0 for no limit at all.
    pub burst: u32,
    /// Each second afterwards.
    pub per_second: f64,
}

/// The buckets.
#[derive(Debug)]
pub(super) struct Limiter {
    rate: Rate,
    buckets: Mutex<HashMap<(String, String), Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    fn left_at(&self, now: Instant, rate: Rate) -> f64 {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * rate.per_second;
        (self.left + gained).min(f64::from(rate.burst))
    }
}

impl Limiter {
    pub(super) fn new(rate: Rate) -> Self {
        // A rate of nothing would make a wait without end.
        let per_second = if rate.per_second.is_finite() { rate.per_second.max(0.001) } else { 1.0 };
        Self { rate: Rate { per_second, ..rate }, buckets: Mutex::default() }
    }

    /// Takes one. `Err` is the time until there is one again.
    pub(super) fn take(&self, who: &str, what: &str, now: Instant) -> Result<(), Duration> {
        if self.rate.burst == 0 {
            return Ok(());
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS {
            let full = f64::from(self.rate.burst);
            buckets.retain(|_, bucket| bucket.left_at(now, self.rate) < full);
        }
        let key = (who.to_owned(), what.to_owned());
        if buckets.len() >= BUCKETS && !buckets.contains_key(&key) {
            return Err(Duration::from_secs_f64(1.0 / self.rate.per_second));
        }
        let bucket = buckets.entry(key).or_insert(Bucket { left: f64::from(self.rate.burst), at: now });
        bucket.left = bucket.left_at(now, self.rate);
        bucket.at = now;
        if bucket.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.left) / self.rate.per_second));
        }
        bucket.left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3, per_second: 1.0 };

    #[test]
    fn a_burst_then_one_each_second_for_each_one() {
        let (limiter, start) = (Limiter::new(RATE), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        assert!((0..3).all(|_| limiter.take("ann", "api", start).is_ok()));
        assert_eq!(limiter.take("ann", "api", start), Err(Duration::from_secs(1)));
        assert_eq!(limiter.take("ann", "web", start), Ok(()));
        assert_eq!(limiter.take("bob", "api", start), Ok(()));
        assert_eq!(limiter.take("ann", "api", at(500)), Err(Duration::from_millis(500)));
        assert_eq!(limiter.take("ann", "api", at(1000)), Ok(()));
        assert!(limiter.take("ann", "api", at(1000)).is_err());
        assert!((0..3).all(|_| limiter.take("ann", "api", at(60_000)).is_ok()));
        assert!(limiter.take("ann", "api", at(60_000)).is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let (limiter, start) = (Limiter::new(RATE), Instant::now());
        for n in 0..3 * BUCKETS {
            let _ = limiter.take("ann", &n.to_string(), start);
        }
        assert_eq!(limiter.buckets.lock().unwrap().len(), BUCKETS);
        assert!(limiter.take("bob", "api", start).is_err());
        assert_eq!(limiter.take("bob", "api", start + Duration::from_secs(60)), Ok(()));
        assert_eq!(limiter.buckets.lock().unwrap().len(), 1);
    }

    #[test]
    fn no_burst_is_no_limit() {
        let limiter = Limiter::new(Rate { burst: 0, per_second: 0.0 });
        assert!((0..1000).all(|_| limiter.take("ann", "api", Instant::now()).is_ok()));
    }
}
