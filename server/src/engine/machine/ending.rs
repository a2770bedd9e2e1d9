//! How a run ends, and what follows from it.

use app::model::{Cause, EventKind};

use super::{Machine, Next, Phase, tell};
use crate::engine::policy::Verdict;
use crate::engine::terms::{Effect, Ended, Finished, Mono, Ready, Tale, Why};
use crate::engine::words;

impl Machine {
    pub(super) fn exited(&mut self, ended: Ended, leftovers: bool, now: Mono, effects: &mut Vec<Effect>) {
        match &mut self.phase {
            Phase::Online { since } | Phase::Starting { since: Some(since) } => {
                let since = *since;
                let ready = if matches!(self.phase, Phase::Online { .. }) { Ready::Yes } else { Ready::No };
                let run = Finished { ended, ran_ms: now.saturating_sub(since), ready };
                if leftovers {
                    self.tell_exit(&run, None, "; what it left behind is being ended", effects);
                    self.begin_stopping(true, Next::Decide(Box::new(run)), now, effects);
                } else {
                    self.decide(&run, true, now, effects);
                }
            }
            Phase::Stopping { main_gone, since_start, next, .. } | Phase::Unkillable { main_gone, since_start, next, .. } => {
                if *main_gone {
                    return;
                }
                *main_gone = true;
                let ran_ms = now.saturating_sub(*since_start);
                let (why, message) = match next {
                    Next::Start(why) => (why.clone(), words::asked("restarted", why)),
                    Next::Rest(why) => (why.clone(), words::asked("stopped", why)),
                    Next::Decide(run) => {
                        (run.ended, run.ran_ms) = (ended.clone(), ran_ms);
                        (Why::plain(Cause::NotReady), format!("went down: {}", self.policy.lateness()))
                    }
                };
                effects.push(Effect::Tell(Tale {
                    kind: EventKind::Exit,
                    why,
                    message,
                    ended: Some(ended),
                    ran_ms: Some(ran_ms),
                }));
                if leftovers {
                    effects.push(Effect::WatchTree);
                } else {
                    self.finish(now, effects);
                }
            }
            Phase::Stopped { .. }
            | Phase::Waiting { .. }
            | Phase::Starting { .. }
            | Phase::BackingOff { .. }
            | Phase::Errored { .. } => {}
        }
    }

    /// Nobody knows how long it lived or how it ended, so it is no failure: it is started again unless it never would be.
    pub(super) fn lost(&mut self, leftovers: bool, told: bool, now: Mono, effects: &mut Vec<Effect>) {
        if !matches!(self.phase, Phase::Stopped { .. }) {
            return;
        }
        if !told {
            effects.push(Effect::Tell(Tale {
                kind: EventKind::Exit,
                why: Why::plain(Cause::Unknown),
                message: "ended while qd was away; nobody saw how".into(),
                ended: Some(Ended::Unknown),
                ran_ms: None,
            }));
        }
        let next = if self.policy.autorestart() {
            Next::Start(Why::plain(Cause::Unknown))
        } else {
            Next::Rest(Why {
                detail: Some("it ended while qd was away, and autorestart is off".into()),
                ..Why::plain(Cause::Unknown)
            })
        };
        if leftovers {
            self.begin_stopping(true, next, now, effects);
        } else {
            self.conclude(next, now, effects);
        }
    }

    pub(super) fn tree_gone(&mut self, now: Mono, effects: &mut Vec<Effect>) {
        if let Phase::Stopping { main_gone: true, .. } | Phase::Unkillable { main_gone: true, .. } = self.phase {
            self.finish(now, effects);
        }
    }

    fn finish(&mut self, now: Mono, effects: &mut Vec<Effect>) {
        let (Phase::Stopping { next, .. } | Phase::Unkillable { next, .. }) = self.phase.clone() else {
            return;
        };
        self.conclude(next, now, effects);
    }

    fn conclude(&mut self, next: Next, now: Mono, effects: &mut Vec<Effect>) {
        match next {
            Next::Rest(why) => self.rest(why, effects),
            Next::Start(why) => {
                self.restarts = self.restarts.saturating_add(1);
                if why.cause == Cause::Request {
                    self.policy.forgive();
                }
                self.spawn(why, effects);
            }
            Next::Decide(run) => self.decide(&run, false, now, effects),
        }
    }

    pub(super) fn rest(&mut self, why: Why, effects: &mut Vec<Effect>) {
        let message = words::asked("stopped", &why);
        self.phase = Phase::Stopped { reason: Some(message.clone()), by_policy: false };
        effects.push(tell(EventKind::Stopped, why, message));
    }

    fn decide(&mut self, run: &Finished, news: bool, now: Mono, effects: &mut Vec<Effect>) {
        let verdict = self.policy.judge(run, now);
        if news {
            let outlook = match &verdict {
                Verdict::Again { delay_ms: 0 } => String::new(),
                Verdict::Again { delay_ms } => format!("; starts again in {}", words::duration(*delay_ms)),
                Verdict::Trial { reason, .. } | Verdict::Rest(reason) | Verdict::GiveUp(reason) => format!("; {reason}"),
            };
            self.tell_exit(run, Some(&verdict), &outlook, effects);
        }
        let late = run.ready == Ready::TooLate;
        let why = Why::plain(if late { Cause::NotReady } else { words::cause(&run.ended) });
        match verdict {
            Verdict::Again { delay_ms: 0 } => {
                self.restarts = self.restarts.saturating_add(1);
                self.spawn(why, effects);
            }
            Verdict::Again { delay_ms } => {
                let until = now + delay_ms;
                let reason = if late {
                    self.policy.lateness()
                } else {
                    format!("{} after {}", words::ended(&run.ended), words::duration(run.ran_ms))
                };
                let message = format!("waits {} before its next start", words::duration(delay_ms));
                self.phase = Phase::BackingOff { until, reason, again: true };
                effects.push(Effect::Wake(until));
                effects.push(tell(EventKind::BackingOff, why, message));
            }
            Verdict::Trial { delay_ms, reason } => {
                let until = now + delay_ms;
                let message = format!("rests {}, then has one more trial: {reason}", words::duration(delay_ms));
                self.phase = Phase::BackingOff { until, reason, again: true };
                effects.push(Effect::Wake(until));
                effects.push(tell(EventKind::BackingOff, why, message));
            }
            Verdict::Rest(reason) => {
                self.phase = Phase::Stopped { reason: Some(reason.clone()), by_policy: true };
                effects.push(tell(EventKind::Stopped, why, format!("stopped: {reason}")));
            }
            Verdict::GiveUp(reason) => {
                self.phase = Phase::Errored { reason: reason.clone() };
                effects.push(tell(EventKind::Errored, why, format!("was given up: {reason}")));
            }
        }
    }

    fn tell_exit(&self, run: &Finished, verdict: Option<&Verdict>, outlook: &str, effects: &mut Vec<Effect>) {
        let verb = if matches!(verdict, Some(Verdict::Again { delay_ms: 0 })) { "restarted" } else { "went down" };
        let cause = words::cause(&run.ended);
        let crash = if cause == Cause::Crash { "crash, " } else { "" };
        effects.push(Effect::Tell(Tale {
            kind: EventKind::Exit,
            why: Why::plain(cause),
            message: format!("{verb}: {crash}{} after {}{outlook}", words::ended(&run.ended), words::duration(run.ran_ms)),
            ended: Some(run.ended.clone()),
            ran_ms: Some(run.ran_ms),
        }));
    }
}
