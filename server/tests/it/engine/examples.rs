//! Each trouble that the services of the examples make on request: noticed, told in the right words, and healed by the policy.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::common::daemon::runs;
use crate::common::{Daemon, Place, free_port};

const STACK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/translation-stack");

/// As the binary of that name, whose tunnel has as many connections as the file says.
const CLOUDFLARED: &str = r#"#!/usr/bin/env node
const fs = require('fs');
const ready = () => Number(fs.readFileSync('connections', 'utf8'));
require('http').createServer((request, response) => {
  const tunnel = request.url === '/quicktunnel';
  response.statusCode = tunnel || ready() > 0 ? 200 : 503;
  response.end(JSON.stringify(tunnel ? { hostname: 'quick.example.com' } : { readyConnections: ready() }));
}).listen(Number(process.argv.at(-1).split(':')[1]), '127.0.0.1');
"#;

struct Case {
    /// The trouble, with its parameters.
    trouble: &'static str,
    /// What the definition says beyond the usual.
    more: Value,
    /// The end of the run has this cause, and these words are in the event.
    cause: &'static str,
    words: &'static str,
}

fn cases() -> Vec<Case> {
    let case = |trouble, more, cause, words| Case { trouble, more, cause, words };
    vec![
        case("crash", json!({}), "crash", "TypeError: Cannot read properties"),
        case("hang", json!({}), "probe", "GET /api-health: no answer within"),
        case("broken", json!({}), "probe", "GET /api-health: answered 500 (3 times)"),
        case("close", json!({}), "probe", "GET /api-health: connection refused (3 times)"),
        case("slow?ms=1500", json!({"max_latency": "1s"}), "probe", "GET /api-health: slow: answered after"),
        case("spin?seconds=600", json!({"cpu": {"above": 15, "for": "1s", "on_failure": "restart"}}), "probe", "% of a core"),
        case("leak?mb=300", json!({}), "memory-limit", "over its limit of 200 MB"),
    ]
}

fn post(port: u16, path: &str) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
}

fn name(case: &Case) -> &'static str {
    case.trouble.split('?').next().unwrap()
}

/// One service, checked quickly.
fn service(name: &str, port: u16, health: &Value) -> Value {
    let is_slow = health.get("max_latency").is_some();
    let mut http = json!({"path": "/api-health"});
    let mut policy = json!({
        "interval": "100ms", "retry_interval": "100ms", "cooldown": "1s", "start_period": "1m",
        // Whoever answers at all does so in time, however busy the machine is; one that hangs is found out.
        "timeout": if is_slow { "30s" } else { "4s" }, "cpu": false, "lag": false,
    });
    for (key, value) in health.as_object().unwrap() {
        let place = if key == "max_latency" { &mut http } else { &mut policy };
        place[key] = value.clone();
    }
    policy["http"] = http;
    json!({
        "name": name, "script": format!("{STACK}/database-api-server.js"), "env": {"PORT": port.to_string()},
        "health": policy, "max_memory_restart": "200M", "kill_timeout": 500,
    })
}

fn place() -> Place {
    let place = Place::new();
    std::fs::create_dir(place.home()).unwrap();
    std::fs::write(place.home().join("quarterdeck.toml"), "sample_every = \"200ms\"\n").unwrap();
    place
}

fn component(daemon: &Daemon, name: &str) -> Value {
    daemon.get("/api/health/system")["components"][name].clone()
}

#[test]
fn whatever_goes_wrong_is_noticed_told_and_healed() {
    let cases = cases();
    let ports: Vec<u16> = cases.iter().map(|_| free_port()).collect();
    let apps: Vec<Value> = cases.iter().zip(&ports).map(|(case, port)| service(name(case), *port, &case.more)).collect();
    let daemon = Daemon::serve_in(place(), &json!({"apps": apps}).to_string(), cases.len());
    for case in &cases {
        daemon.until("it is healthy", || component(&daemon, name(case))["probe"]["healthy"] == true);
    }
    for (case, port) in cases.iter().zip(&ports) {
        post(*port, &format!("/trouble/{}", case.trouble));
    }
    for case in &cases {
        let app = name(case);
        daemon.until(&format!("{app} is restarted"), || daemon.restarts(app) > 0);
        let exit = daemon.events(app).into_iter().find(|event| event["kind"] == "exit").unwrap();
        let told = exit["message"].as_str().unwrap();
        assert!(exit["cause"] == case.cause && told.contains(case.words), "{app}: {exit}");
        daemon.until(&format!("{app} is healthy again"), || component(&daemon, app)["probe"]["healthy"] == true);
    }
    let crash = daemon.events("crash").into_iter().find(|event| event["kind"] == "exit").unwrap();
    assert!(crash["last_lines"].to_string().contains("TypeError"), "{crash}");
}

/// It closes its port, and somebody else answers on the same port of another address, where checks look too.
#[test]
fn somebody_else_answers_where_it_listened() {
    let port = free_port();
    let other = TcpListener::bind(("127.0.0.2", port)).unwrap();
    std::thread::spawn(move || {
        for stream in other.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1000]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    let daemon = Daemon::serve_in(place(), &json!({"apps": [service("a", port, &json!({}))]}).to_string(), 1);
    daemon.until("it is seen to listen", || daemon.instance("a")["port"] == port);
    daemon.until("it is healthy", || component(&daemon, "a")["probe"]["healthy"] == true);
    post(port, "/trouble/close");
    daemon.until("it is restarted", || daemon.restarts("a") > 0);
    let exit = daemon.events("a").into_iter().find(|event| event["kind"] == "exit").unwrap();
    let told = format!("it does not listen on port {port} any more, where process {} (", std::process::id());
    assert!(exit["message"].as_str().unwrap().contains(&told), "{exit}");
}

#[test]
fn a_flood_of_lines_is_no_trouble_and_one_that_is_deaf_is_killed() {
    let port = free_port();
    let daemon = Daemon::serve_in(place(), &json!({"apps": [service("a", port, &json!({}))]}).to_string(), 1);
    daemon.until("it is healthy", || component(&daemon, "a")["probe"]["healthy"] == true);
    post(port, "/trouble/flood?lines=50000");
    daemon.until("all is written", || daemon.place.qd("logs a --nostream --lines 1").out.contains("flood line 50000 of 50000"));
    assert_eq!((daemon.restarts("a"), component(&daemon, "a")["status"].clone()), (0, json!("LIVE")));
    post(port, "/trouble/deaf");
    let pid = daemon.pid("a");
    daemon.done("stop a");
    assert!(!runs(pid));
    let exit = daemon.events("a").into_iter().find(|event| event["kind"] == "exit").unwrap();
    assert_eq!(exit["signal"], "SIGKILL", "{exit}");
}

/// Nothing is configured: what is named so is asked how its tunnel stands.
#[test]
fn a_tunnel_that_has_lost_its_connections() {
    let (place, port) = (place(), free_port());
    let program: PathBuf = place.path().join("cloudflared");
    std::fs::write(&program, CLOUDFLARED).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let connections = place.path().join("connections");
    let write = |path: &Path, count: &str| std::fs::write(path, count).unwrap();
    write(&connections, "4");
    let args = format!("tunnel --url http://localhost:1 --metrics 127.0.0.1:{port}");
    let apps = json!({"apps": [{"name": "tunnel", "script": program, "args": args, "interpreter": "none"}]});
    let daemon = Daemon::serve_in(place, &apps.to_string(), 1);
    daemon.until("it is healthy", || component(&daemon, "tunnel")["probe"]["healthy"] == true);
    let report = component(&daemon, "tunnel")["probe"].clone();
    assert_eq!(report["detail"], "4 connections to Cloudflare, https://quick.example.com");
    write(&connections, "0");
    daemon.until("that is noticed", || component(&daemon, "tunnel")["probe"]["failures"].as_u64() > Some(0));
    assert_eq!(component(&daemon, "tunnel")["probe"]["message"], "tunnel: has no connection to Cloudflare");
}
