//! The actor of an instance: carries out what its machine decides, and tells the machine what came of it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use app::model::{App, AppSpec, Cause, EventKind, State, Time};
use tokio::io::unix::AsyncFd;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

mod birth;
mod cgroup;
mod inherit;
mod role;
mod run;
mod show;
mod tree;

pub(super) use role::{Look, Role, Turn};

use super::dependencies;
use super::identity::Rest;
use super::machine::Machine;
use super::policy::{Policy, Used};
use super::shared::{AppCell, Shared};
use super::terms::{Effect, Input, Mono, Tale, Why};
use crate::process::{self, Cgroup, Channel, Child, ClusterWord, PidFd, SpawnError, Word};

/// How often a tree that is being ended is looked at: at first, and at most.
const LOOK_FIRST: Duration = Duration::from_millis(2);
const LOOK_LAST: Duration = Duration::from_millis(40);

/// What somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// It runs.
    Up,
    /// It does not.
    Down,
}

/// What an actor is told.
pub(super) enum Message {
    /// Do this, and say when it is done or why it cannot be.
    Do { input: Input, goal: Goal, done: oneshot::Sender<Result<(), String>> },
    /// This happened; nobody waits.
    Note(Input),
    /// Say when this is read: it has taken up what there was by then.
    Begun(oneshot::Sender<()>),
    /// An app said over `NOTIFY_SOCKET` that it is ready, which has this marker.
    Notified(String),
    /// The first check of this process passed.
    Passed(u32),
    /// Say how it stands.
    Look(oneshot::Sender<Look>),
    /// Its role changes.
    Turn(Turn),
    /// The rules changed.
    Rules,
    /// It is deleted: end without a word. It was stopped before.
    End,
}

/// A running process.
struct Running {
    pidfd: AsyncFd<PidFd>,
    start_ticks: u64,
    started_at: Time,
    spec: Arc<AppSpec>,
}

/// A process that is being made.
struct Birth {
    child: Pin<Box<dyn Future<Output = Result<Child, SpawnError>> + Send + Sync>>,
    started_at: Time,
    spec: Arc<AppSpec>,
}

/// How an actor begins.
pub(super) enum Beginning {
    /// With nothing.
    Fresh,
    /// With a process that an earlier supervisor started, and may not have had the time to tell of.
    TakenBack { pidfd: PidFd, start_ticks: u64, started_at: Time, marker: String, told: bool },
    /// With the knowledge that its process is gone, of which may have been told; the marker finds what it left behind.
    Lost { marker: String, main: Option<(u32, u64)>, told: bool },
    /// Resting by its policy.
    Rests(Rest),
}

/// What is known of an instance from before.
#[derive(Default)]
pub(super) struct Past {
    pub(super) restarts: u32,
    pub(super) used: Used,
}

impl Past {
    pub(super) fn of(restarts: u32) -> Self {
        Self { restarts, used: Used::default() }
    }
}

pub(super) struct Actor {
    shared: Arc<Shared>,
    cell: Arc<AppCell>,
    pm_id: u32,
    index: u32,
    role: Role,
    machine: Machine,
    running: Option<Running>,
    /// What is being made. Nothing else happens until that is done.
    birth: Option<Birth>,
    /// What was asked for while it hung.
    later: VecDeque<Input>,
    /// Where it may say that it is ready, if it is run by Node.
    channel: Option<Channel>,
    standing: watch::Receiver<()>,
    marker: String,
    /// Where its processes were born. It may outlive the run, as long as something is in it.
    cgroup: Option<Cgroup>,
    /// What was last said of limits that do not hold.
    unheld: Option<String>,
    /// When to look whether it listens on its port.
    port_look: Option<Instant>,
    /// The main process of the last run: its tree may outlive it.
    leader: Option<(u32, u64)>,
    wake: Option<Mono>,
    /// When to look whether the tree is gone, and how long to wait after that.
    look: Option<(Instant, Duration)>,
    /// The tree is being killed: what it still forks is killed as well.
    killing: bool,
    waiters: Vec<(Goal, oneshot::Sender<Result<(), String>>)>,
}

impl Actor {
    pub(super) fn new(shared: Arc<Shared>, cell: Arc<AppCell>, pm_id: u32, index: u32, past: Past) -> Self {
        let machine = Machine::new(Policy::of(&cell.latest()).with(past.used, pm_id), past.restarts);
        let marker = shared.marker(pm_id, 0);
        Self {
            standing: shared.board.standing(),
            channel: None,
            shared,
            cell,
            pm_id,
            index,
            role: Role::Serves,
            machine,
            running: None,
            birth: None,
            later: VecDeque::new(),
            marker,
            cgroup: None,
            unheld: None,
            port_look: None,
            leader: None,
            wake: None,
            look: None,
            killing: false,
            waiters: Vec::new(),
        }
    }

    pub(super) async fn run(mut self, beginning: Beginning, mut inbox: mpsc::UnboundedReceiver<Message>) {
        self.begin(beginning);
        loop {
            if let Some(birth) = self.birth.take() {
                // Apart from what an actor is all its life, which is small.
                if Box::pin(self.wait_for(birth, &mut inbox)).await.is_break() {
                    return;
                }
                continue;
            }
            if let Some(input) = self.later.pop_front() {
                if self.takes(&input) {
                    self.step(input);
                }
                continue;
            }
            tokio::select! {
                biased;
                () = ended(self.running.as_ref()) => Box::pin(self.reap()).await,
                message = inbox.recv() => match message {
                    Some(Message::Do { input, done, .. }) if !self.takes(&input) => {
                        let _ = done.send(Err("another process took its place meanwhile".into()));
                    }
                    Some(Message::Do { input, goal, done }) => {
                        self.step(input);
                        self.waiters.push((goal, done));
                        self.answer();
                    }
                    Some(Message::Note(input)) => if self.takes(&input) { self.step(input) },
                    Some(Message::Notified(marker)) => if marker == self.marker { self.step(Input::Ready) },
                    Some(Message::Passed(pid)) => self.passed(pid),
                    Some(Message::Look(done)) => _ = done.send(self.look()),
                    Some(Message::Turn(turn)) => self.turn(turn),
                    Some(Message::Begun(done)) => _ = done.send(()),
                    Some(Message::Rules) => self.follow_rules(),
                    Some(Message::End) | None => return,
                },
                word = word(self.channel.as_mut()) => match word {
                    Ok(Word::Ready) => self.step(Input::Ready),
                    Ok(Word::Cluster(word)) => self.hear_worker(word),
                    Ok(Word::Metrics(metrics)) => if let (Some(inside), Some(running)) = (&self.shared.inside, &self.running) {
                        inside.note_metrics(running.pidfd.get_ref().pid(), metrics);
                    },
                    Err(_) => self.channel = None,
                },
                _ = self.standing.changed(), if self.machine.waits_for_others() => self.ask_dependencies(),
                () = due(self.wake) => { self.wake = None; self.step(Input::Due); }
                () = due_at(self.look.map(|(at, _)| at)) => self.look_at_tree(),
                () = due_at(self.port_look) => self.look_for_port(),
            }
        }
    }

    fn begin(&mut self, beginning: Beginning) {
        match beginning {
            Beginning::Fresh => {}
            Beginning::TakenBack { pidfd, start_ticks, started_at, marker, told } => {
                let (pid, spec) = (pidfd.pid(), self.cell.running());
                self.cgroup = self.shared.cgroup_of(&marker);
                self.marker = marker;
                self.leader = Some((pid, start_ticks));
                self.shared.reaper.keep_known(pid);
                self.channel = run::has_channel(&spec).then(|| Channel::of(&pidfd, inherit::channel_number(&spec))).flatten();
                self.cell.sockets.take_back(self.pm_id, &spec.listen, pid);
                match process::despite_want(|| pidfd.try_clone()?.watched()) {
                    Ok(pidfd) => {
                        if let Err(error) = self.shared.logs.attach(&spec, self.index) {
                            tracing::warn!(app = %spec.name, %error, "failed to take back the logs of an app");
                        }
                        self.running = Some(Running { pidfd, start_ticks, started_at, spec });
                        self.write_identity();
                        if !told {
                            let message = "started, while an earlier qd ended".to_owned();
                            let why = Why::plain(Cause::Restart);
                            self.tell(Tale { kind: EventKind::Start, why, message, ended: None, ran_ms: None }, Vec::new());
                        }
                        self.step(Input::Adopted { age_ms: process::ms_since_ticks(start_ticks) });
                    }
                    Err(error) => {
                        self.shared.reaper.forget(pid);
                        tracing::error!(app = %spec.name, pid, %error, "failed to watch a process that runs; it is started anew");
                        // Nobody would notice its end, and a start would make a second one.
                        self.step(Input::Lost { leftovers: true, told });
                    }
                }
            }
            Beginning::Lost { marker, main, told } => {
                self.cgroup = self.shared.cgroup_of(&marker);
                self.marker = marker;
                self.leader = main;
                let leftovers = !self.members().is_ok_and(|members| members.is_empty());
                if !leftovers {
                    self.leave_cgroup();
                }
                self.step(Input::Lost { leftovers, told });
            }
            Beginning::Rests(rest) => {
                let restarts = self.machine.restarts();
                let policy = Policy::of(&self.cell.latest()).with(self.machine.used().clone(), self.pm_id);
                self.machine = Machine::resting(policy, restarts, rest.errored, rest.reason);
                self.publish();
            }
        }
    }

    fn follow_rules(&mut self) {
        self.machine.set_policy(Policy::of(&self.cell.latest()));
    }

    /// Gives the machine an input and carries out what it decides.
    fn step(&mut self, input: Input) {
        let effects = self.machine.apply(input, process::monotonic_ms());
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::AskDependencies => self.ask_dependencies(),
                Effect::Spawn if self.shared.is_closing() => self.step(Input::SpawnFailed("qd is going down".into())),
                Effect::Spawn if let Err(until) = self.shared.may_spawn(process::monotonic_ms()) => {
                    self.step(Input::TooMany(until))
                }
                Effect::Spawn => match self.spawn() {
                    Ok(birth) => self.birth = Some(birth),
                    Err(error) => self.step(Input::SpawnFailed(error.to_string())),
                },
                Effect::Drain => self.drain(),
                Effect::Signal => self.signal(),
                Effect::Kill => self.kill(),
                Effect::WatchTree => self.look = Some((Instant::now() + LOOK_FIRST, LOOK_FIRST)),
                Effect::Wake(at) => self.wake = Some(at),
                Effect::Tell(tale) => self.tell(tale, Vec::new()),
            }
        }
        // There is more to tell in a moment.
        if self.birth.is_none() {
            self.publish();
            if self.running.is_none() {
                self.write_identity();
            }
            self.answer();
        }
    }

    fn hear_worker(&mut self, word: ClusterWord) {
        let pids = |app: &App| app.instances.iter().filter_map(|one| one.pid).collect::<Vec<_>>();
        let siblings = self.shared.board.look(&self.cell.name(), pids).unwrap_or_default();
        if let Some(channel) = &mut self.channel {
            self.cell.primary.hear(&self.marker, word, &siblings, channel);
        }
    }

    fn ask_dependencies(&mut self) {
        // What changes from here on is seen.
        self.standing.mark_unchanged();
        let apps = self.shared.board.apps();
        let needed = self.cell.latest();
        self.step(Input::Dependencies(dependencies::stand(&needed.depends_on, &apps)));
    }

    fn answer(&mut self) {
        let state = self.machine.state();
        let (coming, reason) = (self.machine.is_coming(), self.machine.reason());
        let mut waiting = Vec::new();
        for (goal, done) in self.waiters.drain(..) {
            let result = match goal {
                Goal::Up if state == State::Online => Ok(()),
                Goal::Up if coming => {
                    waiting.push((goal, done));
                    continue;
                }
                Goal::Up => Err(reason.unwrap_or("it was stopped by somebody else meanwhile").to_owned()),
                Goal::Down if matches!(state, State::Stopped | State::Errored) => Ok(()),
                Goal::Down if state == State::Unkillable => Err(reason.unwrap_or_default().to_owned()),
                Goal::Down if coming || state == State::BackingOff => Err("it was started by somebody else meanwhile".into()),
                Goal::Down => {
                    waiting.push((goal, done));
                    continue;
                }
            };
            // The one who asked may have gone away.
            let _ = done.send(result);
        }
        self.waiters = waiting;
    }
}

async fn word(channel: Option<&mut Channel>) -> std::io::Result<Word> {
    match channel {
        Some(channel) => channel.word().await,
        None => std::future::pending().await,
    }
}

async fn ended(running: Option<&Running>) {
    match running {
        Some(running) => {
            if running.pidfd.readable().await.is_err() {
                // The runtime is going down.
                std::future::pending::<()>().await;
            }
        }
        None => std::future::pending().await,
    }
}

async fn due(at: Option<Mono>) {
    match at {
        Some(at) => tokio::time::sleep(Duration::from_millis(at.saturating_sub(process::monotonic_ms()))).await,
        None => std::future::pending().await,
    }
}

async fn due_at(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
