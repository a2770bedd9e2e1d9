//! Whether and when an instance that ended by itself is started again.

use std::collections::VecDeque;

use app::model::{AppSpec, ExecMode, WaitReady};
use serde::{Deserialize, Serialize};

use super::terms::{Ended, Finished, Mono, Ready};
use super::words;

/// Growth and bound of `exp_backoff_restart_delay`, and the healthy life that ends it, as PM2 has them (God.js, Worker.js).
const BACKOFF_CAP_MS: u64 = 15_000;
const BACKOFF_HEALTHY_MS: u64 = 30_000;
/// The breaker: so many failures for each of `max_restarts` within this time open it, but never fewer than the least. After a
/// rest there is one trial, which has to live so long.
const BREAKER_WINDOW_MS: u64 = 15 * 60_000;
const BREAKER_FAILURES: u32 = 4;
const BREAKER_LEAST: u32 = 60;
const BREAKER_REST_MS: u64 = 60_000;
const TRIAL_MS: u64 = 30_000;
/// A higher limit means that it is to be started again whatever happens: there is no breaker then.
const MOST_FAILURES: u32 = 1000;
/// Bound of the delay after a program could not be executed.
const SPAWN_CAP_MS: u64 = 60_000;

/// What is to come of an instance that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is started again after so many ms.
    Again {
        /// The wait in ms.
        delay_ms: u64,
    },
    /// It failed too often: after this rest there is one more trial.
    Trial {
        /// The rest in ms.
        delay_ms: u64,
        /// Why.
        reason: String,
    },
    /// It rests: the config says so.
    Rest(String),
    /// It failed too often.
    GiveUp(String),
}

/// The rules of an app, and what an instance has used up of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    autorestart: bool,
    stop_exit_codes: Vec<i32>,
    min_uptime_ms: u64,
    max_restarts: u32,
    restart_delay_ms: u64,
    exp_backoff_ms: u64,
    kill_timeout_ms: u64,
    waits_ready: bool,
    listen_timeout_ms: u64,
    depends: bool,
    drains: bool,
    /// What was used up.
    used: Used,
    /// Of the delays, so that apps that fell together do not rise together.
    random: u64,
}

/// What an instance has used up of its rules, in ms of a clock that begins with the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Failures in a row.
    unstable: u32,
    last_delay_ms: u64,
    /// When it failed lately, oldest first.
    failures: VecDeque<Mono>,
    /// Is its run the trial after the breaker was open?
    trial: bool,
}

impl Policy {
    /// The rules that a definition tells.
    #[must_use]
    pub fn of(spec: &AppSpec) -> Self {
        Self {
            autorestart: spec.autorestart,
            stop_exit_codes: spec.stop_exit_codes.clone(),
            min_uptime_ms: spec.min_uptime_ms,
            max_restarts: spec.max_restarts,
            restart_delay_ms: spec.restart_delay_ms,
            exp_backoff_ms: spec.exp_backoff_restart_delay_ms,
            kill_timeout_ms: spec.kill_timeout_ms,
            waits_ready: spec.wait_ready != WaitReady::No,
            listen_timeout_ms: spec.listen_timeout_ms,
            depends: !spec.depends_on.is_empty(),
            drains: spec.exec_mode == ExecMode::Cluster,
            used: Used::default(),
            random: 0x9e37_79b9_7f4a_7c15,
        }
    }

    /// The same with what was used up before, and delays of its own.
    #[must_use]
    pub fn with(self, used: Used, number: u32) -> Self {
        let random = self.random ^ ((u64::from(number) << 32) | (u64::from(number) + 1));
        Self { used, random, ..self }
    }

    /// The same for one run alone, which waits for nobody.
    #[must_use]
    pub fn once(self) -> Self {
        Self { autorestart: false, depends: false, ..self }
    }

    /// Does it know how to finish what it has, when it is told to leave?
    #[must_use]
    pub fn drains(&self) -> bool {
        self.drains
    }

    /// What was used up.
    #[must_use]
    pub fn used(&self) -> &Used {
        &self.used
    }

    /// Takes the rules of another and keeps what was used up.
    pub fn adopt(&mut self, other: Self) {
        *self = Self { used: std::mem::take(&mut self.used), random: self.random, ..other };
    }

    /// Is it started again at all?
    #[must_use]
    pub fn autorestart(&self) -> bool {
        self.autorestart
    }

    /// Time between the stop signal and SIGKILL, in ms.
    #[must_use]
    pub fn kill_timeout_ms(&self) -> u64 {
        self.kill_timeout_ms
    }

    /// Does it count as running only when it says that it is ready?
    #[must_use]
    pub fn waits_ready(&self) -> bool {
        self.waits_ready
    }

    /// Time that it has for saying so, in ms.
    #[must_use]
    pub fn listen_timeout_ms(&self) -> u64 {
        self.listen_timeout_ms
    }

    /// Does it depend on others?
    #[must_use]
    pub fn depends(&self) -> bool {
        self.depends
    }

    /// Failures in a row.
    #[must_use]
    pub fn unstable(&self) -> u32 {
        self.used.unstable
    }

    /// A person took it in hand: failures of before do not count.
    pub fn forgive(&mut self) {
        self.used = Used::default();
    }

    /// Decides about a run that ended by itself. A life shorter than `min_uptime` is a failure, whatever it ended with, and so
    /// is one that was never ready; a longer one clears them: so the limit holds an hour after the start too, where PM2's does
    /// not (its #1496, #2584). Failures that are apart count too: when there are too many within a quarter of an hour, the
    /// breaker opens for a minute, and one trial decides.
    pub fn judge(&mut self, run: &Finished, now: Mono) -> Verdict {
        let late = run.ready == Ready::TooLate;
        if !self.autorestart {
            let why = "autorestart is off".to_owned();
            return if late { Verdict::GiveUp(format!("{}, and {why}", self.lateness())) } else { Verdict::Rest(why) };
        }
        if let Ended::Code(code) = run.ended
            && !late
            && self.stop_exit_codes.contains(&code)
        {
            return Verdict::Rest(format!("exit code {code} is one of its stop_exit_codes"));
        }
        let failed = run.ready != Ready::Yes || run.ran_ms < self.min_uptime_ms;
        self.used.unstable = if failed { self.used.unstable.saturating_add(1) } else { 0 };
        if self.used.unstable > 0 && self.used.unstable >= self.max_restarts {
            let (times, last) = (words::times(self.used.unstable), words::ended(&run.ended));
            return Verdict::GiveUp(match run.ready {
                Ready::Yes => format!(
                    "it ended {times} in a row before min_uptime ({}), last with {last}; mend it and start it again",
                    words::duration(self.min_uptime_ms),
                ),
                Ready::No => {
                    format!("it failed {times} in a row, last with {last} before it was ready; mend it and start it again")
                }
                Ready::TooLate => {
                    format!("it failed {times} in a row, and at last {}; mend it and start it again", self.lateness())
                }
            });
        }
        self.break_circuit(run, failed, now).unwrap_or_else(|| Verdict::Again { delay_ms: self.delay_ms(run.ran_ms) })
    }

    fn break_circuit(&mut self, run: &Finished, failed: bool, now: Mono) -> Option<Verdict> {
        let failed = failed || run.ended != Ended::Code(0);
        let used = &mut self.used;
        if std::mem::take(&mut used.trial) {
            used.failures.clear();
            if failed && run.ran_ms < TRIAL_MS {
                let (lived, last) = (words::duration(run.ran_ms), words::ended(&run.ended));
                return Some(Verdict::GiveUp(format!(
                    "it failed too often, and the trial after a rest lived only {lived} ({last}); mend it and start it again"
                )));
            }
        }
        if !failed {
            return None;
        }
        let limit = self.max_restarts.saturating_mul(BREAKER_FAILURES).max(BREAKER_LEAST);
        if limit > MOST_FAILURES {
            return None;
        }
        used.failures.push_back(now);
        while used.failures.front().is_some_and(|then| now.saturating_sub(*then) > BREAKER_WINDOW_MS) {
            used.failures.pop_front();
        }
        let count = u32::try_from(used.failures.len()).unwrap_or(u32::MAX);
        if count < limit {
            return None;
        }
        used.trial = true;
        Some(Verdict::Trial { delay_ms: BREAKER_REST_MS, reason: format!("it failed {} within 15 min", words::times(count)) })
    }

    /// That it was not ready in time, in words.
    #[must_use]
    pub fn lateness(&self) -> String {
        format!("it was not ready within {} (listen_timeout)", words::duration(self.listen_timeout_ms))
    }

    fn delay_ms(&mut self, ran_ms: u64) -> u64 {
        if self.exp_backoff_ms == 0 {
            return self.restart_delay_ms;
        }
        let last = if ran_ms >= BACKOFF_HEALTHY_MS { 0 } else { self.used.last_delay_ms };
        self.used.last_delay_ms =
            if last == 0 { self.exp_backoff_ms } else { (last * 3 / 2).min(BACKOFF_CAP_MS.max(self.exp_backoff_ms)) };
        self.used.last_delay_ms + self.up_to(self.used.last_delay_ms / 10)
    }

    /// A number up to this one: Marsaglia's xorshift64 is random enough for a delay.
    fn up_to(&mut self, most: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % (most + 1)
    }

    /// The wait after a program could not be executed so often before, in ms: it grows from one second to one minute.
    #[must_use]
    pub fn spawn_delay_ms(failures: u32) -> u64 {
        SPAWN_CAP_MS.min(1000_u64 << failures.min(6))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(change: impl FnOnce(&mut AppSpec)) -> Policy {
        let mut spec = AppSpec { name: "a".into(), ..AppSpec::default() };
        change(&mut spec);
        Policy::of(&spec)
    }

    fn run(ended: Ended, ran_ms: u64) -> Finished {
        Finished { ended, ran_ms, ready: Ready::Yes }
    }

    #[test]
    fn a_signal_is_no_exit_code() {
        let mut policy = policy(|spec| spec.stop_exit_codes = vec![0, 9]);
        assert_eq!(policy.judge(&run(Ended::Signal(9), 5000), 0), Verdict::Again { delay_ms: 0 });
        assert!(matches!(policy.judge(&run(Ended::Code(0), 5000), 0), Verdict::Rest(_)));
    }

    #[test]
    fn gives_up_after_failures_in_a_row_even_late() {
        let mut policy = policy(|spec| spec.max_restarts = 3);
        assert_eq!(policy.judge(&run(Ended::Code(1), 3_600_000), 0), Verdict::Again { delay_ms: 0 });
        assert_eq!(policy.judge(&run(Ended::Code(1), 10), 0), Verdict::Again { delay_ms: 0 });
        assert_eq!(policy.judge(&run(Ended::Code(1), 10), 0), Verdict::Again { delay_ms: 0 });
        assert!(matches!(policy.judge(&run(Ended::Code(1), 10), 0), Verdict::GiveUp(_)));
    }

    #[test]
    fn an_end_that_comes_too_soon_is_a_failure_though_no_error_is_told() {
        let mut policy = policy(|spec| (spec.max_restarts, spec.min_uptime_ms) = (2, 1000));
        assert_eq!(policy.judge(&run(Ended::Code(0), 999), 0), Verdict::Again { delay_ms: 0 });
        assert_eq!(policy.judge(&run(Ended::Code(0), 1000), 0), Verdict::Again { delay_ms: 0 }, "that one lived long enough");
        assert_eq!(policy.judge(&run(Ended::Code(0), 999), 0), Verdict::Again { delay_ms: 0 });
        assert!(matches!(policy.judge(&run(Ended::Code(0), 999), 0), Verdict::GiveUp(why) if why.contains("exit 0")));
    }

    #[test]
    fn a_long_life_clears_the_failures() {
        let mut policy = policy(|spec| spec.max_restarts = 2);
        for _ in 0..20 {
            assert_eq!(policy.judge(&run(Ended::Code(1), 10), 0), Verdict::Again { delay_ms: 0 });
            assert_eq!(policy.judge(&run(Ended::Code(1), 1000), 0), Verdict::Again { delay_ms: 0 });
        }
    }

    #[test]
    fn delays_grow_to_their_bound_and_start_anew_after_health() {
        let mut policy = policy(|spec| spec.exp_backoff_restart_delay_ms = 100);
        let mut delay = |ran| match policy.judge(&run(Ended::Code(1), ran), 0) {
            Verdict::Again { delay_ms } => delay_ms,
            other => panic!("{other:?}"),
        };
        // Each with a tenth at random.
        for least in [100, 150, 225, 337, 505] {
            let delay = delay(2000);
            assert!((least..=least + least / 10).contains(&delay), "{delay} for {least}");
        }
        for _ in 0..30 {
            assert!(delay(2000) <= BACKOFF_CAP_MS + BACKOFF_CAP_MS / 10);
        }
        assert!((100..=110).contains(&delay(BACKOFF_HEALTHY_MS)));
        let mut other = policy.clone().with(policy.used().clone(), 7);
        let next = |policy: &mut Policy| policy.judge(&run(Ended::Code(1), 2000), 0);
        assert_ne!(
            (0..9).map(|_| next(&mut policy)).collect::<Vec<_>>(),
            (0..9).map(|_| next(&mut other)).collect::<Vec<_>>(),
            "two that fell together rise together"
        );
    }

    #[test]
    fn one_that_is_never_ready_fails_however_long_it_lives() {
        let mut policy = policy(|spec| (spec.max_restarts, spec.stop_exit_codes) = (2, vec![0]));
        let late = Finished { ended: Ended::Code(0), ran_ms: 60_000, ready: Ready::TooLate };
        assert_eq!(policy.judge(&late, 0), Verdict::Again { delay_ms: 0 });
        assert!(matches!(policy.judge(&late, 0), Verdict::GiveUp(why) if why.contains("listen_timeout")));
        policy.autorestart = false;
        assert!(matches!(policy.judge(&late, 0), Verdict::GiveUp(_)));
    }

    /// Fails every ten seconds until it is not simply started again.
    fn fail(policy: &mut Policy, now: &mut Mono) -> (u32, Verdict) {
        for count in 1.. {
            *now += 10_000;
            match policy.judge(&run(Ended::Code(1), 9000), *now) {
                Verdict::Again { .. } => assert!(count < 1000, "it never ends"),
                other => return (count, other),
            }
        }
        unreachable!()
    }

    #[test]
    fn the_breaker_opens_tries_once_and_gives_up() {
        let mut policy = policy(|spec| spec.max_restarts = 5);
        let mut now = 3_600_000;
        let (count, verdict) = fail(&mut policy, &mut now);
        assert_eq!(count, BREAKER_LEAST);
        assert!(matches!(verdict, Verdict::Trial { delay_ms: BREAKER_REST_MS, .. }));
        assert!(matches!(fail(&mut policy, &mut now), (1, Verdict::GiveUp(why)) if why.contains("trial")));
    }

    #[test]
    fn a_trial_that_lives_closes_the_breaker() {
        let mut policy = policy(|spec| spec.max_restarts = 5);
        let mut now = 0;
        fail(&mut policy, &mut now);
        assert_eq!(policy.judge(&run(Ended::Code(1), TRIAL_MS), now + 90_000), Verdict::Again { delay_ms: 0 });
        assert_eq!(fail(&mut policy, &mut now).0, BREAKER_LEAST - 1, "that end was the first of the next window");
    }

    #[test]
    fn failures_that_are_rare_are_forgotten_and_none_is_made_up() {
        let mut policy = policy(|spec| spec.max_restarts = 5);
        for number in 0..200 {
            assert_eq!(policy.judge(&run(Ended::Code(1), 50_000), number * 60_000), Verdict::Again { delay_ms: 0 });
        }
        for number in 0..200 {
            assert_eq!(policy.judge(&run(Ended::Code(0), 5000), 20_000_000 + number), Verdict::Again { delay_ms: 0 });
        }
    }

    #[test]
    fn a_missing_program_is_tried_ever_more_slowly() {
        assert_eq!([0, 1, 5, 6, 60].map(Policy::spawn_delay_ms), [1000, 2000, 32_000, 60_000, 60_000]);
    }
}
