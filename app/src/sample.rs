//! Small apps and documents for tests.

use std::collections::BTreeMap;

use crate::model::{
    App, Cause, Component, ComponentStatus, CpuFigures, DiskFigures, Event, EventKind, ExecMode, HealthDocument, HealthStatus,
    HostTrend, Instance, Limits, MemoryFigures, Node, Overview, State, Time, UptimeFigures,
};

/// The present.
pub(crate) const NOW: Time = Time(1_765_485_850_000);

/// An instance that has run for an hour.
pub(crate) fn instance(state: State) -> Instance {
    let live = state == State::Online;
    Instance {
        pm_id: 0,
        index: 0,
        state,
        since: NOW - 3_600_000,
        reason: None,
        pid: live.then_some(4711),
        started_at: live.then_some(NOW - 3_600_000),
        retry_at: None,
        restarts: 0,
        unstable_restarts: 0,
        cpu_percent: 0.0,
        memory_bytes: 0,
        port: None,
        inside: None,
        last_exit: None,
    }
}

/// An app of one instance.
pub(crate) fn app(name: &str, state: State) -> App {
    App {
        name: name.into(),
        namespace: "default".into(),
        layer: "core".into(),
        critical: false,
        state,
        reason: None,
        wanted: state != State::Stopped,
        changed: false,
        script: "/srv/a.js".into(),
        args: Vec::new(),
        interpreter: Some("/usr/bin/node".into()),
        cwd: "/srv".into(),
        exec_mode: ExecMode::Fork,
        autorestart: true,
        watch: false,
        env_port: None,
        depends_on: Vec::new(),
        probe: None,
        findings: Vec::new(),
        metrics: BTreeMap::new(),
        env: BTreeMap::new(),
        limits: Limits::default(),
        created_at: NOW,
        instances: vec![instance(state)],
    }
}

/// A health document that says nothing of apps.
pub(crate) fn health(time: Time) -> HealthDocument {
    HealthDocument {
        status: HealthStatus::Healthy,
        components_live: 0,
        components_total: 0,
        components: BTreeMap::new(),
        cpu: CpuFigures::default(),
        memory: MemoryFigures::default(),
        disk: DiskFigures::default(),
        uptime: UptimeFigures::default(),
        trees: Default::default(),
        daemon: Default::default(),
        platform: "linux".into(),
        hostname: "host".into(),
        timestamp: time,
    }
}

/// What the document says of an app.
pub(crate) fn component(app: &App, memory_mb: Option<f32>) -> Component {
    Component {
        status: if memory_mb.is_some() { ComponentStatus::Live } else { ComponentStatus::Down },
        pid: app.instances[0].pid,
        port: Some(8080),
        layer: app.layer.clone(),
        critical: app.critical,
        last_check: NOW,
        pm2_id: None,
        cpu_percent: memory_mb.map(|_| 1.0),
        memory_rss_mb: memory_mb,
        memory_heap_mb: None,
        event_loop_lag_ms: None,
        metrics: BTreeMap::new(),
        uptime_seconds: None,
        restart_count: 0,
        start_time: None,
        env_port: None,
        state: app.state,
        reason: None,
        probe: None,
        findings: Vec::new(),
        instances_live: 1,
        instances_total: 1,
    }
}

/// An overview of these apps.
pub(crate) fn overview(apps: Vec<App>) -> Overview {
    Overview {
        node: Node::default(),
        health: health(NOW),
        apps,
        trends: BTreeMap::new(),
        host: HostTrend::default(),
        events: Vec::new(),
        last_event_id: 10,
    }
}

/// A crash of an app.
pub(crate) fn crash(id: u64, name: &str, time: Time) -> Event {
    Event {
        id,
        app: Some(name.into()),
        index: Some(0),
        ..Event::new(time, EventKind::Exit, Cause::Crash, "restarted: crash, exit 1 after 3 s")
    }
}
