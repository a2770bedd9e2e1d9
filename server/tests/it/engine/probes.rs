//! Health checks of real processes, and what is done about them.

use std::path::Path;

use serde_json::Value;

use crate::common::daemon::send;
use crate::common::{Daemon, Place, free_port, two_free_ports};

/// Answers as the file `mode` says: 500, slowly, or not at all.
const APP: &str = r#"
const [fs, http] = ['fs', 'http'].map(require);
const mode = () => (fs.existsSync('mode') ? fs.readFileSync('mode', 'utf8') : '');
http.createServer((request, response) => {
  fs.appendFileSync('asked', `${request.url}\n`);
  if (mode() === 'hang') return;
  response.statusCode = mode() === 'broken' ? 500 : 200;
  response.end('{"status": "API is healthy"}');
}).listen(process.env.PORT, '127.0.0.1');
"#;

const QUICK: &str = r#""interval":"50ms","retry_interval":"50ms","start_period":"20s""#;
/// Whoever answers does so within this time, however busy the machine is.
const PATIENT: &str = r#""timeout":"50s""#;
/// For those that are to be found out when they do not answer.
const IMPATIENT: &str = r#""timeout":"300ms""#;

/// Seed 002: an API on a port, with its health at `/api-health`.
fn codebox(more: &str) -> (Daemon, u16) {
    let (place, port) = (Place::new(), free_port());
    place.write("api.js", APP);
    let health = format!(r#""health":{{"http":{{"path":"/api-health","body":"API is healthy"}},{QUICK},{more}}}"#);
    let apps = format!(r#"{{"apps":[{{"name":"codebox","script":"api.js","port":{port},"critical":true,{health}}}]}}"#);
    let daemon = Daemon::serve_in(place, &apps, 1);
    daemon.until("it is healthy", || component(&daemon)["probe"]["healthy"] == true);
    (daemon, port)
}

fn component(daemon: &Daemon) -> Value {
    daemon.get("/api/health/system")["components"]["codebox"].clone()
}

fn last(daemon: &Daemon, kind: &str) -> Option<String> {
    let event = daemon.events("codebox").into_iter().rfind(|event| event["kind"] == kind)?;
    Some(event["message"].as_str().unwrap().to_owned())
}

fn write(path: &Path, mode: &str) {
    std::fs::write(path.join("mode"), mode).unwrap();
}

#[test]
fn three_failed_checks_are_healed_and_told() {
    let (daemon, port) = codebox(&format!(r#"{PATIENT},"cooldown":"1s""#));
    let pid = daemon.pid("codebox");
    let report = component(&daemon)["probe"].clone();
    assert_eq!(report["what"], format!("GET http://127.0.0.1:{port}/api-health"));
    assert_eq!(report["policy"], "restarts after 3 failed checks in a row, at most once in 1 s");
    write(daemon.place.path(), "broken");
    daemon.until("it is restarted", || daemon.runs_anew("codebox", pid));
    write(daemon.place.path(), "");
    let why = "GET /api-health: answered 500 (3 times)";
    assert_eq!(last(&daemon, "unhealthy").unwrap(), format!("is not healthy: {why}"));
    let exit = daemon.events("codebox").into_iter().find(|event| event["kind"] == "exit").unwrap();
    assert!(exit["cause"] == "probe" && exit["message"].as_str().unwrap().contains(why), "{exit}");
    daemon.until("it is healthy again", || last(&daemon, "healthy").is_some());
    daemon.until("the document says so", || daemon.get("/api/health/system")["status"] == "HEALTHY");
}

#[test]
fn one_that_hangs_counts_as_down_and_may_be_left_alone() {
    let (daemon, _) = codebox(&format!(r#"{IMPATIENT},"on_failure":"tell""#));
    let pid = daemon.pid("codebox");
    // Stopped by a signal, it accepts connections all the same: the kernel does it.
    send(pid, rustix::process::Signal::STOP);
    daemon.until("it counts as down", || daemon.get("/api/health/system")["status"] == "DOWN");
    let one = component(&daemon);
    assert!(one["status"] == "DOWN" && one["state"] == "online" && one["pid"] == pid, "{one}");
    assert!(one["reason"].as_str().unwrap().ends_with("no answer within 0.3 s"), "{one}");
    send(pid, rustix::process::Signal::CONT);
    daemon.until("it is healthy again", || daemon.get("/api/health/system")["status"] == "HEALTHY");
    assert_eq!((daemon.pid("codebox"), daemon.restarts("codebox")), (pid, 0));
    assert!(last(&daemon, "healthy").unwrap().starts_with("is healthy again after"));
}

#[test]
fn never_a_storm_and_never_while_it_is_stopped() {
    let (daemon, _) = codebox(&format!(r#"{IMPATIENT},"cooldown":"1h","start_period":0"#));
    write(daemon.place.path(), "hang");
    daemon.until("it is restarted", || daemon.restarts("codebox") == 1);
    daemon.until("more checks have failed", || component(&daemon)["probe"]["failures"].as_u64() > Some(6));
    assert_eq!(daemon.restarts("codebox"), 1, "before the cooldown was over");
    daemon.done("stop codebox");
    daemon.until("it is not checked any more", || component(&daemon)["probe"].is_null());
    let asked = || std::fs::read(daemon.place.path().join("asked")).unwrap().len();
    let before = asked();
    daemon.until("some ticks are over", || {
        let first = daemon.get("/api/health/system")["timestamp"].clone();
        daemon.until("a tick", || daemon.get("/api/health/system")["timestamp"] != first);
        true
    });
    assert_eq!(asked(), before);
}

/// Nothing is configured: who was seen to listen on its port has to go on accepting connections.
#[test]
fn whoever_listens_on_its_port_is_checked_without_a_word() {
    let (place, port) = (Place::new(), free_port());
    place.write("api.js", APP);
    let apps = format!(
        r#"{{"apps":[
            {{"name":"codebox","script":"api.js","port":{port}}},
            {{"name":"other","script":"sleep","args":"600","port":{port}}},
            {{"name":"off","script":"api.js","port":{},"health":false}}
        ]}}"#,
        free_port()
    );
    let daemon = Daemon::serve_in(place, &apps, 3);
    daemon.until("it is healthy", || component(&daemon)["probe"]["healthy"] == true);
    let document = daemon.get("/api/health/system");
    let of = |name: &str| document["components"][name]["probe"].clone();
    assert_eq!(of("codebox")["what"], format!("connection to 127.0.0.1:{port}"));
    assert_eq!((of("other"), of("off")), (Value::Null, Value::Null));
}

#[test]
fn what_depends_on_something_that_is_down_is_left_alone() {
    let (place, port) = (Place::new(), free_port());
    place.write("api.js", APP);
    let apps = format!(
        r#"{{"apps":[
            {{"name":"db","script":"sleep","args":"600"}},
            {{"name":"codebox","script":"api.js","port":{port},"depends_on":"db","health":{{"http":"/",{QUICK},{PATIENT},"cooldown":0}}}}
        ]}}"#
    );
    let daemon = Daemon::serve_in(place, &apps, 2);
    daemon.until("it is healthy", || component(&daemon)["probe"]["healthy"] == true);
    daemon.done("stop db");
    write(daemon.place.path(), "broken");
    daemon.until("it is told", || last(&daemon, "unhealthy").is_some());
    assert!(last(&daemon, "unhealthy").unwrap().ends_with("left alone, because db is down"));
    daemon.until("more checks have failed", || component(&daemon)["probe"]["failures"].as_u64() > Some(6));
    assert_eq!(daemon.restarts("codebox"), 0);
    daemon.done("start db");
    daemon.until("it is restarted", || daemon.restarts("codebox") >= 1);
}

fn instances(daemon: &Daemon) -> Vec<Value> {
    let mut all: Vec<Value> = daemon.get("/api/apps/codebox")["instances"].as_array().unwrap().clone();
    all.sort_by_key(|one| one["index"].as_u64());
    all
}

/// Instances on ports of their own are asked one by one, and healed one by one.
#[test]
fn the_instance_that_hangs_is_restarted_and_no_other() {
    let (place, port) = (Place::new(), two_free_ports());
    place.write("api.js", APP);
    let apps = format!(
        r#"{{"apps":[{{"name":"codebox","script":"api.js","instances":2,"increment_var":"PORT","env":{{"PORT":{port}}},
            "wait_ready":"health","health":{{"http":"/",{QUICK},"timeout":"2s","cooldown":"1h"}}}}]}}"#
    );
    let daemon = Daemon::serve_in(place, &apps, 2);
    daemon.until("it is healthy", || component(&daemon)["probe"]["healthy"] == true);
    daemon.until("both were asked", || instances(&daemon).iter().all(|one| one["port"].is_u64()));
    let before = instances(&daemon);
    send(u32::try_from(before[1]["pid"].as_u64().unwrap()).unwrap(), rustix::process::Signal::STOP);
    daemon.until("it is replaced", || {
        let now = instances(&daemon);
        now[1]["pid"] != before[1]["pid"] && now[1]["state"] == "online"
    });
    assert_eq!(instances(&daemon)[0]["pid"], before[0]["pid"]);
    let warning = last(&daemon, "warning").unwrap();
    assert!(warning.starts_with("instance 1 is not healthy: GET /: no answer within"), "{warning}");
    assert_eq!((last(&daemon, "unhealthy"), component(&daemon)["status"].clone()), (None, "LIVE".into()));
    daemon.until("that is over", || last(&daemon, "cleared").is_some_and(|told| told.starts_with("instance 1 is healthy again")));
}

/// Where all share a port, one answer speaks for all that wait for it.
#[test]
fn workers_are_ready_by_the_check_of_their_port() {
    let (place, port) = (Place::new(), free_port());
    place.write("api.js", APP);
    let apps = format!(
        r#"{{"apps":[{{"name":"codebox","script":"api.js","instances":2,"exec_mode":"cluster","port":{port},
            "wait_ready":"health","health":{{"http":"/",{QUICK},{PATIENT},"cooldown":0}}}}]}}"#
    );
    let daemon = Daemon::serve_in(place, &apps, 2);
    let before = instances(&daemon);
    write(daemon.place.path(), "broken");
    daemon.until("both are replaced, one after the other", || {
        instances(&daemon).iter().zip(&before).all(|(now, before)| now["pid"] != before["pid"])
    });
    write(daemon.place.path(), "");
    daemon.until("all is well", || component(&daemon)["probe"]["healthy"] == true && component(&daemon)["instances_live"] == 2);
}
