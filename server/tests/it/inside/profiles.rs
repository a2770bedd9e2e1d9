//! Profiles of apps that run.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use super::{speaks, with};

/// A leak of 20,000 things of a class that is known by its name, and a function that burns the CPU.
const APP: &str = "class Leaked { constructor(at) { this.text = 'leak ' + at; } }
global.kept = Array.from({ length: 20000 }, (_, at) => new Leaked(at));
function burn() { const end = Date.now() + 20; while (Date.now() < end); }
setInterval(burn, 30);";

fn read(out: &str) -> Value {
    let path = Path::new(out.lines().next().unwrap());
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_heap_snapshot_and_a_cpu_profile_of_a_running_app() {
    let daemon = with("leaky", APP, "");
    daemon.until("it speaks", || speaks(&daemon, "leaky"));
    let pid = daemon.pid("leaky");
    let snapshot = read(&daemon.done("profile:mem leaky"));
    assert!(snapshot["strings"].as_array().unwrap().iter().any(|text| text == "Leaked"));
    let nodes = snapshot["snapshot"]["node_count"].as_u64().unwrap();
    let fields = snapshot["snapshot"]["meta"]["node_fields"].as_array().unwrap().len() as u64;
    assert_eq!(snapshot["nodes"].as_array().unwrap().len() as u64, nodes * fields, "it is whole");
    assert!(nodes > 20_000);

    let profile = read(&daemon.done("profile:cpu leaky --duration 1"));
    let names: Vec<_> = profile["nodes"].as_array().unwrap().iter().map(|node| &node["callFrame"]["functionName"]).collect();
    assert!(names.contains(&&Value::from("burn")), "{names:?}");
    assert_eq!((daemon.pid("leaky"), daemon.restarts("leaky")), (pid, 0));

    let list = daemon.get("/api/profiles?app=leaky");
    let kinds: Vec<_> = list["profiles"].as_array().unwrap().iter().map(|one| one["kind"].clone()).collect();
    assert_eq!(kinds, ["cpu", "heap"], "newest first");
}

#[test]
fn why_there_is_none() {
    let daemon = with("closed", "setInterval(() => {}, 1000);", r#","node_probe":false"#);
    let refused = daemon.place.qd("profile:mem closed");
    assert!(refused.code == Some(1) && refused.err.contains("its probe is not connected"), "{refused:?}");
    daemon.done("stop closed");
    let refused = daemon.place.qd("profile:cpu closed");
    assert!(refused.code == Some(1) && refused.err.contains("does not run"), "{refused:?}");
}

/// What a profile takes of memory is no reason to end who is looked at.
#[test]
fn nobody_is_restarted_for_its_memory_meanwhile() {
    let script = "process.on('SIGUSR2', () => { global.kept = Buffer.alloc(300 << 20, 1); }); setInterval(() => {}, 1000);";
    let daemon = with("big", script, r#","max_memory_restart":"200M""#);
    daemon.until("it speaks", || speaks(&daemon, "big"));
    let pid = daemon.pid("big");
    let memory = || daemon.get("/api/health/system")["components"]["big"]["memory_rss_mb"].as_f64();
    std::thread::scope(|scope| {
        let profiled = scope.spawn(|| daemon.done("profile:cpu big --duration 8"));
        let files = || std::fs::read_dir(daemon.place.home().join("profiles")).map_or(0, Iterator::count);
        daemon.until("it has begun", || files() > 0);
        crate::common::daemon::send(pid, rustix::process::Signal::USR2);
        daemon.until("it is over its limit", || memory() > Some(300.0));
        profiled.join().unwrap();
    });
    assert_eq!((daemon.pid("big"), daemon.restarts("big")), (pid, 0));
    assert!(daemon.events("big").iter().all(|event| event["kind"] != "exit"));
}
