//! Checks the health of the apps, and asks the engine to heal them. A thread of its own, with a task for each app, so that a check that hangs
//! holds up no other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use app::model::{
    App, AppSpec, Cause, Event, EventKind, Health, HealthPolicy, Instance, Probe, ProbeReport, Remedy, State, Time, WaitReady,
};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout_at};

use crate::engine::{Board, Engine, duration};
use crate::health::{Check, News, Passed, Patience};
use crate::logs::Logs;
use crate::process;

use super::ask::{Ask, Host};
use super::healer::{Healer, down_below};

/// How often it is looked whether an app listens by now.
const LOOK: Duration = Duration::from_secs(2);
/// Where much changes at once, it is looked at so often at most: while a hundred apps are started, none is held up by all the others.
const PAUSE: Duration = Duration::from_millis(50);

/// What the checks need.
#[derive(Clone)]
pub struct Prober {
    /// Where the apps stand, and where reports are shown.
    pub board: Arc<Board>,
    /// What they are to be.
    pub engine: Engine,
    /// What they wrote.
    pub logs: Logs,
    /// Who heals.
    pub healer: Arc<Healer>,
}

impl Prober {
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
        let mut cared: HashMap<String, (Health, AbortHandle)> = HashMap::new();
        loop {
            standing.mark_unchanged();
            let apps = self.board.apps();
            cared.retain(|name, (_, task)| {
                let stays = apps.iter().any(|app| app.name == *name);
                if !stays {
                    task.abort();
                }
                stays
            });
            for app in apps.iter() {
                let health = self.engine.running_spec(&app.name).map(|spec| spec.health.clone()).unwrap_or_default();
                if cared.get(&app.name).is_some_and(|(known, _)| *known == health) {
                    continue;
                }
                let task = tasks.spawn(self.clone().care(app.name.clone(), health.clone(), news.subscribe()));
                if let Some((_, before)) = cared.insert(app.name.clone(), (health, task)) {
                    before.abort();
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

    /// Checks one app, as long as its definition says the same. Looks at it again whenever there are news of any.
    async fn care(self, name: String, health: Health, mut news: watch::Receiver<()>) {
        let policy = match &health {
            Health::Automatic => HealthPolicy::new(Probe::Tcp(None)),
            Health::Probed(policy) => policy.clone(),
            Health::Off => return self.show(&name, None),
        };
        let mut patience = Patience::default();
        let mut run: Option<Run> = None;
        loop {
            news.mark_unchanged();
            let before = run.as_ref().map(|run| run.pid);
            run = self.runs(&name, &health, &policy, run);
            if run.as_ref().map(|run| run.pid) != before {
                patience.begin(process::monotonic_ms());
            }
            let Some(next) = run.as_mut().filter(|run| run.ask.is_some()) else {
                self.show(&name, None);
                let _ = timeout_at(Instant::now() + LOOK, news.changed()).await;
                continue;
            };
            if timeout_at(next.due, news.changed()).await.is_ok() {
                continue;
            }
            let (Some(ask), Some(spec)) = (&next.ask, self.engine.running_spec(&name)) else { continue };
            let host = Host { engine: &self.engine, logs: &self.logs, spec: &spec, started_at: next.started_at };
            let result = ask.run(&host, Duration::from_millis(policy.timeout_ms)).await;
            if result.is_ok() && patience.is_new() {
                self.engine.passed_first_check(&name, next.pm_id, next.pid);
            }
            if self.pid(&name) != Some(next.pid) {
                // It was about a process that is gone.
                continue;
            }
            self.note(&name, ask, &policy, &mut patience, result);
            next.due = Instant::now() + Duration::from_millis(patience.wait_ms(&policy));
        }
    }

    fn first_live<T>(&self, name: &str, with: impl FnOnce(&App, &Instance) -> T) -> Option<T> {
        // One that waits for its first check has to be checked before it counts as running.
        let waits = self.engine.running_spec(name).is_some_and(|spec| spec.wait_ready == WaitReady::Health);
        let lives = |state| state == State::Online || waits && state == State::Starting;
        let look = |app: &App| {
            let one = app.instances.iter().find(|one| lives(one.state) && one.pid.is_some())?;
            Some(with(app, one))
        };
        self.board.look(name, look).flatten()
    }

    fn pid(&self, name: &str) -> Option<u32> {
        self.first_live(name, |_, one| one.pid)?
    }

    /// What is to be checked now. None if it does not run.
    fn runs(&self, name: &str, health: &Health, policy: &HealthPolicy, before: Option<Run>) -> Option<Run> {
        let look = |app: &App, one: &Instance| (one.pid, one.pm_id, one.started_at, app.env_port, one.port);
        let (pid, pm_id, started_at, env_port, seen) = self.first_live(name, look)?;
        let pid = pid?;
        let before = before.filter(|run| run.pid == pid);
        // Where it listened once, it is to listen for as long as this process lives.
        let port = before.as_ref().and_then(|run| run.port).or(match health {
            Health::Automatic => seen.filter(|port| env_port == Some(*port)),
            _ => env_port.or(seen),
        });
        let due = before.as_ref().map_or_else(Instant::now, |run| run.due);
        // What it was asked before, and how far that has come.
        let known = before.filter(|run| run.port == port && run.seen == seen).and_then(|run| run.ask);
        let tunnel = || tunnel(self.engine.running_spec(name).filter(|_| *health == Health::Automatic)?.as_ref(), seen);
        let ask = known.or_else(tunnel).or_else(|| Ask::new(&policy.probe, port));
        Some(Run { pid, pm_id, started_at: started_at.unwrap_or(process::wall_clock()), port, seen, ask, due })
    }

    fn note(&self, name: &str, ask: &Ask, policy: &HealthPolicy, patience: &mut Patience, result: Result<Passed, String>) {
        let down = down_below(&self.board, name);
        let may_heal = down.is_none() && self.healer.has_rested(name, policy.cooldown_ms);
        let verdict = patience.note(result.is_ok(), may_heal, policy, process::monotonic_ms());
        let failures = if verdict.heal { policy.retries } else { patience.failures() };
        let why = result.as_ref().err().map(|why| format!("{}: {why}", ask.brief()));
        let (healthy, now) = (patience.healthy(), process::wall_clock());
        let before = self.first_live(name, |app, _| app.probe.clone()).flatten();
        let since = before.filter(|before| before.healthy == healthy).and_then(|before| before.since).unwrap_or(now);
        self.show(
            name,
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
        match verdict.news {
            Some(News::Failed) => {
                let left_alone = down.map(|down| format!("; left alone, because {down} is down")).unwrap_or_default();
                self.tell(name, EventKind::Unhealthy, format!("is not healthy: {failed}{left_alone}"));
            }
            Some(News::Recovered(ms)) => self.tell(name, EventKind::Healthy, format!("is healthy again after {}", duration(ms))),
            None => {}
        }
        if verdict.heal {
            self.healer.heal(name, failed, policy.cooldown_ms);
        }
    }

    fn show(&self, name: &str, report: Option<ProbeReport>) {
        self.board.with_app(name, |app| app.probe = report);
    }

    fn tell(&self, name: &str, kind: EventKind, message: String) {
        let mut event = Event::new(process::wall_clock(), kind, Cause::Probe, message);
        event.app = Some(name.to_owned());
        self.board.tell(event);
    }
}

/// A process that is checked.
struct Run {
    pid: u32,
    pm_id: u32,
    started_at: Time,
    /// Where it is asked.
    port: Option<u16>,
    /// Where it was seen to listen.
    seen: Option<u16>,
    ask: Option<Ask>,
    due: Instant,
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
