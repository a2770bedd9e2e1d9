use app::model::{CpuFigures, DaemonFigures, DiskFigures, HealthStatus, MemoryFigures, ProbeReport, TreeFigures, TreeHold};
use serde_json::{Value, json};

use super::*;
use crate::health::testing::{NOW, app, instance};

mod schema;

fn host() -> HostFigures {
    HostFigures {
        cpu: CpuFigures { load_1: 0.42, load_5: 0.53, load_15: 0.57, cores: 2, usage_percent: 12.5 },
        memory: MemoryFigures { total_mb: 3868, used_mb: 1891, free_mb: 1977, usage_percent: 48.9 },
        disk: DiskFigures { total_mb: 40_000, free_mb: 30_000, usage_percent: 25.0, history_bytes: 4096, logs_bytes: 512 },
        uptime_seconds: 72_609.62,
        trees: TreeFigures {
            held_by: TreeHold::Cgroup,
            limits: vec!["memory".into(), "pids".into()],
            message: "Each app runs in a cgroup of its own.".into(),
        },
        daemon: DaemonFigures {
            memory_rss_mb: 23.6,
            threads: 14,
            open_files: 61,
            open_files_limit: 524_288,
            engine_lag_ms: 1,
            ticker_lag_ms: 2,
            history_queue: 3,
            history_bytes: 4096,
            state_bytes: 2048,
        },
    }
}

fn document_of(apps: &[App]) -> HealthDocument {
    document(apps, &host(), "asterisk-translation-vm", NOW - 1_035_860, NOW)
}

fn stack() -> [App; 2] {
    [
        App { env_port: None, ..app("ari-gstreamer", true, vec![Instance { port: None, ..instance(1, State::Online) }]) },
        app("sttttserver", true, vec![Instance { restarts: 1, ..instance(0, State::Online) }]),
    ]
}

fn tunnel(critical: bool) -> App {
    let reason = Some("the program cloudflared was not found in PATH".to_owned());
    App { layer: "gateways".into(), env_port: None, reason, ..app("cloudflared", critical, vec![instance(8, State::Errored)]) }
}

/// As text and back, as a client gets it; it must fit the schema.
fn told(document: &HealthDocument) -> Value {
    let told = serde_json::from_str(&serde_json::to_string(document).unwrap()).unwrap();
    assert_eq!(schema::complaints(&told), Vec::<String>::new());
    told
}

#[test]
fn healthy() {
    let document = document_of(&stack());
    assert_eq!(document.status, HealthStatus::Healthy);
    insta::assert_json_snapshot!("healthy", told(&document));
}

#[test]
fn degraded() {
    let [a, b] = stack();
    let document = document_of(&[a, b, tunnel(false)]);
    assert_eq!(document.status, HealthStatus::Degraded);
    insta::assert_json_snapshot!("degraded", told(&document));
}

#[test]
fn down() {
    let [a, _] = stack();
    let document = document_of(&[a, tunnel(true)]);
    assert_eq!(document.status, HealthStatus::Down);
    insta::assert_json_snapshot!("down", told(&document));
}

#[test]
fn nothing_there() {
    let document = document_of(&[]);
    assert_eq!((document.status, document.components_live, document.components_total), (HealthStatus::Down, 0, 0));
    told(&document);
}

#[test]
fn instances_of_an_app_are_one_component() {
    let second = Instance { restarts: 2, started_at: Some(NOW - 1500), port: Some(9000), ..instance(5, State::Online) };
    let third = Instance { restarts: 1, cpu_percent: 0.05, ..instance(6, State::Online) };
    let first = Instance { restarts: 4, ..instance(4, State::BackingOff) };
    let document = document_of(&[app("many", false, vec![first, second, third])]);
    let one = &told(&document)["components"]["many"];
    assert_eq!((&one["status"], &one["pid"], &one["port"]), (&json!("LIVE"), &json!(4005), &json!(9000)));
    assert_eq!((&one["cpu_percent"], &one["memory_rss_mb"]), (&json!(3.3), &json!(144.0)));
    assert_eq!((&one["uptime_seconds"], &one["restart_count"]), (&json!(1.5), &json!(7)));
    assert_eq!((&one["instances_live"], &one["instances_total"], &one["pm2_id"]), (&json!(2), &json!(3), &json!(4)));
}

#[test]
fn only_online_with_a_process_is_live() {
    for state in [State::Stopped, State::Starting, State::Stopping, State::BackingOff, State::Errored, State::Unkillable] {
        let document = document_of(&[app("one", false, vec![instance(0, state)])]);
        let one = &told(&document)["components"]["one"];
        assert_eq!((&one["status"], &one["pid"], &one["port"]), (&json!("DOWN"), &Value::Null, &Value::Null), "{state:?}");
    }
    let without = Instance { pid: None, ..instance(0, State::Online) };
    assert_eq!(document_of(&[app("one", false, vec![without])]).components_live, 0);
    assert_eq!(document_of(&[app("one", false, Vec::new())]).components["one"].pm2_id, None);
}

#[test]
fn a_clock_that_went_back_makes_nothing_negative() {
    let later = Instance { started_at: Some(NOW + 60_000), ..instance(0, State::Online) };
    let document = document(&[app("one", false, vec![later])], &host(), "host", NOW + 60_000, NOW);
    let told = told(&document);
    assert_eq!((&told["components"]["one"]["uptime_seconds"], &told["uptime"]["process_seconds"]), (&json!(0.0), &json!(0.0)));
}

#[test]
fn the_schema_refuses_what_is_wrong() {
    let good = told(&document_of(&stack()));
    let wrong = |pointer: &str, value: Value| {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        assert_ne!(schema::complaints(&bad), Vec::<String>::new(), "{pointer}");
    };
    wrong("/status", json!("FINE"));
    wrong("/components_live", json!(1.5));
    wrong("/timestamp", json!("2025-12-11T17:13:44Z"));
    wrong("/cpu/cores", json!("2"));
    wrong("/memory/usage_percent", json!(101));
    wrong("/components/sttttserver/port", json!(0));
    wrong("/components/sttttserver/pid", Value::Null);
    wrong("/components/sttttserver/status", json!("DOWN"));
    for at in ["", "/cpu", "/memory", "/disk", "/uptime", "/components/sttttserver"] {
        for key in good.pointer(at).unwrap().as_object().unwrap().keys() {
            let mut bad = good.clone();
            bad.pointer_mut(at).unwrap().as_object_mut().unwrap().remove(key);
            assert_ne!(schema::complaints(&bad), Vec::<String>::new(), "without {at}/{key}");
        }
    }
}

#[test]
fn one_that_fails_its_checks_is_down_with_its_figures() {
    let mut apps = stack();
    let report = ProbeReport {
        what: "GET http://127.0.0.1:3333/".into(),
        policy: "restarts after 3 failed checks in a row".into(),
        healthy: Some(false),
        since: Some(Time(0)),
        failures: 3,
        latency_ms: None,
        detail: None,
        checked_at: Some(Time(0)),
        message: Some("GET http://127.0.0.1:3333/: answered 500".into()),
    };
    let name = apps.iter().find(|app| app.is_live() && app.critical).unwrap().name.clone();
    apps.iter_mut().find(|app| app.name == name).unwrap().probe = Some(report.clone());
    let document = document_of(&apps);
    let one = &document.components[&name];
    assert_eq!((document.status, one.status, one.reason.clone()), (HealthStatus::Down, ComponentStatus::Down, report.message));
    assert!(one.pid.is_some() && one.instances_live == 1);
    assert_eq!(schema::complaints(&told(&document)), Vec::<String>::new());
}
