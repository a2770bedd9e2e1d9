//! A limit on the starts of all apps together, so that a crash loop without a delay leaves the host to others.

use super::terms::Mono;

/// So many apps start at once when the host does.
const AT_ONCE: u64 = 500;
/// After that, one each so many ms.
const EVERY_MS: u64 = 20;

/// Starts that are allowed now: a bucket that fills with time.
#[derive(Debug)]
pub(super) struct Starts {
    left: u64,
    filled_at: Mono,
}

impl Default for Starts {
    fn default() -> Self {
        Self { left: AT_ONCE, filled_at: 0 }
    }
}

impl Starts {
    /// Counts a start.
    ///
    /// # Errors
    /// There are too many; the next one is allowed at this time.
    pub(super) fn take(&mut self, now: Mono) -> Result<(), Mono> {
        let more = now.saturating_sub(self.filled_at) / EVERY_MS;
        self.left = (self.left + more).min(AT_ONCE);
        self.filled_at += more * EVERY_MS;
        self.left = self.left.checked_sub(1).ok_or(self.filled_at + EVERY_MS)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_at_once_then_one_at_a_time() {
        let mut starts = Starts::default();
        let now = 1_000_005;
        for _ in 0..AT_ONCE {
            assert_eq!(starts.take(now), Ok(()));
        }
        assert_eq!(starts.take(now), Err(1_000_020));
        assert_eq!(starts.take(1_000_019), Err(1_000_020));
        assert_eq!(starts.take(1_000_020), Ok(()));
        assert_eq!(starts.take(1_000_020), Err(1_000_040));
        assert_eq!((0..3).map(|_| starts.take(1_000_060)).filter(Result::is_ok).count(), 2);
    }

    #[test]
    fn it_never_holds_more_than_all() {
        let mut starts = Starts::default();
        let taken = (0..2 * AT_ONCE).filter(|_| starts.take(u64::from(u32::MAX)).is_ok()).count();
        assert_eq!(taken as u64, AT_ONCE);
    }
}
