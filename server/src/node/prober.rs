//! Health checks in time: one task for each instance, so that one that hangs delays no other, on a thread of its own, so
//! that they never wait for the web.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use app::model::{
    App, AppSpec, Cause, Event, Health, HealthPolicy, Instance, Probe, ProbeReport, Remedy, State, Time, WaitReady,
};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout_at};

use crate::engine::{Board, Engine, duration};
use crate::health::{Check, News, Passed, Patience};
use crate::logs::Logs;
use crate::process::{self, Moment};

use super::ask::{Ask, Host};
use super::healer::{Healer, down_below};
use super::reports::Reports;
use super::trouble::named;

/// How often it is looked whether an app listens by now.
const LOOK: Duration = Duration::from_secs(2);
/// Where much changes at once, it is looked at so often at most: while a hundred apps are started, none is held up by all the others.
const PAUSE: Duration = Duration::from_millis(50);
/// How often it is asked while something waits for the answer to count as started.
const EAGER: Duration = Duration::from_secs(1);

/// What the checks need.
#[derive(Clone)]
pub struct Prober {
    board: Arc<Board>,
    engine: Engine,
    logs: Logs,
    healer: Arc<Healer>,
    reports: Arc<Reports>,
}

impl Prober {
    /// What shows reports on the board, reads the definitions of the engine and the lines of the logs, and has the healer heal.
    #[must_use]
    pub fn new(board: Arc<Board>, engine: Engine, logs: Logs, healer: Arc<Healer>) -> Self {
        Self { board, engine, logs, healer, reports: Arc::default() }
    }

    /// Checks for ever, on a thread of its own.
    ///
    /// # Errors
    /// The thread cannot be made.
    pub fn start(self) -> std::io::Result<()> {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all();
        let runtime = process::runtime(builder)?;
        std::thread::Builder::new().name("prober".into()).spawn(move || runtime.block_on(self.run())).map(drop)
    }

    async fn run(self) {
        let (mut standing, mut tasks) = (self.board.standing(), JoinSet::new());
        let news = watch::Sender::new(());
        let mut cared: HashMap<(String, u32), (Health, AbortHandle)> = HashMap::new();
        loop {
            standing.mark_unchanged();
            let apps = self.board.apps();
            let there: HashMap<&str, &App> = apps.iter().map(|app| (app.name.as_str(), app)).collect();
            cared.retain(|(name, index), (_, task)| {
                let stays = there.get(name.as_str()).is_some_and(|app| app.instances.iter().any(|one| one.index == *index));
                if !stays {
                    task.abort();
                    self.show(name, *index, None);
                }
                stays
            });
            self.reports.retain(|name| there.contains_key(name));
            for app in apps.iter() {
                // One that is being added has none yet; there are news when it is started.
                let Some(health) = self.engine.running_spec(&app.name).map(|spec| spec.health.clone()) else { continue };
                for one in &app.instances {
                    let key = (app.name.clone(), one.index);
                    if cared.get(&key).is_some_and(|(known, _)| *known == health) {
                        continue;
                    }
                    let task = tasks.spawn(self.clone().care(app.name.clone(), one.index, health.clone(), news.subscribe()));
                    if let Some((_, before)) = cared.insert(key, (health.clone(), task)) {
                        before.abort();
                    }
                }
            }
            while tasks.try_join_next().is_some() {}
            news.send_replace(());
            sleep(PAUSE).await;
            if standing.changed().await.is_err() {
                return;
            }
        }
    }

    /// Checks one instance, as long as its definition says the same. Looks at it again whenever there are news of any.
    async fn care(self, name: String, index: u32, health: Health, mut news: watch::Receiver<()>) {
        let policy = match &health {
            Health::Automatic => HealthPolicy::new(Probe::Tcp(None)),
            Health::Probed(policy) => policy.clone(),
            Health::Off => return self.show(&name, index, None),
        };
        let mut patience = Patience::default();
        let mut run: Option<Run> = None;
        loop {
            news.mark_unchanged();
            let before = run.as_ref().map(|run| run.now.pid);
            run = self.runs(&name, index, &health, &policy, run);
            if run.as_ref().map(|run| run.now.pid) != before {
                patience.begin(process::monotonic_ms());
            }
            let Some(next) = run.as_mut().filter(|run| run.ask.is_some()) else {
                self.show(&name, index, None);
                let _ = timeout_at(Instant::now() + LOOK, news.changed()).await;
                continue;
            };
            let due = if next.now.waiting.is_empty() { next.due } else { next.due.min(next.asked + EAGER) };
            if timeout_at(due, news.changed()).await.is_ok() {
                continue;
            }
            let (Some(ask), Some(spec)) = (&next.ask, self.engine.running_spec(&name)) else { continue };
            let host = Host { engine: &self.engine, logs: &self.logs, spec: &spec, started_at: next.now.started_at };
            next.asked = Instant::now();
            let begun = Moment::now();
            let (asked, pid) = (next.now.pid, || self.process(&name, index));
            let gone = async { while pid() == Some(asked) && news.changed().await.is_ok() {} };
            // Apart from what a task is between two checks, which is small.
            let asking = Box::pin(ask.run(&host, Duration::from_millis(policy.timeout_ms)));
            let mut result = tokio::select! {
                result = asking => result,
                () = gone => continue,
            };
            if result.is_ok()
                && let Some(other) = self.answers_instead(&name, next, &policy).await
            {
                result = Err(other);
            }
            if result.is_ok() {
                next.now.waiting.iter().for_each(|(pm_id, pid)| self.engine.passed_check(&name, *pm_id, *pid));
            }
            if self.process(&name, index) != Some(asked) {
                // It was about a process that is gone.
                continue;
            }
            if result.is_err() && begun.is_interrupted() {
                // That is no fault of the app. It is asked again at once.
                continue;
            }
            self.note(&name, &next.now, ask, &policy, &mut patience, result);
            next.due = Instant::now() + Duration::from_millis(patience.wait_ms(&policy));
        }
    }

    fn process(&self, name: &str, index: u32) -> Option<u32> {
        self.board.look(name, |app| app.instances.iter().find(|one| one.index == index).and_then(|one| one.pid)).flatten()
    }

    /// What is to be checked now. None if it does not run, or if the check of another instance says how it is.
    fn runs(&self, name: &str, index: u32, health: &Health, policy: &HealthPolicy, before: Option<Run>) -> Option<Run> {
        let spec = self.engine.running_spec(name)?;
        let by_port = policy.probe.asks_own_port();
        // One that waits for its first check has to be checked before it counts as running.
        let waits = spec.wait_ready == WaitReady::Health;
        let lives = |one: &Instance| one.pid.is_some() && (one.state == State::Online || waits && one.state == State::Starting);
        let look = |app: &App| {
            let live: Vec<&Instance> = app.instances.iter().filter(|one| lives(one)).collect();
            // The first is asked, and each that can be asked for itself.
            let is_asked = |one: &Instance| {
                let mut before = live.iter().take_while(|other| other.index != one.index).peekable();
                before.peek().is_none() || by_port && one.port.is_some() && before.all(|other| other.port != one.port)
            };
            let one = live.iter().find(|one| one.index == index).filter(|one| is_asked(one))?;
            let is_meant = |other: &&&Instance| {
                other.index == index || !is_asked(other) && (!by_port || other.port.is_some() && other.port == one.port)
            };
            let meant: Vec<&Instance> = live.iter().filter(is_meant).copied().collect();
            let is_coming = |one: &&&Instance| one.state == State::Starting;
            Some(Seen {
                index,
                pid: one.pid?,
                started_at: one.started_at.unwrap_or(process::wall_clock()),
                port: one.port,
                is_first: live.first().is_some_and(|first| first.index == index),
                alone: (app.instances.len() > 1 && meant.len() == 1).then_some(index),
                waiting: meant.iter().filter(is_coming).filter_map(|one| Some((one.pm_id, one.pid?))).collect(),
            })
        };
        let now = self.board.look(name, look).flatten()?;
        let before = before.filter(|run| run.now.pid == now.pid);
        let (told, first_port) = (spec.port_of(index), spec.env_port());
        // Where it listened once, it is to listen for as long as this process lives.
        let port = before.as_ref().and_then(|run| run.port).or(match health {
            Health::Automatic => now.port.filter(|port| told == Some(*port)),
            _ => told.filter(|port| now.is_first || first_port != Some(*port)).or(now.port),
        });
        let listened = now.port.is_some() && now.port == port || before.as_ref().is_some_and(|run| run.listened);
        let due = before.as_ref().map_or_else(Instant::now, |run| run.due);
        let asked = before.as_ref().map_or_else(Instant::now, |run| run.asked);
        // What it was asked before, and how far that has come.
        let known = before.filter(|run| run.port == port && run.now.port == now.port).and_then(|run| run.ask);
        let tunnel = || tunnel(Some(&spec).filter(|_| *health == Health::Automatic)?.as_ref(), now.port);
        let ask = known.or_else(tunnel).or_else(|| Ask::new(&policy.probe, port));
        Some(Run { now, port, listened, ask, due, asked })
    }

    /// Who answers where the process listened before, in words, if it does not listen there any more.
    async fn answers_instead(&self, name: &str, run: &Run, policy: &HealthPolicy) -> Option<String> {
        let port = run.port.filter(|port| policy.probe.asks_own_port() && run.listened && run.now.port != Some(*port))?;
        let all: Vec<u32> = self.board.look(name, |app| app.instances.iter().map(|one| one.pm_id).collect())?;
        let trees = self.engine.trees().into_iter().filter(|(pm_id, _)| all.contains(pm_id));
        let trees: Vec<_> = trees.map(|(_, tree)| tree).collect();
        let pid = tokio::task::spawn_blocking(move || process::stranger_on(port, &trees)).await.ok()??;
        Some(format!("it does not listen on port {port} any more, where {} answers", named(&self.board, pid)))
    }

    fn note(
        &self,
        name: &str,
        one: &Seen,
        ask: &Ask,
        policy: &HealthPolicy,
        patience: &mut Patience,
        result: Result<Passed, String>,
    ) {
        let down = down_below(&self.board, name);
        let may_heal = down.is_none() && self.healer.has_rested(name, one.alone, policy.cooldown_ms);
        let verdict = patience.note(result.is_ok(), may_heal, policy, process::monotonic_ms());
        let failures = if verdict.heal { policy.retries } else { patience.failures() };
        let why = result.as_ref().err().map(|why| format!("{}: {why}", ask.brief()));
        let (healthy, now) = (patience.healthy(), process::wall_clock());
        let before = self.reports.of(name, one.index);
        let since = before.filter(|before| before.healthy == healthy).and_then(|before| before.since).unwrap_or(now);
        self.show(
            name,
            one.index,
            Some(ProbeReport {
                what: ask.words(),
                policy: words(policy),
                healthy,
                since: healthy.map(|_| since),
                failures,
                latency_ms: result.as_ref().ok().map(|passed| (passed.time.as_secs_f64() * 10_000.0).round() / 10.0),
                detail: result.as_ref().ok().and_then(|passed| passed.detail.clone()),
                checked_at: Some(now),
                message: why.clone(),
            }),
        );
        let times = if policy.retries == 1 { "once".to_owned() } else { format!("{} times", policy.retries) };
        let failed = format!("{} ({times})", why.unwrap_or_default());
        if let Some(news) = verdict.news {
            let which = one.alone.map(|index| format!("instance {index} ")).unwrap_or_default();
            let message = match news {
                News::Failed => {
                    let left_alone = down.map(|down| format!("; left alone, because {down} is down")).unwrap_or_default();
                    format!("{which}is not healthy: {failed}{left_alone}")
                }
                News::Recovered(ms) => format!("{which}is healthy again after {}", duration(ms)),
            };
            let mut event = Event::new(process::wall_clock(), self.reports.kind(name, news), Cause::Probe, message);
            (event.app, event.index) = (Some(name.to_owned()), one.alone);
            self.board.tell(event);
        }
        if verdict.heal {
            self.healer.heal(name, one.alone, failed, policy.cooldown_ms);
        }
    }

    fn show(&self, name: &str, index: u32, report: Option<ProbeReport>) {
        if report.is_none() && self.reports.of(name, index).is_none() {
            return;
        }
        let report = self.reports.put(name, index, report);
        self.board.with_app(name, |app| app.probe = report);
    }
}

/// An instance that is to be checked, as it stands.
struct Seen {
    index: u32,
    pid: u32,
    started_at: Time,
    /// Where it was seen to listen.
    port: Option<u16>,
    /// Does no other stand before it?
    is_first: bool,
    /// The instance that the check is about, if it is not about all.
    alone: Option<u32>,
    /// Who is ready when it passes: `pm_id` and process.
    waiting: Vec<(u32, u32)>,
}

/// A process that is checked.
struct Run {
    now: Seen,
    /// Where it is asked.
    port: Option<u16>,
    /// Was it seen to listen there?
    listened: bool,
    ask: Option<Ask>,
    due: Instant,
    /// When it was asked last.
    asked: Instant,
}

/// cloudflared tells how its tunnel stands on its metrics server, whose address is told by `--metrics`, or is one of these ports.
fn tunnel(spec: &AppSpec, port: Option<u16>) -> Option<Ask> {
    const USUAL: std::ops::RangeInclusive<u16> = 20241..=20245;
    let name = std::path::Path::new(&spec.script).file_name()?;
    if name != "cloudflared" {
        return None;
    }
    let told = spec.args.iter().enumerate().find_map(|(at, arg)| match arg.strip_prefix("--metrics")? {
        "" => spec.args.get(at + 1).map(String::as_str),
        rest => rest.strip_prefix('='),
    });
    let told = told.or(spec.env.get("TUNNEL_METRICS").map(String::as_str)).map(|told| match told.strip_prefix(':') {
        Some(port) => format!("127.0.0.1:{port}"),
        None => told.to_owned(),
    });
    let seen = port.filter(|port| USUAL.contains(port)).map(|port| format!("127.0.0.1:{port}"));
    Some(Ask::Net(Check::of_tunnel(told.or(seen)?)))
}

/// What is done, in words.
fn words(policy: &HealthPolicy) -> String {
    let failed =
        if policy.retries == 1 { "a failed check".to_owned() } else { format!("{} failed checks in a row", policy.retries) };
    match policy.remedy {
        Remedy::Tell => format!("tells of {failed}, and restarts nothing"),
        Remedy::Restart => format!("restarts after {failed}, at most once in {}", duration(policy.cooldown_ms)),
    }
}
