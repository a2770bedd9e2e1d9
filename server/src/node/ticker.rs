//! The tick: measures everything, judges it, shows it and records it. A thread of its own, because reading `/proc` blocks.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use app::model::{App, AppSpec, Component, Figure, HealthDocument, HealthStatus, Instance};

use super::{Healer, Pulse};
use crate::engine::{Board, Engine};
use crate::health::{HostFigures, InstanceSample, Sample, Sampler, Watched, document};
use crate::history::{AppSample, History, HostSample, Tick};
use crate::inside::Inside;
use crate::logs::Logs;
use crate::process;

use super::Trouble;

/// How often a health document is stored while its status stays the same.
const STORE_EVERY: Duration = Duration::from_secs(10);

/// What a tick needs.
pub struct Ticker {
    /// Where samples are shown.
    pub board: Arc<Board>,
    /// What is told of memory that is used.
    pub engine: Engine,
    /// Where samples are kept.
    pub history: History,
    /// Whose size is told.
    pub logs: Logs,
    /// What apps tell of their insides.
    pub inside: Inside,
    /// What measures.
    pub sampler: Sampler,
    /// What finds trouble in it.
    pub trouble: Trouble,
    /// What knows who is not to be restarted.
    pub healer: Arc<Healer>,
    /// Where it shows that it turns.
    pub pulse: Pulse,
    /// Time between two ticks.
    pub every: Duration,
}

impl Ticker {
    /// Ticks for ever, on a thread of its own.
    ///
    /// # Errors
    /// The thread cannot be made.
    pub fn start(mut self) -> std::io::Result<()> {
        let run = move || {
            let (mut stored, mut status) = (None::<Instant>, None);
            loop {
                let begun = Instant::now();
                let specs = self.engine.running_specs();
                let sample = self.measure(&specs);
                self.trouble.look(&sample, &specs);
                let told = self.board.set_health(self.judge(&sample.host));
                self.record(&told.value, &sample.host);
                if status != Some(told.value.status) || stored.is_none_or(|at| at.elapsed() >= STORE_EVERY) {
                    self.history.record_document(told.value.timestamp, told.json());
                    (stored, status) = (Some(begun), Some(told.value.status));
                }
                let pause = self.every.saturating_sub(begun.elapsed());
                self.pulse.ticker.turn(pause);
                std::thread::sleep(pause);
            }
        };
        std::thread::Builder::new().name("ticker".into()).spawn(run).map(drop)
    }

    fn measure(&mut self, specs: &HashMap<String, Arc<AppSpec>>) -> Sample {
        let apps = self.board.apps();
        let ports = |app: &App| {
            let port = |index| specs.get(&app.name)?.port_of(index);
            app.instances.iter().map(|one| (one.pm_id, port(one.index))).collect::<Vec<_>>()
        };
        let ports: BTreeMap<u32, Option<u16>> = apps.iter().flat_map(ports).collect();
        let watched = self.engine.trees().into_iter().map(|(pm_id, tree)| {
            let env_port = ports.get(&pm_id).copied().flatten();
            Watched { pm_id, tree, env_port }
        });
        let watched: Vec<Watched> = watched.collect();
        let sample = self.sampler.sample(&watched).unwrap_or_else(|error| {
            tracing::error!(%error, "failed to measure the apps");
            Sample { host: self.sampler.host(), ..Sample::default() }
        });
        self.board.with_all_instances(|one: &mut Instance| {
            let measured = sample.instances.get(&one.pm_id).filter(|_| one.pid.is_some()).copied();
            let InstanceSample { cpu_percent, memory_bytes, port, .. } = measured.unwrap_or_default();
            (one.cpu_percent, one.memory_bytes, one.port) = (cpu_percent, memory_bytes, port);
            one.inside = one.pid.and_then(|pid| self.inside.figures(pid));
        });
        self.board.set_metrics(|app| self.inside.metrics(app));
        for app in apps.iter() {
            let may_restart = !self.healer.spares(&app.name);
            for one in &app.instances {
                let Some(measured) = sample.instances.get(&one.pm_id) else { continue };
                self.engine.note_memory(one.pm_id, measured.memory_bytes, may_restart);
            }
        }
        sample
    }

    fn judge(&self, host: &HostFigures) -> HealthDocument {
        let mut host = host.clone();
        (host.disk.history_bytes, host.disk.logs_bytes) = (self.history.size_bytes(), self.logs.total_bytes());
        host.trees = self.engine.trees_held();
        host.daemon.history_bytes = host.disk.history_bytes;
        host.daemon.history_queue = self.history.waiting();
        (host.daemon.engine_lag_ms, host.daemon.ticker_lag_ms) = (self.pulse.engine.lag_ms(), self.pulse.ticker.lag_ms());
        let node = self.board.node();
        document(&self.board.apps(), &host, &node.hostname, node.started_at, process::wall_clock())
    }

    fn record(&self, health: &HealthDocument, host: &HostFigures) {
        let apps = self.board.apps();
        let running = apps.iter().filter(|app| app.instances.iter().any(|one| one.pid.is_some()));
        let samples = running.map(|app| AppSample {
            app: app.name.as_str().into(),
            cpu_percent: app.cpu_percent(),
            memory_bytes: app.memory_bytes(),
            figures: health.components.get(&app.name).map(figures).unwrap_or_default(),
        });
        let host = HostSample {
            cpu_percent: host.cpu.usage_percent,
            memory_percent: host.memory.usage_percent,
            disk_percent: host.disk.usage_percent,
        };
        self.history.record_tick(&Tick { time: health.timestamp, apps: samples.collect(), host });
    }
}

/// What is kept of what an app tells of its inside, and of its checks.
fn figures(component: &Component) -> Vec<(Figure, f64)> {
    let heap = component.memory_heap_mb.map(|mib| (Figure::HeapBytes, f64::from(mib) * f64::from(1 << 20)));
    let lag = component.event_loop_lag_ms.map(|lag| (Figure::EventLoopLagMs, f64::from(lag.p99)));
    let check = component.probe.as_ref().and_then(|probe| probe.latency_ms).map(|ms| (Figure::CheckMs, ms));
    let custom = component.metrics.iter().map(|(name, value)| (Figure::Custom(name.clone()), *value));
    heap.into_iter().chain(lag).chain(check).chain(custom).collect()
}

/// The document of a node whose engine has not spoken yet: down, with nothing in it.
#[must_use]
pub fn no_document(hostname: &str) -> HealthDocument {
    let now = process::wall_clock();
    let empty = document(&[], &HostFigures::default(), hostname, now, now);
    debug_assert_eq!(empty.status, HealthStatus::Down);
    empty
}
