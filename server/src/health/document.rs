//! The health document and the rules of its judgement (seed specification §7–9, told in `docs/API.md`).

use app::model::{App, Component, ComponentStatus, HealthDocument, HealthStatus, Instance, State, Time, UptimeFigures};

use super::host::{HostFigures, round1};

/// Everything at one moment. Pure: the same input gives the same document.
#[must_use]
pub fn document(apps: &[App], host: &HostFigures, hostname: &str, started_at: Time, now: Time) -> HealthDocument {
    let components: std::collections::BTreeMap<_, _> = apps.iter().map(|app| (app.name.clone(), component(app, now))).collect();
    let live = components.values().filter(|one| one.status == ComponentStatus::Live).count();
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    HealthDocument {
        status: judge(components.values()),
        components_live: count(live),
        components_total: count(components.len()),
        components,
        cpu: host.cpu.clone(),
        memory: host.memory.clone(),
        disk: host.disk.clone(),
        uptime: UptimeFigures { system_seconds: host.uptime_seconds, process_seconds: now.since(started_at) as f64 / 1000.0 },
        platform: std::env::consts::OS.into(),
        hostname: hostname.into(),
        timestamp: now,
    }
}

/// Something critical down, or nothing there at all: `DOWN`. Anything down: `DEGRADED`.
fn judge<'a>(components: impl Iterator<Item = &'a Component> + Clone) -> HealthStatus {
    let down = |one: &&Component| one.status == ComponentStatus::Down;
    if components.clone().next().is_none() || components.clone().filter(down).any(|one| one.critical) {
        HealthStatus::Down
    } else if components.clone().any(|one| down(&one)) {
        HealthStatus::Degraded
    } else {
        HealthStatus::Healthy
    }
}

/// All instances of an app as one component: it is live while one of them is.
fn component(app: &App, now: Time) -> Component {
    let live: Vec<&Instance> = app.instances.iter().filter(|one| one.state == State::Online).collect();
    let first = live.first();
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let start_time = first.and_then(|one| one.started_at);
    Component {
        status: if live.is_empty() { ComponentStatus::Down } else { ComponentStatus::Live },
        pid: first.and_then(|one| one.pid),
        port: live.iter().find_map(|one| one.port),
        layer: app.layer.clone(),
        critical: app.critical,
        last_check: now,
        pm2_id: app.instances.first().map(|one| one.pm_id),
        cpu_percent: first.map(|_| round1(live.iter().map(|one| one.cpu_percent).sum())),
        memory_rss_mb: first.map(|_| round1(live.iter().map(|one| one.memory_bytes).sum::<u64>() as f32 / (1 << 20) as f32)),
        memory_heap_mb: None,
        uptime_seconds: start_time.map(|start| now.since(start) as f64 / 1000.0),
        restart_count: app.restarts(),
        start_time,
        env_port: app.env_port,
        state: app.state,
        reason: if live.is_empty() { app.reason.clone() } else { None },
        instances_live: count(live.len()),
        instances_total: count(app.instances.len()),
    }
}
