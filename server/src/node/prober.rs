//! Checks the health of the apps, and asks the engine to heal them. A thread of its own, with a task for each app, so that a check that hangs
//! holds up no other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use app::model::{App, Cause, Event, EventKind, Health, HealthPolicy, Instance, Probe, ProbeReport, Remedy, State};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, timeout_at};

use crate::engine::{Board, Engine, duration};
use crate::health::{Check, News, Patience};
use crate::process;

use super::healer::{Healer, down_below};

/// How often it is looked whether an app listens by now.
const LOOK: Duration = Duration::from_secs(2);

/// What the checks need.
#[derive(Clone)]
pub struct Prober {
    /// Where the apps stand, and where reports are shown.
    pub board: Arc<Board>,
    /// What they are to be.
    pub engine: Engine,
    /// Who heals.
    pub healer: Arc<Healer>,
}

impl Prober {
    /// Checks for ever, on a thread of its own.
    ///
    /// # Errors
    /// The thread cannot be made.
    pub fn start(self) -> std::io::Result<()> {
        let runtime = process::runtime(tokio::runtime::Builder::new_current_thread().enable_all())?;
        std::thread::Builder::new().name("prober".into()).spawn(move || runtime.block_on(self.run())).map(drop)
    }

    async fn run(self) {
        let (mut standing, mut tasks) = (self.board.standing(), JoinSet::new());
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
                let task = tasks.spawn(self.clone().care(app.name.clone(), health.clone()));
                if let Some((_, before)) = cared.insert(app.name.clone(), (health, task)) {
                    before.abort();
                }
            }
            while tasks.try_join_next().is_some() {}
            if standing.changed().await.is_err() {
                return;
            }
        }
    }

    /// Checks one app, as long as its definition says the same.
    async fn care(self, name: String, health: Health) {
        let policy = match &health {
            Health::Automatic => HealthPolicy::new(Probe::Tcp(None)),
            Health::Probed(policy) => policy.clone(),
            Health::Off => return self.show(&name, None),
        };
        let mut standing = self.board.standing();
        let mut patience = Patience::default();
        let mut run: Option<Run> = None;
        loop {
            standing.mark_unchanged();
            let now = self.runs(&name, &health, &policy, run.as_ref());
            if now.as_ref().map(|run| run.pid) != run.as_ref().map(|run| run.pid) {
                patience.begin(process::monotonic_ms());
            }
            run = now;
            let Some(next) = run.as_mut().filter(|run| run.check.is_some()) else {
                self.show(&name, None);
                let _ = timeout_at(Instant::now() + LOOK, standing.changed()).await;
                continue;
            };
            if timeout_at(next.due, standing.changed()).await.is_ok() {
                continue;
            }
            let Some(check) = &next.check else { continue };
            let result = check.run(Duration::from_millis(policy.timeout_ms)).await;
            if self.pid(&name) != Some(next.pid) {
                // It was about a process that is gone.
                continue;
            }
            self.note(&name, check, &policy, &mut patience, result);
            next.due = Instant::now() + Duration::from_millis(patience.wait_ms(&policy));
        }
    }

    fn first_live<T>(&self, name: &str, with: impl FnOnce(&App, &Instance) -> T) -> Option<T> {
        let look = |app: &App| {
            let one = app.instances.iter().find(|one| one.state == State::Online && one.pid.is_some())?;
            Some(with(app, one))
        };
        self.board.look(name, look).flatten()
    }

    fn pid(&self, name: &str) -> Option<u32> {
        self.first_live(name, |_, one| one.pid)?
    }

    /// What is to be checked now. None if it does not run.
    fn runs(&self, name: &str, health: &Health, policy: &HealthPolicy, before: Option<&Run>) -> Option<Run> {
        let (pid, env_port, port) = self.first_live(name, |app, one| (one.pid.unwrap_or(0), app.env_port, one.port))?;
        let before = before.filter(|run| run.pid == pid);
        // Where it listened once, it is to listen for as long as this process lives.
        let port = before.and_then(|run| run.port).or(match health {
            Health::Automatic => port.filter(|port| env_port == Some(*port)),
            _ => env_port.or(port),
        });
        let check = Check::new(&policy.probe, port);
        Some(Run { pid, port, check, due: before.map_or_else(Instant::now, |run| run.due) })
    }

    fn note(&self, name: &str, check: &Check, policy: &HealthPolicy, patience: &mut Patience, result: Result<Duration, String>) {
        let down = down_below(&self.board, name);
        let may_heal = down.is_none() && self.healer.has_rested(name, policy.cooldown_ms);
        let verdict = patience.note(result.is_ok(), may_heal, policy, process::monotonic_ms());
        let failures = if verdict.heal { policy.retries } else { patience.failures() };
        let why = result.as_ref().err().map(|why| format!("{}: {why}", check.brief()));
        let (healthy, now) = (patience.healthy(), process::wall_clock());
        let before = self.first_live(name, |app, _| app.probe.clone()).flatten();
        let since = before.filter(|before| before.healthy == healthy).and_then(|before| before.since).unwrap_or(now);
        self.show(
            name,
            Some(ProbeReport {
                what: check.words(),
                policy: words(policy),
                healthy,
                since: healthy.map(|_| since),
                failures,
                latency_ms: result.as_ref().ok().map(|time| (time.as_secs_f64() * 10_000.0).round() / 10.0),
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
    /// Where it was seen to listen.
    port: Option<u16>,
    check: Option<Check>,
    due: Instant,
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
