//! Apps for tests.

use app::model::{App, Exit, Instance, Limits, State, Time};

/// 2026-01-31T12:00:00Z.
pub(super) const NOW: Time = Time(1_769_860_800_000);

/// An app with one instance that has been online for 2 d 19 h.
pub(super) fn app(name: &str, pm_id: u32) -> App {
    let started = NOW - 67 * 3_600_000;
    App {
        name: name.into(),
        namespace: "default".into(),
        layer: "default".into(),
        critical: false,
        state: State::Online,
        reason: None,
        wanted: true,
        changed: false,
        script: "/srv/app.js".into(),
        args: vec!["--port".into(), "3000".into()],
        interpreter: Some("node".into()),
        cwd: "/srv".into(),
        exec_mode: app::model::ExecMode::Fork,
        autorestart: true,
        watch: false,
        env_port: Some(3000),
        depends_on: Vec::new(),
        probe: None,
        findings: Vec::new(),
        metrics: std::collections::BTreeMap::new(),
        env: [("PORT".to_owned(), "3000".to_owned()), ("TOKEN".to_owned(), "••••••".to_owned())].into(),
        limits: Limits { memory_bytes: Some(300 << 20), max_restarts: 16, min_uptime_ms: 1000, kill_timeout_ms: 1600 },
        created_at: started,
        instances: vec![Instance {
            pm_id,
            index: 0,
            state: State::Online,
            since: started,
            reason: None,
            pid: Some(4000 + pm_id),
            started_at: Some(started),
            retry_at: None,
            restarts: 3,
            unstable_restarts: 0,
            cpu_percent: 3.24,
            memory_bytes: 72 << 20,
            port: Some(3000),
            inside: None,
            last_exit: None,
        }],
    }
}

/// An app that was given up.
pub(super) fn errored(name: &str, pm_id: u32) -> App {
    let mut app = app(name, pm_id);
    let reason = "it came down 16 times in a row, the last time with exit code 1 after 0.3 s".to_owned();
    app.state = State::Errored;
    app.reason = Some(reason.clone());
    let instance = &mut app.instances[0];
    *instance = Instance {
        state: State::Errored,
        since: NOW - 180_000,
        reason: Some(reason),
        pid: None,
        started_at: None,
        restarts: 15,
        unstable_restarts: 16,
        cpu_percent: 0.0,
        memory_bytes: 0,
        port: None,
        inside: None,
        last_exit: Some(Exit {
            time: NOW - 180_000,
            exit_code: Some(1),
            cause: app::model::Cause::Crash,
            ran_ms: 300,
            peak_memory_bytes: Some(40 << 20),
            last_lines: vec!["Error: no such host".into()],
            ..Exit::default()
        }),
        ..instance.clone()
    };
    app
}
