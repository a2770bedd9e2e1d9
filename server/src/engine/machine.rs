//! The life of an instance as a pure state machine: `(state, input, now) -> (state, effects)`.
//! It reads no clock, no disk and no network, so that every rule can be tested without a process.

mod ending;

use app::model::{Cause, EventKind, State};

use super::policy::{Policy, Used};
use super::terms::{Dependencies, Effect, Ended, Finished, Input, Mono, Ready, Tale, Why};
use super::words;

/// How long a process may survive SIGKILL before it is called unkillable, in ms.
const KILL_PATIENCE_MS: u64 = 5_000;
/// How often an unkillable process is tried again, in ms.
const KILL_RETRY_MS: u64 = 5_000;

/// What comes after a stop.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Next {
    /// It rests.
    Rest(Why),
    /// It is started again.
    Start(Why),
    /// The main process ended by itself and left others behind; once they are gone the policy decides.
    Decide(Box<Finished>),
}

/// How far a stop has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It finishes what it has.
    Drains,
    /// It was sent its stop signal.
    Asked,
    /// It was sent SIGKILL.
    Killed,
}

/// Where the instance is, with the data that exists only there.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Stopped {
        reason: Option<String>,
        by_policy: bool,
    },
    /// For what it depends on, or for its turn.
    Waiting {
        why: Why,
        reason: String,
        resting: bool,
        /// Only time brings its turn; nothing that happens to others does.
        turn: bool,
    },
    /// The process is being made, or has run since then and is not ready yet.
    Starting {
        since: Option<Mono>,
    },
    Online {
        since: Mono,
    },
    Stopping {
        main_gone: bool,
        deadline: Mono,
        stage: Stage,
        since_start: Mono,
        next: Next,
    },
    /// `again`: something ran, so that its start counts as a restart.
    BackingOff {
        until: Mono,
        reason: String,
        again: bool,
    },
    Errored {
        reason: String,
    },
    Unkillable {
        main_gone: bool,
        retry: Mono,
        since_start: Mono,
        next: Next,
    },
}

/// One instance.
#[derive(Clone, Debug)]
pub struct Machine {
    phase: Phase,
    policy: Policy,
    restarts: u32,
    /// Why the process that is being started is started.
    starting: Why,
    spawn_failures: u32,
    spawn_error: Option<String>,
}

impl Machine {
    /// An instance that does not run and has been restarted so often.
    #[must_use]
    pub fn new(policy: Policy, restarts: u32) -> Self {
        Self {
            phase: Phase::Stopped { reason: None, by_policy: false },
            policy,
            restarts,
            starting: Why::plain(Cause::Restart),
            spawn_failures: 0,
            spawn_error: None,
        }
    }

    /// The same, resting for a reason that was found earlier.
    #[must_use]
    pub fn resting(policy: Policy, restarts: u32, errored: bool, reason: Option<String>) -> Self {
        let phase = if errored {
            Phase::Errored { reason: reason.unwrap_or_else(|| "it was given up".into()) }
        } else {
            Phase::Stopped { reason, by_policy: true }
        };
        Self { phase, ..Self::new(policy, restarts) }
    }

    /// Takes other rules; they count from now on.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy.adopt(policy);
    }

    /// Where it is.
    #[must_use]
    pub fn state(&self) -> State {
        match self.phase {
            Phase::Stopped { .. } => State::Stopped,
            Phase::Waiting { .. } | Phase::Starting { .. } => State::Starting,
            Phase::Online { .. } => State::Online,
            Phase::Stopping { .. } => State::Stopping,
            Phase::BackingOff { .. } => State::BackingOff,
            Phase::Errored { .. } => State::Errored,
            Phase::Unkillable { .. } => State::Unkillable,
        }
    }

    /// Why it is there, where there is a reason.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match &self.phase {
            Phase::Stopped { reason, .. } => reason.as_deref(),
            Phase::Waiting { reason, .. } | Phase::BackingOff { reason, .. } | Phase::Errored { reason } => Some(reason),
            Phase::Unkillable { .. } => Some("SIGKILL had no effect; it is tried again"),
            Phase::Starting { .. } | Phase::Online { .. } | Phase::Stopping { .. } => None,
        }
    }

    /// Does it wait for what it depends on?
    #[must_use]
    pub fn waits_for_others(&self) -> bool {
        matches!(self.phase, Phase::Waiting { turn: false, .. })
    }

    /// Does it rest because its policy says so, and not because somebody asked?
    #[must_use]
    pub fn rests_by_policy(&self) -> bool {
        matches!(self.phase, Phase::Errored { .. } | Phase::Stopped { by_policy: true, .. })
    }

    /// When it will be started again, while backing off.
    #[must_use]
    pub fn retry_at(&self) -> Option<Mono> {
        if let Phase::BackingOff { until, .. } = self.phase { Some(until) } else { None }
    }

    /// What was used up of the policy.
    #[must_use]
    pub fn used(&self) -> &Used {
        self.policy.used()
    }

    /// That it was not ready in time, in words.
    #[must_use]
    pub fn lateness(&self) -> String {
        self.policy.lateness()
    }

    /// Goes on counting restarts from here.
    pub fn set_restarts(&mut self, restarts: u32) {
        self.restarts = restarts;
    }

    /// Restarts so far.
    #[must_use]
    pub fn restarts(&self) -> u32 {
        self.restarts
    }

    /// Failures in a row.
    #[must_use]
    pub fn unstable(&self) -> u32 {
        self.policy.unstable()
    }

    /// Is a start of it on its way: will it be online without a further request?
    #[must_use]
    pub fn is_coming(&self) -> bool {
        match &self.phase {
            Phase::Starting { .. } | Phase::Online { .. } | Phase::Waiting { resting: false, .. } => true,
            Phase::Stopping { next, .. } | Phase::Unkillable { next, .. } => matches!(next, Next::Start(_)),
            Phase::Stopped { .. } | Phase::BackingOff { .. } | Phase::Errored { .. } | Phase::Waiting { .. } => false,
        }
    }

    /// Takes an input and says what is to be done. Inputs that mean nothing in this state change nothing.
    pub fn apply(&mut self, input: Input, now: Mono) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::Start(why) => self.start(why, &mut effects),
            Input::Stop(why) => self.stop(why, now, &mut effects),
            Input::Retire(why) => self.retire(why, now, &mut effects),
            Input::Restart(why) => self.restart(why, now, &mut effects),
            Input::Adopted { age_ms } => {
                if matches!(self.phase, Phase::Stopped { .. } | Phase::Errored { .. }) {
                    self.phase = Phase::Online { since: now.saturating_sub(age_ms) };
                    effects.push(tell(
                        EventKind::Adopted,
                        Why::plain(Cause::Restart),
                        "was running and has been taken back".into(),
                    ));
                }
            }
            Input::Lost { leftovers, told } => self.lost(leftovers, told, now, &mut effects),
            Input::Dependencies(dependencies) => self.heard(dependencies, &mut effects),
            Input::Spawned => self.spawned(now, &mut effects),
            Input::Ready => self.is_ready(now, &mut effects),
            Input::SpawnFailed(error) => self.spawn_failed(error, now, &mut effects),
            Input::TooMany(until) => {
                if self.phase == (Phase::Starting { since: None }) {
                    let (why, reason) = (self.starting.clone(), "waits, because many are started at once".into());
                    self.phase = Phase::Waiting { why, reason, resting: false, turn: true };
                    effects.push(Effect::Wake(until));
                }
            }
            Input::Exited { ended, leftovers } => self.exited(ended, leftovers, now, &mut effects),
            Input::TreeGone => self.tree_gone(now, &mut effects),
            Input::Due => self.due(now, &mut effects),
            Input::Reset => {
                self.restarts = 0;
                self.policy.forgive();
            }
        }
        effects
    }

    fn start(&mut self, why: Why, effects: &mut Vec<Effect>) {
        match &mut self.phase {
            Phase::Stopped { .. } | Phase::BackingOff { .. } | Phase::Errored { .. } => {
                self.policy.forgive();
                self.spawn_failures = 0;
                self.spawn_error = None;
                self.spawn(why, effects);
            }
            Phase::Stopping { next, .. } | Phase::Unkillable { next, .. } => *next = Next::Start(why),
            Phase::Waiting { .. } | Phase::Starting { .. } | Phase::Online { .. } => {}
        }
    }

    fn stop(&mut self, why: Why, now: Mono, effects: &mut Vec<Effect>) {
        match &mut self.phase {
            Phase::Stopped { .. } => {}
            Phase::Waiting { .. } | Phase::BackingOff { .. } | Phase::Errored { .. } => self.rest(why, effects),
            Phase::Stopping { next, .. } | Phase::Unkillable { next, .. } => *next = Next::Rest(why),
            Phase::Starting { .. } | Phase::Online { .. } => self.end_run(Next::Rest(why), now, effects),
        }
    }

    fn retire(&mut self, why: Why, now: Mono, effects: &mut Vec<Effect>) {
        let (Phase::Online { since } | Phase::Starting { since: Some(since) }) = self.phase else {
            return self.stop(why, now, effects);
        };
        if !self.policy.drains() {
            return self.stop(why, now, effects);
        }
        effects.push(tell(EventKind::Stopping, why.clone(), words::asked("finishing what it has", &why)));
        let (deadline, next) = (now + self.policy.kill_timeout_ms(), Next::Rest(why));
        self.phase = Phase::Stopping { main_gone: false, deadline, stage: Stage::Drains, since_start: since, next };
        effects.extend([Effect::Drain, Effect::Wake(deadline)]);
    }

    fn restart(&mut self, why: Why, now: Mono, effects: &mut Vec<Effect>) {
        let automatic = why.cause != Cause::Request;
        match &mut self.phase {
            Phase::Starting { .. } | Phase::Online { .. } => self.end_run(Next::Start(why), now, effects),
            Phase::Waiting { .. } => {}
            _ if automatic => {}
            Phase::Stopping { next, .. } | Phase::Unkillable { next, .. } => *next = Next::Start(why),
            Phase::Stopped { .. } | Phase::BackingOff { .. } | Phase::Errored { .. } => self.start(why, effects),
        }
    }

    fn end_run(&mut self, next: Next, now: Mono, effects: &mut Vec<Effect>) {
        let (why, message) = match &next {
            Next::Rest(why) => (why.clone(), words::asked("stopping", why)),
            Next::Start(why) => (why.clone(), words::asked("restarting", why)),
            Next::Decide(_) => (Why::plain(Cause::NotReady), format!("being ended: {}", self.policy.lateness())),
        };
        effects.push(tell(EventKind::Stopping, why, message));
        self.begin_stopping(false, next, now, effects);
    }

    fn begin_stopping(&mut self, main_gone: bool, next: Next, now: Mono, effects: &mut Vec<Effect>) {
        let since_start = match self.phase {
            Phase::Online { since } | Phase::Starting { since: Some(since) } => since,
            _ => now,
        };
        let deadline = now + self.policy.kill_timeout_ms();
        self.phase = Phase::Stopping { main_gone, deadline, stage: Stage::Asked, since_start, next };
        effects.push(Effect::Signal);
        effects.push(Effect::Wake(deadline));
        if main_gone {
            effects.push(Effect::WatchTree);
        }
    }

    fn spawn(&mut self, why: Why, effects: &mut Vec<Effect>) {
        if self.policy.depends() {
            self.phase = Phase::Waiting { why, reason: "waits for what it depends on".into(), resting: false, turn: false };
            effects.push(Effect::AskDependencies);
        } else {
            self.begin(why, effects);
        }
    }

    fn begin(&mut self, why: Why, effects: &mut Vec<Effect>) {
        self.starting = why;
        self.phase = Phase::Starting { since: None };
        effects.push(Effect::Spawn);
    }

    fn heard(&mut self, dependencies: Dependencies, effects: &mut Vec<Effect>) {
        let Phase::Waiting { why, reason, resting, .. } = &mut self.phase else { return };
        match dependencies {
            Dependencies::Ready => {
                let why = why.clone();
                self.begin(why, effects);
            }
            Dependencies::Coming(words) => (*reason, *resting) = (words, false),
            Dependencies::Resting(words) => (*reason, *resting) = (words, true),
        }
    }

    fn spawned(&mut self, now: Mono, effects: &mut Vec<Effect>) {
        if self.phase != (Phase::Starting { since: None }) {
            return;
        }
        self.spawn_failures = 0;
        self.spawn_error = None;
        if self.policy.waits_ready() {
            self.phase = Phase::Starting { since: Some(now) };
            effects.push(Effect::Wake(now + self.policy.listen_timeout_ms()));
        } else {
            self.phase = Phase::Online { since: now };
        }
        let message = words::asked("started", &self.starting);
        effects.push(tell(EventKind::Start, self.starting.clone(), message));
    }

    fn is_ready(&mut self, now: Mono, effects: &mut Vec<Effect>) {
        if let Phase::Starting { since: Some(since) } = self.phase {
            self.phase = Phase::Online { since };
            let message = format!("is ready after {}", words::duration(now.saturating_sub(since)));
            effects.push(tell(EventKind::Online, self.starting.clone(), message));
        }
    }

    fn spawn_failed(&mut self, error: String, now: Mono, effects: &mut Vec<Effect>) {
        if self.phase != (Phase::Starting { since: None }) {
            return;
        }
        let news = self.spawn_error.as_ref() != Some(&error);
        self.spawn_error = Some(error.clone());
        let why = Why { cause: Cause::Spawn, actor: None, detail: Some(error.clone()) };
        if self.policy.autorestart() {
            let delay = Policy::spawn_delay_ms(self.spawn_failures);
            self.spawn_failures = self.spawn_failures.saturating_add(1);
            self.phase = Phase::BackingOff { until: now + delay, reason: error.clone(), again: false };
            effects.push(Effect::Wake(now + delay));
        } else {
            self.phase = Phase::Errored { reason: error.clone() };
        }
        // A missing program is tried again for ever; it is news only once.
        if news {
            effects.push(tell(EventKind::SpawnFailed, why, format!("could not be started: {error}")));
        }
    }

    fn due(&mut self, now: Mono, effects: &mut Vec<Effect>) {
        match &mut self.phase {
            Phase::BackingOff { until, again, .. } if now >= *until => {
                // A start that failed before anything ran is no restart: it is wanted for the reason that it was wanted for.
                let why = if *again {
                    self.restarts = self.restarts.saturating_add(1);
                    Why::plain(Cause::Restart)
                } else {
                    self.starting.clone()
                };
                self.spawn(why, effects);
            }
            Phase::BackingOff { until, .. } => effects.push(Effect::Wake(*until)),
            Phase::Stopping { deadline, stage, .. } if now >= *deadline && *stage == Stage::Drains => {
                *stage = Stage::Asked;
                *deadline = now + self.policy.kill_timeout_ms();
                effects.extend([Effect::Signal, Effect::Wake(*deadline)]);
            }
            Phase::Stopping { deadline, stage, .. } if now >= *deadline && *stage == Stage::Asked => {
                *stage = Stage::Killed;
                *deadline = now + KILL_PATIENCE_MS;
                effects.extend([Effect::Kill, Effect::Wake(*deadline)]);
            }
            Phase::Stopping { main_gone, deadline, since_start, next, .. } if now >= *deadline => {
                let why = Why::plain(Cause::Unknown);
                effects.push(tell(
                    EventKind::Unkillable,
                    why,
                    "does not end, not even by SIGKILL; look for a hung disk or mount".into(),
                ));
                self.phase = Phase::Unkillable {
                    main_gone: *main_gone,
                    retry: now + KILL_RETRY_MS,
                    since_start: *since_start,
                    next: next.clone(),
                };
                effects.extend([Effect::Kill, Effect::Wake(now + KILL_RETRY_MS)]);
            }
            Phase::Stopping { deadline, .. } => effects.push(Effect::Wake(*deadline)),
            Phase::Starting { since: Some(since) } => {
                let (since, deadline) = (*since, *since + self.policy.listen_timeout_ms());
                if now < deadline {
                    effects.push(Effect::Wake(deadline));
                } else {
                    let run = Finished { ended: Ended::Unknown, ran_ms: now.saturating_sub(since), ready: Ready::TooLate };
                    self.end_run(Next::Decide(Box::new(run)), now, effects);
                }
            }
            Phase::Unkillable { retry, .. } => {
                *retry = now + KILL_RETRY_MS;
                effects.extend([Effect::Kill, Effect::Wake(now + KILL_RETRY_MS)]);
            }
            Phase::Waiting { why, .. } => {
                let why = why.clone();
                self.spawn(why, effects);
            }
            Phase::Stopped { .. } | Phase::Starting { since: None } | Phase::Online { .. } | Phase::Errored { .. } => {}
        }
    }
}

fn tell(kind: EventKind, why: Why, message: String) -> Effect {
    Effect::Tell(Tale { kind, why, message, ended: None, ran_ms: None })
}

#[cfg(test)]
mod tests;
