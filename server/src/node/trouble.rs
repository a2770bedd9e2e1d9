//! What a tick shows of each app beyond its checks: told once when it begins and once when it is over, and healed where that is wanted.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use app::model::{App, AppSpec, Cause, Event, EventKind, Finding, Instance, Remedy, Sign, State, Time};

use super::healer::{Healer, down_below};
use crate::engine::{Board, duration};
use crate::health::{Found, InstanceSample, Lag, Reading, Room, Sample, Watch, over};
use crate::logs::Logs;
use crate::process::{self, Table};

/// What is gone for less than this comes back, and is not told twice; ms.
const HOLD: u64 = 10_000;
/// How often it is looked who took a port, in ms: that means a look at every process.
const LOOK_FOR_PORT: u64 = 10_000;

/// Finds trouble from one tick to the next.
pub struct Trouble {
    board: Arc<Board>,
    logs: Logs,
    healer: Arc<Healer>,
    instances: HashMap<u32, Seen>,
    apps: HashMap<String, Known>,
}

/// What has been seen of an instance.
#[derive(Default)]
struct Seen {
    pid: Option<u32>,
    watch: Watch,
    last_exit: Option<Time>,
    /// When its logs were last written, by the clock of the host, and by one that never jumps.
    written: Option<(SystemTime, u64)>,
    /// When it failed, in ms of a clock that never jumps.
    failures: VecDeque<u64>,
}

/// What is known of an app.
#[derive(Default)]
struct Known {
    found: Vec<Lasting>,
    /// What was seen of its port, and when.
    port: Option<(u64, Option<Found>)>,
}

/// Something that was found, and when it was last seen.
struct Lasting {
    found: Found,
    since: Time,
    seen: u64,
}

impl Trouble {
    /// One that has seen nothing yet.
    #[must_use]
    pub fn new(board: Arc<Board>, logs: Logs, healer: Arc<Healer>) -> Self {
        Self { board, logs, healer, instances: HashMap::new(), apps: HashMap::new() }
    }

    /// Looks at a sample of everything.
    pub fn look(&mut self, sample: &Sample, specs: &HashMap<String, Arc<AppSpec>>) {
        let apps = self.board.apps();
        let now = process::monotonic_ms();
        let known: HashSet<u32> = apps.iter().flat_map(|app| &app.instances).map(|one| one.pm_id).collect();
        self.apps.retain(|name, _| specs.contains_key(name));
        self.instances.retain(|pm_id, _| known.contains(pm_id));
        for app in apps.iter() {
            let Some(spec) = specs.get(&app.name) else { continue };
            let found = self.find(app, spec, sample, now);
            self.tell(app, spec, found, now);
        }
    }

    fn find(&mut self, app: &App, spec: &AppSpec, sample: &Sample, now: u64) -> Vec<Found> {
        let mut all = Vec::new();
        let free = sample.host.memory.free_mb << 20;
        let limit = [spec.max_memory_restart, spec.limits.memory_bytes].into_iter().flatten().min();
        for one in &app.instances {
            let seen = self.instances.entry(one.pm_id).or_default();
            if seen.pid != one.pid {
                (seen.pid, seen.watch, seen.written) = (one.pid, Watch::default(), None);
            }
            let mut found = flapping(seen, one, spec, now);
            if let Some(measured) = sample.instances.get(&one.pm_id).filter(|_| one.state == State::Online) {
                let silent_ms = spec.signs.silence.and_then(|_| silent_ms(&mut seen.written, &self.logs, spec, one, now));
                let lag = one.inside.as_ref().map(|inside| Lag { told: inside.time, ms: inside.event_loop_lag_p99_ms });
                let reading = reading(measured, lag, silent_ms);
                found.extend(seen.watch.note(&reading, Room { limit, free }, &spec.signs, now));
            }
            if app.instances.len() > 1 {
                for found in &mut found {
                    (found.index, found.message) = (Some(one.index), format!("instance {}: {}", one.index, found.message));
                }
            }
            all.extend(found);
        }
        if app.wanted && app.state != State::Online {
            all.extend(self.port_taken(app, now));
        }
        // Of several instances in the same trouble, one stands for all.
        let mut kinds = Vec::new();
        all.retain(|one| {
            !kinds.contains(&one.sign) && {
                kinds.push(one.sign);
                true
            }
        });
        all
    }

    /// Does somebody else listen where it should? Looked for only while it does not run: not everybody who has a `PORT` listens there.
    fn port_taken(&mut self, app: &App, now: u64) -> Option<Found> {
        let known = self.apps.entry(app.name.clone()).or_default();
        let port = app.env_port?;
        if known.port.as_ref().is_none_or(|(at, _)| now.saturating_sub(*at) >= LOOK_FOR_PORT) {
            let table = Table::read().ok()?;
            let holders = process::listeners_of(port, &table);
            // Each leads a session of its own, in which its children are.
            let leads = |pid: u32| app.instances.iter().any(|one| one.pid == Some(pid));
            let is_own = holders.iter().any(|pid| leads(*pid) || table.get(*pid).is_some_and(|process| leads(process.sid)));
            // We hold the sockets of workers, and of apps with `listen`.
            let other = holders.into_iter().find(|pid| *pid != std::process::id()).filter(|_| !is_own);
            let taken = other.map(|pid| {
                let who = named(&self.board, pid);
                Found::told(Sign::PortTaken, format!("port {port}, where it should listen, is taken by {who}"))
            });
            known.port = Some((now, taken));
        }
        known.port.as_ref()?.1.clone()
    }

    fn tell(&mut self, app: &App, spec: &AppSpec, found: Vec<Found>, now: u64) {
        let known = self.apps.entry(app.name.clone()).or_default();
        if found.is_empty() && known.found.is_empty() && app.findings.is_empty() {
            return;
        }
        let mut news = Vec::new();
        for one in found {
            if let Some(lasting) = known.found.iter_mut().find(|lasting| lasting.found.sign == one.sign) {
                (lasting.found, lasting.seen) = (one, now);
            } else {
                news.push((EventKind::Warning, one.message.clone()));
                known.found.push(Lasting { found: one, since: process::wall_clock(), seen: now });
            }
        }
        known.found.retain(|lasting| {
            let stays = app.wanted && now.saturating_sub(lasting.seen) < HOLD;
            if !stays && app.wanted {
                news.push((EventKind::Cleared, over(lasting.found.sign).to_owned()));
            }
            stays
        });
        let findings: Vec<Finding> = known.found.iter().map(finding).collect();
        if findings != app.findings {
            self.board.with_app(&app.name, |app| app.findings = findings);
        }
        for (kind, message) in news {
            let mut event = Event::new(process::wall_clock(), kind, Cause::Probe, message);
            event.app = Some(app.name.clone());
            self.board.tell(event);
        }
        let ill = known.found.iter().find(|one| one.seen == now && one.found.remedy == Remedy::Restart);
        if let Some(ill) = ill
            && down_below(&self.board, &app.name).is_none()
        {
            self.healer.heal_in_turn(&app.name, ill.found.index, ill.found.message.clone(), spec.signs.cooldown_ms);
        }
    }
}

fn finding(lasting: &Lasting) -> Finding {
    let expected_at = lasting.found.expected_ms.map(|ms| {
        // To the minute: it is an estimate, and would change with every reading.
        let at = process::wall_clock().0 + i64::try_from(ms).unwrap_or(i64::MAX / 2);
        Time(at / 60_000 * 60_000)
    });
    Finding { sign: lasting.found.sign, message: lasting.found.message.clone(), since: lasting.since, expected_at }
}

/// A process, in words: by the name of its app where it is one of ours.
pub(super) fn named(board: &Board, pid: u32) -> String {
    let apps = board.apps();
    let app = apps.iter().find(|app| app.instances.iter().any(|one| one.pid == Some(pid)));
    let who = app.map_or_else(|| process::command_of(pid), |app| app.name.clone());
    format!("process {pid} ({who})")
}

fn reading(measured: &InstanceSample, lag: Option<Lag>, silent_ms: Option<u64>) -> Reading {
    Reading {
        cpu_percent: measured.cpu_percent,
        memory_bytes: measured.memory_bytes,
        files: measured.files,
        zombies: measured.zombies,
        lag,
        silent_ms,
    }
}

/// How long its logs have stayed the same, in ms, since it was first looked at.
fn silent_ms(written: &mut Option<(SystemTime, u64)>, logs: &Logs, spec: &AppSpec, one: &Instance, now: u64) -> Option<u64> {
    let (out, error) = logs.paths(spec, one.index);
    let modified = |path: &std::path::PathBuf| std::fs::metadata(path).and_then(|file| file.modified()).ok();
    let last = [out, error].iter().flatten().filter_map(modified).max()?;
    if written.is_none_or(|(known, _)| known != last) {
        *written = Some((last, now));
    }
    written.map(|(_, at)| now.saturating_sub(at))
}

/// Does it fail again and again?
fn flapping(seen: &mut Seen, one: &Instance, spec: &AppSpec, now: u64) -> Vec<Found> {
    let Some(rule) = &spec.signs.flapping else { return Vec::new() };
    let exit = one.last_exit.as_ref();
    let is_new = exit.map(|exit| exit.time) != seen.last_exit;
    seen.last_exit = exit.map(|exit| exit.time);
    let planned = |cause| matches!(cause, Cause::Request | Cause::Watch | Cause::Cron | Cause::Config | Cause::Shutdown);
    if let Some(exit) = exit.filter(|exit| is_new && !planned(exit.cause) && exit.cause != Cause::HostReboot)
        && process::wall_clock().since(exit.time) < rule.for_ms
    {
        seen.failures.push_back(now);
    }
    while seen.failures.front().is_some_and(|at| now.saturating_sub(*at) > rule.for_ms) {
        seen.failures.pop_front();
    }
    let count = seen.failures.len() as u64;
    if count <= rule.above {
        return Vec::new();
    }
    let last = exit.map(|exit| match (exit.exit_code, &exit.signal) {
        (Some(code), _) => format!(", last with exit code {code}"),
        (None, Some(signal)) => format!(", last by {signal}"),
        (None, None) => String::new(),
    });
    let message = format!("failed {count} times within {}{}", duration(rule.for_ms), last.unwrap_or_default());
    vec![Found::told(Sign::Flapping, message)]
}
