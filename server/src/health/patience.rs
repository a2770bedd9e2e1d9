//! From single checks to what is done about them. Pure.

use app::model::{HealthPolicy, Remedy};

/// Milliseconds of a clock that never jumps.
type Mono = u64;

/// The longest time between two restarts of an app that none of them heals, as a multiple of `cooldown`: 2 to this power.
const MOST_DOUBLINGS: u32 = 6;

/// What the checks of an app have led to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patience {
    begun: Mono,
    /// Has a check of this process passed?
    passed: bool,
    failures: u32,
    healed: Option<Mono>,
    /// Restarts since a check last passed.
    heals: u32,
    /// Does it count as not healthy, and since when?
    failed: Option<Mono>,
}

/// What is to be told of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// It counts as not healthy from now on.
    Failed,
    /// It is healthy again, after so many ms.
    Recovered(u64),
}

/// What is to be done after a check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What is to be told.
    pub news: Option<News>,
    /// Is it to be healed?
    pub heal: bool,
}

impl Patience {
    /// A new process.
    pub fn begin(&mut self, now: Mono) {
        (self.begun, self.passed, self.failures) = (now, false, 0);
    }

    /// Checks that failed in a row.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Does it count as healthy? Unknown as long as no check of this process told.
    #[must_use]
    pub fn healthy(&self) -> Option<bool> {
        if self.failed.is_some() { Some(false) } else { self.passed.then_some(true) }
    }

    /// Has no check of this process passed so far?
    #[must_use]
    pub fn is_new(&self) -> bool {
        !self.passed
    }

    /// When to check again, in ms.
    #[must_use]
    pub fn wait_ms(&self, policy: &HealthPolicy) -> u64 {
        const WHILE_IT_BEGINS: u64 = 1000;
        match (self.passed, self.failures) {
            (true, 0) => policy.interval_ms,
            (false, 0) => policy.retry_interval_ms.min(WHILE_IT_BEGINS),
            _ => policy.retry_interval_ms,
        }
    }

    /// Takes the result of a check. What heals is allowed only if `may_heal`.
    pub fn note(&mut self, passed: bool, may_heal: bool, policy: &HealthPolicy, now: Mono) -> Verdict {
        if passed {
            (self.passed, self.failures, self.heals) = (true, 0, 0);
            let news = self.failed.take().map(|since| News::Recovered(now.saturating_sub(since)));
            return Verdict { news, heal: false };
        }
        if !self.passed && now.saturating_sub(self.begun) < policy.start_period_ms {
            return Verdict::default();
        }
        self.failures += 1;
        if self.failures < policy.retries {
            return Verdict::default();
        }
        let news = self.failed.is_none().then_some(News::Failed);
        self.failed.get_or_insert(now);
        let pause = policy.cooldown_ms << self.heals.saturating_sub(1).min(MOST_DOUBLINGS);
        let rested = self.healed.is_none_or(|healed| now.saturating_sub(healed) >= pause);
        let heal = may_heal && policy.remedy == Remedy::Restart && rested;
        if heal {
            (self.healed, self.failures) = (Some(now), 0);
            self.heals += 1;
        }
        Verdict { news, heal }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use app::model::Probe;
    use proptest::prelude::*;

    fn policy() -> HealthPolicy {
        HealthPolicy::new(Probe::Tcp(None))
    }

    /// Checks as often as it asks for, and gives the times of what heals, in s.
    fn heals(policy: &HealthPolicy, seconds: u64, passes: impl Fn(u64) -> bool) -> Vec<u64> {
        let (mut patience, mut now, mut healed) = (Patience::default(), 0, Vec::new());
        while now < seconds * 1000 {
            if patience.note(passes(now / 1000), true, policy, now).heal {
                healed.push(now / 1000);
                patience.begin(now);
            }
            now += patience.wait_ms(policy);
        }
        healed
    }

    #[test]
    fn three_failures_ten_seconds_apart_and_a_minute_between_restarts() {
        let policy = policy();
        assert_eq!(heals(&policy, 600, |_| true), [0_u64; 0]);
        let begun = heals(&policy, 200, |second| second < 100);
        assert_eq!(begun.len(), 2, "{begun:?}");
        assert!((120..=130).contains(&begun[0]) && begun[1] >= begun[0] + 60, "{begun:?}");
        assert_eq!(heals(&policy, 600, |second| second % 25 != 0), [0_u64; 0], "one failure is none");
    }

    #[test]
    fn what_does_not_help_is_done_ever_more_seldom() {
        let begun = heals(&policy(), 7200, |second| second < 10);
        let gaps: Vec<u64> = begun.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.is_sorted() && *gaps.last().unwrap() >= 960, "{gaps:?}");
    }

    #[test]
    fn told_once_and_taken_back_once() {
        let policy = HealthPolicy { retries: 2, remedy: Remedy::Tell, ..policy() };
        let mut patience = Patience::default();
        let mut note = |passed, now| patience.note(passed, true, &policy, now);
        assert_eq!(note(true, 0), Verdict::default());
        assert_eq!(note(false, 1), Verdict::default());
        assert_eq!(note(false, 2), Verdict { news: Some(News::Failed), heal: false });
        assert_eq!(note(false, 3), Verdict::default());
        assert_eq!(note(true, 12), Verdict { news: Some(News::Recovered(10)), heal: false });
        assert_eq!(note(true, 13), Verdict::default());
    }

    #[test]
    fn one_that_begins_may_take_its_time() {
        let policy = HealthPolicy { start_period_ms: 5000, retries: 1, ..policy() };
        let mut patience = Patience::default();
        patience.begin(1000);
        assert_eq!(patience.note(false, true, &policy, 5999), Verdict::default());
        assert_eq!(patience.healthy(), None);
        assert!(patience.note(false, true, &policy, 6000).heal);
    }

    proptest! {
        #[test]
        fn never_a_storm(steps in proptest::collection::vec((any::<bool>(), any::<bool>(), 1_u64..20_000), 1..300)) {
            let (policy, mut patience, mut now, mut last) = (policy(), Patience::default(), 0, None);
            for (passed, may_heal, pause) in steps {
                now += pause;
                let before = patience.failures();
                let verdict = patience.note(passed, may_heal, &policy, now);
                prop_assert!(!verdict.heal || may_heal && !passed && before + 1 >= policy.retries);
                if verdict.heal {
                    prop_assert!(last.is_none_or(|last| now - last >= policy.cooldown_ms));
                    last = Some(now);
                    patience.begin(now);
                }
                prop_assert_eq!(patience.healthy() == Some(false), patience.failed.is_some());
            }
        }
    }
}
