//! Apps that tests make up.

use app::model::{App, ExecMode, Instance, Limits, State, Time};

/// 2025-12-11T17:13:44.408Z.
pub(super) const NOW: Time = Time(1_765_473_224_408);

/// An instance in a state, with figures, with a process where that state has one.
pub(super) fn instance(pm_id: u32, state: State) -> Instance {
    let has_process = matches!(state, State::Starting | State::Online | State::Stopping | State::Unkillable);
    Instance {
        pm_id,
        index: 0,
        state,
        since: NOW - 5000,
        reason: None,
        pid: has_process.then_some(4000 + pm_id),
        started_at: has_process.then_some(NOW - 10_234_567),
        retry_at: None,
        restarts: 0,
        unstable_restarts: 0,
        cpu_percent: 3.2,
        memory_bytes: 72 << 20,
        port: has_process.then_some(8080),
        inside: None,
        last_exit: None,
    }
}

/// An app with these instances.
pub(super) fn app(name: &str, critical: bool, instances: Vec<Instance>) -> App {
    App {
        name: name.into(),
        namespace: "default".into(),
        layer: "core".into(),
        critical,
        state: instances.first().map_or(State::Stopped, |one| one.state),
        reason: None,
        wanted: true,
        changed: false,
        script: format!("{name}.js"),
        args: Vec::new(),
        interpreter: Some("node".into()),
        cwd: "/srv".into(),
        exec_mode: ExecMode::Fork,
        autorestart: true,
        watch: false,
        env_port: Some(8080),
        depends_on: Vec::new(),
        probe: None,
        findings: Vec::new(),
        metrics: std::collections::BTreeMap::new(),
        env: std::collections::BTreeMap::new(),
        limits: Limits::default(),
        created_at: NOW - 20_000_000,
        instances,
    }
}
