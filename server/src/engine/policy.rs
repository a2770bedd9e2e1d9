//! Whether and when an instance that ended by itself is started again.

use app::model::AppSpec;

use super::machine::{Ended, Finished, Ready};
use super::words;

/// Growth and bound of `exp_backoff_restart_delay`, and the healthy life that ends it, as PM2 has them (God.js, Worker.js).
const BACKOFF_CAP_MS: u64 = 15_000;
const BACKOFF_HEALTHY_MS: u64 = 30_000;
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
    unstable: u32,
    last_delay_ms: u64,
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
            waits_ready: spec.wait_ready,
            listen_timeout_ms: spec.listen_timeout_ms,
            depends: !spec.depends_on.is_empty(),
            unstable: 0,
            last_delay_ms: 0,
        }
    }

    /// Takes the rules of another and keeps what was used up.
    pub fn adopt(&mut self, other: Self) {
        *self = Self { unstable: self.unstable, last_delay_ms: self.last_delay_ms, ..other };
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
        self.unstable
    }

    /// A person took it in hand: failures of before do not count.
    pub fn forgive(&mut self) {
        self.unstable = 0;
        self.last_delay_ms = 0;
    }

    /// Decides about a run that ended by itself. A life shorter than `min_uptime` is a failure, whatever it ended with, and so
    /// is one that was never ready; a longer one clears them: so the limit holds an hour after the start too, where PM2's does
    /// not (its #1496, #2584).
    pub fn judge(&mut self, run: &Finished) -> Verdict {
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
        self.unstable = if failed { self.unstable.saturating_add(1) } else { 0 };
        if self.unstable > 0 && self.unstable >= self.max_restarts {
            let (times, last) = (words::times(self.unstable), words::ended(&run.ended));
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
        Verdict::Again { delay_ms: self.delay_ms(run.ran_ms) }
    }

    fn lateness(&self) -> String {
        format!("it was not ready within {} (listen_timeout)", words::duration(self.listen_timeout_ms))
    }

    fn delay_ms(&mut self, ran_ms: u64) -> u64 {
        if self.exp_backoff_ms == 0 {
            return self.restart_delay_ms;
        }
        if ran_ms >= BACKOFF_HEALTHY_MS {
            self.last_delay_ms = 0;
        }
        self.last_delay_ms = if self.last_delay_ms == 0 {
            self.exp_backoff_ms
        } else {
            (self.last_delay_ms * 3 / 2).min(BACKOFF_CAP_MS.max(self.exp_backoff_ms))
        };
        self.last_delay_ms
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
        assert_eq!(policy.judge(&run(Ended::Signal(9), 5000)), Verdict::Again { delay_ms: 0 });
        assert!(matches!(policy.judge(&run(Ended::Code(0), 5000)), Verdict::Rest(_)));
    }

    #[test]
    fn gives_up_after_failures_in_a_row_even_late() {
        let mut policy = policy(|spec| spec.max_restarts = 3);
        assert_eq!(policy.judge(&run(Ended::Code(1), 3_600_000)), Verdict::Again { delay_ms: 0 });
        assert_eq!(policy.judge(&run(Ended::Code(1), 10)), Verdict::Again { delay_ms: 0 });
        assert_eq!(policy.judge(&run(Ended::Code(1), 10)), Verdict::Again { delay_ms: 0 });
        assert!(matches!(policy.judge(&run(Ended::Code(1), 10)), Verdict::GiveUp(_)));
    }

    #[test]
    fn a_long_life_clears_the_failures() {
        let mut policy = policy(|spec| spec.max_restarts = 2);
        for _ in 0..20 {
            assert_eq!(policy.judge(&run(Ended::Code(1), 10)), Verdict::Again { delay_ms: 0 });
            assert_eq!(policy.judge(&run(Ended::Code(1), 1000)), Verdict::Again { delay_ms: 0 });
        }
    }

    #[test]
    fn delays_grow_to_their_bound_and_start_anew_after_health() {
        let mut policy = policy(|spec| spec.exp_backoff_restart_delay_ms = 100);
        let mut delay = |ran| match policy.judge(&run(Ended::Code(1), ran)) {
            Verdict::Again { delay_ms } => delay_ms,
            other => panic!("{other:?}"),
        };
        assert_eq!((0..5).map(|_| delay(2000)).collect::<Vec<_>>(), [100, 150, 225, 337, 505]);
        for _ in 0..30 {
            assert!(delay(2000) <= BACKOFF_CAP_MS);
        }
        assert_eq!(delay(BACKOFF_HEALTHY_MS), 100);
    }

    #[test]
    fn one_that_is_never_ready_fails_however_long_it_lives() {
        let mut policy = policy(|spec| (spec.max_restarts, spec.stop_exit_codes) = (2, vec![0]));
        let late = Finished { ended: Ended::Code(0), ran_ms: 60_000, ready: Ready::TooLate };
        assert_eq!(policy.judge(&late), Verdict::Again { delay_ms: 0 });
        assert!(matches!(policy.judge(&late), Verdict::GiveUp(why) if why.contains("listen_timeout")));
        policy.autorestart = false;
        assert!(matches!(policy.judge(&late), Verdict::GiveUp(_)));
    }

    #[test]
    fn a_missing_program_is_tried_ever_more_slowly() {
        assert_eq!([0, 1, 5, 6, 60].map(Policy::spawn_delay_ms), [1000, 2000, 32_000, 60_000, 60_000]);
    }
}
