//! The actor of an instance: carries out what its machine decides, and tells the machine what came of it.

use std::sync::Arc;
use std::time::Duration;

use app::model::{AppSpec, Cause, Event, EventKind, Instance, LogFile, State, Time};
use tokio::io::unix::AsyncFd;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::dependencies;
use super::identity::{Identity, Rest};
use super::machine::Machine;
use super::policy::{Policy, Used};
use super::shared::{AppCell, Shared};
use super::terms::{Effect, Ended, Input, Mono, Tale, Why};
use crate::config::interpreter;
use crate::process::{self, Channel, Launch, PidFd, RawExit, SpawnError, Table, Tree, Word};

/// How long the last lines of an ended process may hold up its restart.
const LAST_LINES_PATIENCE: Duration = Duration::from_millis(50);
const LAST_LINES: usize = 20;
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
    machine: Machine,
    running: Option<Running>,
    /// Where it may say that it is ready, if it is run by Node.
    channel: Option<Channel>,
    standing: watch::Receiver<()>,
    marker: String,
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
            machine,
            running: None,
            marker,
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
            tokio::select! {
                biased;
                () = ended(self.running.as_ref()) => self.reap().await,
                message = inbox.recv() => match message {
                    Some(Message::Do { input, goal, done }) => {
                        self.step(input);
                        self.waiters.push((goal, done));
                        self.answer();
                    }
                    Some(Message::Note(input)) => self.step(input),
                    Some(Message::Begun(done)) => _ = done.send(()),
                    Some(Message::Rules) => self.machine.set_policy(Policy::of(&self.cell.latest())),
                    Some(Message::End) | None => return,
                },
                word = word(self.channel.as_mut()) => match word {
                    Ok(Word::Ready) => self.step(Input::Ready),
                    Err(_) => self.channel = None,
                },
                _ = self.standing.changed(), if self.machine.waits_for_others() => self.ask_dependencies(),
                () = due(self.wake) => { self.wake = None; self.step(Input::Due); }
                () = due_at(self.look.map(|(at, _)| at)) => self.look_at_tree(),
            }
        }
    }

    fn begin(&mut self, beginning: Beginning) {
        match beginning {
            Beginning::Fresh => {}
            Beginning::TakenBack { pidfd, start_ticks, started_at, marker, told } => {
                let (pid, spec) = (pidfd.pid(), self.cell.running());
                self.marker = marker;
                self.leader = Some((pid, start_ticks));
                self.shared.reaper.keep_known(pid);
                self.channel = has_channel(&spec).then(|| Channel::of(&pidfd)).flatten();
                match pidfd.watched() {
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
                        self.step(Input::Adopted { age_ms: process::wall_clock().since(started_at) });
                    }
                    Err(error) => tracing::error!(app = %spec.name, pid, %error, "failed to watch a process that runs"),
                }
            }
            Beginning::Lost { marker, main, told } => {
                self.marker = marker;
                self.leader = main;
                let leftovers = !self.members().is_empty();
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

    /// Gives the machine an input and carries out what it decides.
    fn step(&mut self, input: Input) {
        let effects = self.machine.apply(input, process::monotonic_ms());
        self.carry_out(effects);
    }

    fn spawn(&mut self) -> Result<(), SpawnError> {
        let spec = self.cell.take_for_start();
        let started_at = process::wall_clock();
        self.marker = self.shared.marker(self.pm_id, started_at.ms());
        (self.leader, self.killing, self.channel) = (None, false, None);
        let program = process::program(&spec)?;
        let identity = process::Identity::find(spec.uid.as_deref(), spec.gid.as_deref())?;
        let outputs = self.shared.logs.attach(&spec, self.index).map_err(|error| SpawnError::Logs(error.to_string()))?;
        let mut env = process::environment(&spec, self.pm_id, self.index, &self.marker);
        let mut more = Vec::new();
        if has_channel(&spec)
            && let Ok((ours, theirs)) = process::channel()
        {
            env.insert("NODE_CHANNEL_FD".into(), process::CHANNEL_FD.to_string());
            env.insert("NODE_CHANNEL_SERIALIZATION_MODE".into(), "json".into());
            (self.channel, more) = (Some(ours), theirs.into());
        }
        if let Some(address) = self.shared.notify_address.as_ref().filter(|_| spec.wait_ready) {
            env.insert("NOTIFY_SOCKET".into(), address.clone());
        }
        let cwd = spec.cwd.clone().into();
        let launch = Launch { program, cwd, env, stdout: outputs.stdout, stderr: outputs.stderr, more, identity };
        let child = process::spawn(launch, &self.shared.reaper)?;
        let (pid, start_ticks) = (child.pidfd.pid(), child.start_ticks);
        self.leader = Some((pid, start_ticks));
        match child.pidfd.watched() {
            Ok(pidfd) => self.running = Some(Running { pidfd, start_ticks, started_at, spec: spec.clone() }),
            Err(error) => {
                // Nobody could notice its end: it must not run.
                self.kill();
                return Err(SpawnError::Other(format!("the new process cannot be watched: {error}")));
            }
        }
        self.write_identity();
        if let Some(path) = &spec.pid_file
            && let Err(error) = std::fs::write(path, pid.to_string())
        {
            tracing::warn!(app = %spec.name, path, %error, "failed to write the pid file");
        }
        Ok(())
    }

    /// The main process has ended: takes its exit, its last lines, and looks for what it left behind.
    async fn reap(&mut self) {
        let Some(running) = &self.running else { return };
        let pid = running.pidfd.get_ref().pid();
        let exit = match running.pidfd.get_ref().reap() {
            Ok(Some(exit)) => exit,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(pid, %error, "failed to take the exit of a process");
                RawExit::Unknown
            }
        };
        let ended = match exit {
            RawExit::Code(code) => Ended::Code(code),
            RawExit::Signal(number) => Ended::Signal(number),
            RawExit::Unknown => Ended::Unknown,
        };
        let lines = if matches!(self.machine.state(), State::Online | State::Starting) {
            self.last_lines(&running.spec.clone()).await
        } else {
            Vec::new()
        };
        (self.running, self.channel) = (None, None);
        self.shared.reaper.forget(pid);
        let leftovers = (!process::group_is_empty(pid) || process::orphans_present()) && !self.members().is_empty();
        let now = process::monotonic_ms();
        let mut effects = self.machine.apply(Input::Exited { ended, leftovers }, now);
        // The exit comes first, and carries the lines.
        if let Some(at) = effects.iter().position(|effect| matches!(effect, Effect::Tell(tale) if tale.ended.is_some()))
            && let Effect::Tell(tale) = effects.remove(at)
        {
            self.tell(tale, lines);
        }
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::AskDependencies => self.ask_dependencies(),
                Effect::Spawn if let Err(until) = self.shared.may_spawn(process::monotonic_ms()) => {
                    self.step(Input::TooMany(until))
                }
                Effect::Spawn => {
                    let spawned = self.spawn();
                    self.step(spawned.map_or_else(|error| Input::SpawnFailed(error.to_string()), |()| Input::Spawned));
                }
                Effect::Signal => self.signal(),
                Effect::Kill => self.kill(),
                Effect::WatchTree => self.look = Some((Instant::now() + LOOK_FIRST, LOOK_FIRST)),
                Effect::Wake(at) => self.wake = Some(at),
                Effect::Tell(tale) => self.tell(tale, Vec::new()),
            }
        }
        self.publish();
        if self.running.is_none() {
            self.write_identity();
        }
        self.answer();
    }

    fn ask_dependencies(&mut self) {
        // What changes from here on is seen.
        self.standing.mark_unchanged();
        let apps = self.shared.board.apps();
        let needed = self.cell.latest();
        self.step(Input::Dependencies(dependencies::stand(&needed.depends_on, &apps)));
    }

    async fn last_lines(&self, spec: &Arc<AppSpec>) -> Vec<String> {
        if spec.out_file == LogFile::Discard && spec.error_file == LogFile::Discard {
            return Vec::new();
        }
        let (logs, spec, index) = (self.shared.logs.clone(), spec.clone(), self.index);
        let read = async move {
            logs.drained(&spec.name, index).await;
            tokio::task::spawn_blocking(move || logs.last_lines(&spec, index, LAST_LINES)).await
        };
        timeout(LAST_LINES_PATIENCE, read).await.ok().and_then(Result::ok).unwrap_or_default()
    }

    fn tree(&self) -> Tree {
        let (leader, start) = self.leader.unzip();
        Tree { leader: leader.unwrap_or(0), leader_start: start.filter(|ticks| *ticks > 0), marker: self.marker.clone() }
    }

    /// Every process of the tree that lives and is ours to end, the main one last.
    fn members(&self) -> Vec<u32> {
        let main = self.running.as_ref().map(|running| running.pidfd.get_ref().pid());
        if !self.cell.running().treekill {
            return main.into_iter().collect();
        }
        let table = match Table::read() {
            Ok(table) => table,
            Err(error) => {
                tracing::error!(%error, "failed to read the list of processes");
                return main.into_iter().collect();
            }
        };
        let mut cache = self.shared.markers();
        let mut members: Vec<u32> = table.members(&self.tree(), &mut cache).iter().map(|process| process.pid).collect();
        members.sort_by_key(|pid| (Some(*pid) == self.leader.map(|(pid, _)| pid), std::cmp::Reverse(*pid)));
        members
    }

    fn signal(&mut self) {
        let spec = self.running.as_ref().map_or_else(|| self.cell.running(), |running| running.spec.clone());
        let number = process::signal_number(&spec.stop_signal).unwrap_or(libc::SIGINT);
        let main = self.running.as_ref().map(|running| running.pidfd.get_ref());
        if main.is_some() && spec.shutdown_with_message && self.channel.as_ref().is_some_and(Channel::tell_shutdown) {
            return;
        }
        if let Some(main) = main {
            // A stopped process cannot hear anything but SIGCONT.
            let _ = main.send(libc::SIGCONT);
            if let Err(error) = main.send(number) {
                tracing::error!(app = %spec.name, %error, "failed to signal a process");
            }
        }
        let main = main.map(PidFd::pid);
        for pid in self.members().into_iter().filter(|pid| Some(*pid) != main) {
            let _ = process::send_signal(pid, libc::SIGCONT);
            let _ = process::send_signal(pid, number);
        }
    }

    /// Kills the tree. One that is killed a moment later than its child may have made another one meanwhile, so it is
    /// looked at again until nothing is left.
    fn kill(&mut self) {
        self.killing = true;
        for pid in self.members() {
            if let Err(error) = process::send_signal(pid, libc::SIGKILL) {
                tracing::error!(pid, %error, "failed to kill a process");
            }
        }
        // Even what could not be found in the list.
        if let Some(running) = &self.running {
            let _ = running.pidfd.get_ref().send(libc::SIGKILL);
        }
        self.look = Some((Instant::now() + LOOK_FIRST, LOOK_FIRST));
    }

    fn look_at_tree(&mut self) {
        let Some((_, pause)) = self.look.take() else { return };
        self.shared.reaper.reap_orphans();
        let members = self.members();
        if members.is_empty() {
            self.step(Input::TreeGone);
        } else {
            if self.killing {
                for pid in members {
                    let _ = process::send_signal(pid, libc::SIGKILL);
                }
            }
            let pause = (pause * 2).min(LOOK_LAST);
            self.look = Some((Instant::now() + pause, pause));
        }
    }

    fn tell(&mut self, tale: Tale, last_lines: Vec<String>) {
        self.publish();
        let spec = self.cell.running();
        let exit = matches!(tale.kind, EventKind::Exit);
        let peak = if exit { self.shared.take_peak(self.pm_id) } else { None };
        let mut event = Event::new(process::wall_clock(), tale.kind, tale.why.cause, tale.message);
        event.app = Some(spec.name.clone());
        event.index = Some(self.index);
        event.actor = tale.why.actor;
        event.state = Some(self.machine.state());
        event.pid = self.leader.map(|(pid, _)| pid);
        event.ran_ms = tale.ran_ms;
        event.peak_memory_bytes = peak;
        event.retry_at = self.retry_at();
        event.last_lines = last_lines;
        match tale.ended {
            Some(Ended::Code(code)) => event.exit_code = Some(code),
            Some(Ended::Signal(number)) => event.signal = Some(process::signal_name(number)),
            Some(Ended::Unknown) | None => {}
        }
        if exit {
            let last = app::model::Exit {
                time: event.time,
                exit_code: event.exit_code,
                signal: event.signal.clone(),
                cause: event.cause,
                ran_ms: event.ran_ms.unwrap_or(0),
                peak_memory_bytes: event.peak_memory_bytes,
                last_lines: event.last_lines.clone(),
            };
            self.shared.board.with_instance(&spec.name, self.index, |one| one.last_exit = Some(last));
        }
        self.shared.board.tell(event);
    }

    fn retry_at(&self) -> Option<Time> {
        let until = self.machine.retry_at()?;
        let wait = i64::try_from(until.saturating_sub(process::monotonic_ms())).unwrap_or(0);
        Some(process::wall_clock() + wait)
    }

    /// Shows the state to all who read.
    fn publish(&self) {
        let (state, reason) = (self.machine.state(), self.machine.reason().map(str::to_owned));
        let pid = self.running.as_ref().map(|running| running.pidfd.get_ref().pid());
        let started_at = self.running.as_ref().map(|running| running.started_at);
        let retry_at = self.retry_at();
        self.shared.board.with_instance(&self.cell.name(), self.index, |one: &mut Instance| {
            if one.state != state || one.pid != pid {
                one.since = started_at.filter(|_| state == State::Online).unwrap_or_else(process::wall_clock);
            }
            if one.pid != pid {
                (one.cpu_percent, one.memory_bytes, one.port) = (0.0, 0, None);
            }
            (one.state, one.reason, one.pid, one.started_at, one.retry_at) = (state, reason, pid, started_at, retry_at);
            (one.restarts, one.unstable_restarts) = (self.machine.restarts(), self.machine.unstable());
        });
    }

    /// After what it says has been told, never before: a kill between the two is noticed by the next supervisor, which compares
    /// both.
    fn write_identity(&self) {
        let running = self.running.as_ref();
        let rests = self
            .machine
            .rests_by_policy()
            .then(|| Rest { errored: self.machine.state() == State::Errored, reason: self.machine.reason().map(str::to_owned) });
        let identity = Identity {
            name: self.cell.name(),
            index: self.index,
            boot_id: self.shared.boot_id.clone(),
            marker: self.marker.clone(),
            pid: running.map(|running| running.pidfd.get_ref().pid()),
            start_ticks: running.map(|running| running.start_ticks),
            started_at: running.map(|running| running.started_at),
            restarts: self.machine.restarts(),
            used: self.machine.used().clone(),
            rests,
        };
        self.shared.write_identity(self.pm_id, identity);
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

/// Is it run by Node, which then has a channel to us as it has to PM2?
fn has_channel(spec: &AppSpec) -> bool {
    !spec.shell && interpreter::is_node(&spec.interpreter, &spec.script)
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
