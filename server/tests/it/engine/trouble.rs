//! Trouble that no check sees, with real processes.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::common::{Daemon, Place};

/// One app that runs this script, on a node that looks often.
fn serve(script: &str, more: &Value, online: usize) -> Daemon {
    let place = Place::new();
    place.write("app.sh", script);
    place.write("app.js", script);
    std::fs::create_dir(place.home()).unwrap();
    std::fs::write(place.home().join("quarterdeck.toml"), "sample_every = \"100ms\"\n").unwrap();
    let mut app = json!({"name": "a", "script": "app.sh"});
    app.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Daemon::serve_in(place, &json!({"apps": [app]}).to_string(), online)
}

fn findings(daemon: &Daemon) -> Vec<Value> {
    daemon.get("/api/health/system")["components"]["a"]["findings"].as_array().cloned().unwrap_or_default()
}

/// Waits for a sign, and gives the sentence.
fn sign(daemon: &Daemon, sign: &str) -> String {
    let mut found = None;
    daemon.until(sign, || {
        found = findings(daemon).into_iter().find(|one| one["sign"] == sign);
        found.is_some()
    });
    found.unwrap()["message"].as_str().unwrap().to_owned()
}

fn told(daemon: &Daemon, kind: &str) -> Vec<String> {
    let events = daemon.events("a").into_iter().filter(|event| event["kind"] == kind);
    events.map(|event| event["message"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn one_that_spins_is_told_and_restarted_if_that_is_wanted() {
    let health = json!({"cpu": {"above": 5, "for": "1s", "on_failure": "restart"}, "cooldown": "1h"});
    // It spins in its first run alone.
    let script = "if [ ! -e spun ]; then : > spun; trap '' INT; while :; do :; done; fi; exec sleep 600";
    let daemon = serve(script, &json!({"health": health, "kill_timeout": 100}), 1);
    daemon.until("it is restarted", || daemon.restarts("a") == 1);
    let exit = daemon.events("a").into_iter().find(|event| event["kind"] == "exit").unwrap();
    assert!(exit["cause"] == "probe" && exit["message"].as_str().unwrap().contains("% of a core"), "{exit}");
    assert_eq!(exit["signal"], "SIGKILL", "it did not hear: {exit}");
    assert!(told(&daemon, "warning")[0].contains("and over 5 % for"), "{:?}", told(&daemon, "warning"));
    daemon.until("that is over", || !told(&daemon, "cleared").is_empty());
    assert_eq!((daemon.restarts("a"), told(&daemon, "warning").len()), (1, 1));
    assert_eq!(findings(&daemon), Vec::<Value>::new());
}

#[test]
fn one_that_leaks_is_told_with_the_hour_of_its_end() {
    let script = "const kept = []; setInterval(() => kept.push(Buffer.alloc(100_000, 1)), 20);";
    let more = json!({"script": "app.js", "max_memory_restart": "20G", "health": {"leak": {"for": "3s"}}});
    let daemon = serve(script, &more, 1);
    let message = sign(&daemon, "leak");
    assert!(message.contains("MB an hour") && message.contains("its limit of 20480 MB in"), "{message}");
    daemon.until("with a time", || findings(&daemon).iter().any(|one| one["expected_at"].is_string()));
}

#[test]
fn one_whose_event_loop_is_late() {
    let script = "setInterval(() => { const end = Date.now() + 700; while (Date.now() < end); }, 1000);";
    let health = json!({"lag": {"above": "400ms", "for": "1s"}, "cpu": false});
    let daemon = serve(script, &json!({"script": "app.js", "health": health}), 1);
    let message = sign(&daemon, "lag");
    assert!(message.starts_with("its event loop is ") && message.contains(" ms late (99th percentile)"), "{message}");
    let one = daemon.get("/api/health/system")["components"]["a"].clone();
    assert!(one["event_loop_lag_ms"]["p99"].as_f64() > Some(400.0) && one["memory_heap_mb"].as_f64() > Some(0.0), "{one}");
}

#[test]
fn somebody_else_has_its_port() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let script = "require('http').createServer().listen(process.env.PORT, '127.0.0.1');";
    let more = json!({"script": "app.js", "port": port, "max_restarts": 100, "restart_delay": 1000});
    let daemon = serve(script, &more, 0);
    let message = sign(&daemon, "port-taken");
    let start = format!("port {port}, where it should listen, is taken by process {} (", std::process::id());
    assert!(message.starts_with(&start), "{message}");
    drop(taken);
    daemon.until("that is over", || told(&daemon, "cleared").iter().any(|told| told.contains("nobody else listens")));
    daemon.until_online(1);
}

#[test]
fn one_that_fails_again_and_again() {
    let daemon = serve("sleep 0.3; exit 3", &json!({"max_restarts": 1000, "min_uptime": 10}), 0);
    let message = sign(&daemon, "flapping");
    let rest = message.strip_prefix("failed ").unwrap();
    let (times, rest) = rest.split_once(' ').unwrap();
    // It may have failed once more before somebody looked.
    assert!(times.parse::<u32>().unwrap() >= 4 && rest == "times within 10 min, last with exit code 3", "{message}");
}

#[test]
fn one_that_is_silent_or_has_no_files_left() {
    let script = "for fd in $(seq 10 60); do eval \"exec $fd</dev/null\"; done 2>/dev/null; echo up; exec sleep 600";
    let health = json!({"silence": "1s", "files": {"above": 40, "for": "200ms"}});
    let daemon = serve(script, &json!({"interpreter": "bash", "health": health, "limits": {"nofile": 64}}), 1);
    assert!(sign(&daemon, "silence").starts_with("has written nothing for "));
    let message = sign(&daemon, "files");
    assert!(message.contains(" of 64 files open that it may have"), "{message}");
}

#[test]
fn with_health_off_nothing_is_looked_for() {
    let daemon = serve("while :; do :; done", &json!({"health": false}), 1);
    daemon.until("it is busy", || daemon.instance("a")["cpu_percent"].as_f64() > Some(5.0));
    assert_eq!((findings(&daemon), told(&daemon, "warning")), (Vec::new(), Vec::new()));
}
