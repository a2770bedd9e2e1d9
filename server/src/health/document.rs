//! The health document (seed specification §7, told in `docs/API.md`).

use std::collections::BTreeMap;

use app::model::{App, Component, ComponentStatus, EventLoopLag, HealthDocument, Instance, State, Time, UptimeFigures};

use super::host::{HostFigures, round};
use super::judge::judge;

/// Everything at one moment. Pure: the same input gives the same document. Without apps, as before the engine has spoken,
/// it says `DOWN`.
#[must_use]
pub fn document(apps: &[App], host: &HostFigures, hostname: &str, started_at: Time, now: Time) -> HealthDocument {
    let components: BTreeMap<String, Component> = apps.iter().map(|app| (app.name.clone(), component(app, now))).collect();
    let live = components.values().filter(|one| one.status == ComponentStatus::Live).count();
    HealthDocument {
        status: judge(components.values()),
        components_live: count(live),
        components_total: count(components.len()),
        components,
        cpu: host.cpu.clone(),
        memory: host.memory.clone(),
        disk: host.disk.clone(),
        uptime: UptimeFigures { system_seconds: host.uptime_seconds, process_seconds: seconds(started_at, now) },
        trees: host.trees.clone(),
        daemon: host.daemon.clone(),
        platform: std::env::consts::OS.into(),
        hostname: hostname.into(),
        timestamp: now,
    }
}

/// All instances of an app as one component: it is live while one of them is.
fn component(app: &App, now: Time) -> Component {
    let live: Vec<&Instance> = app.instances.iter().filter(|one| is_live(one)).collect();
    let unhealthy = app.probe.as_ref().filter(|probe| probe.healthy == Some(false));
    let is_down = live.is_empty() || unhealthy.is_some();
    let first = live.first();
    let start_time = first.map(|one| one.started_at.unwrap_or(one.since));
    let mib = |bytes: u64| (bytes as f64 / f64::from(1 << 20)) as f32;
    Component {
        status: if is_down { ComponentStatus::Down } else { ComponentStatus::Live },
        pid: first.and_then(|one| one.pid),
        port: live.iter().find_map(|one| one.port),
        layer: app.layer.clone(),
        critical: app.critical,
        last_check: now,
        pm2_id: app.instances.first().map(|one| one.pm_id),
        cpu_percent: first.map(|_| round(live.iter().map(|one| one.cpu_percent).sum())),
        memory_rss_mb: first.map(|_| round(mib(live.iter().fold(0, |sum, one| one.memory_bytes.saturating_add(sum))))),
        memory_heap_mb: heap_bytes(&live).map(|bytes| round(mib(bytes))),
        event_loop_lag_ms: lag(&live),
        metrics: app.metrics.clone(),
        uptime_seconds: start_time.map(|start| seconds(start, now)),
        restart_count: app.instances.iter().fold(0, |sum, one| one.restarts.saturating_add(sum)),
        start_time,
        env_port: app.env_port,
        state: app.state,
        reason: match unhealthy {
            Some(probe) if !live.is_empty() => probe.message.clone().or_else(|| Some("its checks failed".into())),
            _ if is_down => app.reason.clone(),
            _ => None,
        },
        probe: app.probe.clone(),
        findings: app.findings.clone(),
        instances_live: count(live.len()),
        instances_total: count(app.instances.len()),
    }
}

/// Of all that tell it; none where nobody does.
fn heap_bytes(live: &[&Instance]) -> Option<u64> {
    let told = live.iter().filter_map(|one| Some(one.inside.as_ref()?.heap_used_bytes));
    told.reduce(u64::saturating_add)
}

fn lag(live: &[&Instance]) -> Option<EventLoopLag> {
    let worst = live
        .iter()
        .filter_map(|one| one.inside.as_ref())
        .max_by(|a, b| a.event_loop_lag_p99_ms.total_cmp(&b.event_loop_lag_p99_ms))?;
    Some(EventLoopLag { p50: worst.event_loop_lag_p50_ms, p99: worst.event_loop_lag_p99_ms })
}

/// PM2's `online`. One that starts or stops has a process, but nobody may count on it.
fn is_live(instance: &Instance) -> bool {
    instance.state == State::Online && instance.pid.is_some()
}

fn seconds(from: Time, to: Time) -> f64 {
    to.since(from) as f64 / 1000.0
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
