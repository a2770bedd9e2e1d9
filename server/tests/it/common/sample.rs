//! Documents as a node would tell them.

use std::collections::BTreeMap;

use app::model::{
    App, Cause, Component, ComponentStatus, CpuFigures, DiskFigures, Event, EventKind, ExecMode, HealthDocument, HealthStatus,
    HostTrend, Instance, Limits, MemoryFigures, Node, Overview, ProfileFile, ProfileKind, State, StreamEvent, Time,
    UptimeFigures,
};

pub(crate) const NOW: Time = Time(1_765_473_224_408);

pub(crate) fn node() -> Node {
    Node { hostname: "asterisk".into(), version: "0.1.0".into(), started_at: NOW - 60_000, sample_every_ms: 2000 }
}

pub(crate) fn profile(app: &str) -> ProfileFile {
    let name = format!("{app}-0-20251211T171344408Z.heapsnapshot");
    ProfileFile { name, app: app.into(), index: 0, kind: ProfileKind::Heap, bytes: 2, time: NOW }
}

pub(crate) fn instance() -> Instance {
    Instance {
        pm_id: 3,
        index: 0,
        state: State::Online,
        since: NOW,
        reason: None,
        pid: Some(4242),
        started_at: Some(NOW - 5000),
        retry_at: None,
        restarts: 2,
        unstable_restarts: 0,
        cpu_percent: 1.5,
        memory_bytes: 64 << 20,
        port: Some(7777),
        inside: None,
        last_exit: None,
    }
}

pub(crate) fn app(name: &str) -> App {
    App {
        name: name.into(),
        namespace: "default".into(),
        layer: "gateways".into(),
        critical: true,
        state: State::Online,
        reason: None,
        wanted: true,
        changed: false,
        script: "/srv/gateway.js".into(),
        args: Vec::new(),
        interpreter: Some("node".into()),
        cwd: "/srv".into(),
        exec_mode: ExecMode::Fork,
        autorestart: true,
        watch: false,
        env_port: Some(7777),
        depends_on: Vec::new(),
        probe: None,
        findings: Vec::new(),
        metrics: BTreeMap::new(),
        env: BTreeMap::new(),
        limits: Limits { memory_bytes: Some(300 << 20), max_restarts: 16, min_uptime_ms: 1000, kill_timeout_ms: 1600 },
        created_at: NOW - 60_000,
        instances: vec![instance()],
    }
}

pub(crate) fn component() -> Component {
    Component {
        status: ComponentStatus::Live,
        pid: Some(4242),
        port: Some(7777),
        layer: "gateways".into(),
        critical: true,
        last_check: NOW,
        pm2_id: Some(3),
        cpu_percent: Some(1.5),
        memory_rss_mb: Some(64.0),
        memory_heap_mb: None,
        event_loop_lag_ms: None,
        metrics: BTreeMap::new(),
        uptime_seconds: Some(5.0),
        restart_count: 2,
        start_time: Some(NOW - 5000),
        env_port: Some(7777),
        state: State::Online,
        reason: None,
        probe: None,
        findings: Vec::new(),
        instances_live: 1,
        instances_total: 1,
    }
}

pub(crate) fn health(names: &[&str]) -> HealthDocument {
    let count = u32::try_from(names.len()).unwrap();
    HealthDocument {
        status: HealthStatus::Healthy,
        components_live: count,
        components_total: count,
        components: names.iter().map(|name| ((*name).to_owned(), component())).collect(),
        cpu: CpuFigures { load_1: 0.5, load_5: 0.25, load_15: 0.125, cores: 2, usage_percent: 12.5 },
        memory: MemoryFigures { total_mb: 4096, used_mb: 1024, free_mb: 3072, usage_percent: 25.0 },
        disk: DiskFigures { total_mb: 20_480, free_mb: 10_240, usage_percent: 50.0, history_bytes: 1 << 20, logs_bytes: 2 << 20 },
        uptime: UptimeFigures { system_seconds: 3600.0, process_seconds: 60.0 },
        trees: Default::default(),
        daemon: Default::default(),
        platform: "linux".into(),
        hostname: "asterisk".into(),
        timestamp: NOW,
    }
}

pub(crate) fn overview(apps: Vec<App>, last_event_id: u64) -> Overview {
    let names: Vec<_> = apps.iter().map(|app| app.name.clone()).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    Overview {
        node: node(),
        health: health(&names),
        apps,
        trends: BTreeMap::new(),
        host: HostTrend::default(),
        events: Vec::new(),
        last_event_id,
    }
}

pub(crate) fn event(id: u64, app: &str) -> StreamEvent {
    let event = Event { id, app: Some(app.into()), ..Event::new(NOW, EventKind::Online, Cause::Restart, "runs again") };
    StreamEvent { event, instance: Some(instance()), definition: None }
}
