//! What is seen of Node apps from their inside, and that it harms none of them.

mod apps;
mod profiles;

use serde_json::Value;

use crate::common::{Daemon, Place};

fn component(daemon: &Daemon, name: &str) -> Value {
    daemon.get("/api/health/system")["components"][name].clone()
}

/// Does the app tell of its inside?
fn speaks(daemon: &Daemon, name: &str) -> bool {
    component(daemon, name)["memory_heap_mb"].as_f64().is_some_and(|mib| mib > 1.0)
}

/// One app of this name with these words in it.
fn with(name: &str, script: &str, more: &str) -> Daemon {
    let place = Place::new();
    place.write("app.js", script);
    Daemon::serve_in(place, &format!(r#"{{"apps":[{{"name":"{name}","script":"app.js"{more}}}]}}"#), 1)
}

#[test]
fn heap_and_lag_are_in_the_health_document_and_in_the_history() {
    let block = "setInterval(() => { const end = Date.now() + 400; while (Date.now() < end); }, 600);";
    let daemon = with("busy", block, "");
    daemon.until("its event loop lags", || {
        component(&daemon, "busy")["event_loop_lag_ms"]["p99"].as_f64().is_some_and(|ms| ms > 200.0)
    });
    assert!(speaks(&daemon, "busy"));
    daemon.until("both are kept", || {
        let figures = daemon.get("/api/apps/busy/metrics")["figures"].clone();
        let names: Vec<_> = figures.as_array().unwrap().iter().map(|one| one["figure"].clone()).collect();
        names == ["heap_bytes", "event_loop_lag_ms"]
            && figures.as_array().unwrap().iter().all(|one| !one["points"].as_array().unwrap().is_empty())
    });
}

/// A loop that stands still tells nothing; that it does not is the lag.
#[test]
fn one_that_does_not_answer_lags() {
    let daemon = with("stuck", "setInterval(() => {}, 1000);", "");
    daemon.until("it speaks", || speaks(&daemon, "stuck"));
    let pid = daemon.pid("stuck");
    crate::common::daemon::send(pid, rustix::process::Signal::STOP);
    daemon.until("it lags", || component(&daemon, "stuck")["event_loop_lag_ms"]["p99"].as_f64().is_some_and(|ms| ms > 1000.0));
    crate::common::daemon::send(pid, rustix::process::Signal::CONT);
}

#[test]
fn a_crash_says_what_it_died_of_even_where_its_output_is_thrown_away() {
    let script = "setTimeout(() => { throw new RangeError('the sky is the limit'); }, 100);";
    let daemon = with("dies", script, r#","error_file":"/dev/null","out_file":"/dev/null","autorestart":false"#);
    daemon.until("it is told", || daemon.events("dies").iter().any(|event| event["kind"] == "exit"));
    let exit = daemon.events("dies").into_iter().find(|event| event["kind"] == "exit").unwrap();
    assert!(exit["message"].as_str().unwrap().ends_with("; RangeError: the sky is the limit"), "{exit}");
    assert!(exit["last_lines"].as_array().unwrap().iter().any(|line| line.as_str().unwrap().contains("app.js:1:")), "{exit}");
}

#[test]
fn an_exception_that_is_lived_through_is_told() {
    let script = "process.on('uncaughtException', () => {}); setTimeout(() => { throw new TypeError('never mind'); }, 100);
                  setInterval(() => {}, 1000);";
    let daemon = with("lives", script, "");
    daemon.until("it is told", || daemon.events("lives").iter().any(|event| event["kind"] == "exception"));
    let event = daemon.events("lives").into_iter().find(|event| event["kind"] == "exception").unwrap();
    assert!(event["message"].as_str().unwrap().ends_with("TypeError: never mind"), "{event}");
    assert_eq!(daemon.restarts("lives"), 0);
}

#[test]
fn it_is_heard_again_by_the_next_supervisor() {
    let mut daemon = with("stays", "setInterval(() => {}, 1000);", "");
    daemon.until("it speaks", || speaks(&daemon, "stays"));
    let pid = daemon.pid("stays");
    daemon.kill();
    daemon.come_back();
    daemon.until("it speaks again", || speaks(&daemon, "stays"));
    assert_eq!(daemon.pid("stays"), pid);
}

#[test]
fn what_apps_count_themselves() {
    let script = r#"
        process.send({ type: 'axm:monitor', data: { 'Orders / min': { historic: true, value: 12 } } });
        require('http').createServer((request, response) => response.end('jobs_total{queue="a"} 3\njobs_total{queue="b"} 4\nother 1\n'))
          .listen(0, '127.0.0.1');
    "#;
    let daemon = with("counts", script, r#","node_probe":false,"metrics":["jobs_total"]"#);
    let expected = serde_json::json!({ "Orders / min": 12.0, "jobs_total": 7.0 });
    daemon.until("both are told", || component(&daemon, "counts")["metrics"] == expected);
    assert!(component(&daemon, "counts")["memory_heap_mb"].is_null());
    daemon.until("both are kept", || daemon.get("/api/apps/counts/metrics")["figures"].as_array().unwrap().len() == 2);
}
