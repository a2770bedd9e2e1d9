//! Health checks that are not asked over the network, and what waits for them.

use serde_json::{Value, json};

use crate::common::daemon::with_word;
use crate::common::{Daemon, Place, qd};

/// One app that runs this script and is checked so, quickly.
fn serve(script: &str, mut health: Value, more: &Value, online: usize) -> Daemon {
    let place = Place::new();
    place.write("app.sh", script);
    let quick = json!({"interval": "50ms", "retry_interval": "50ms", "start_period": 0, "cooldown": "1h", "retries": 2, "timeout": "20s"});
    for (key, value) in quick.as_object().unwrap() {
        health.as_object_mut().unwrap().entry(key).or_insert_with(|| value.clone());
    }
    let mut app = json!({"name": "a", "script": "app.sh", "interpreter": "bash", "health": health});
    app.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Daemon::serve_in(place, &json!({"apps": [app]}).to_string(), online)
}

fn probe(daemon: &Daemon) -> Value {
    daemon.get("/api/health/system")["components"]["a"]["probe"].clone()
}

fn why(daemon: &Daemon) -> String {
    daemon.until("it is restarted", || daemon.restarts("a") == 1);
    let exit = daemon.events("a").into_iter().find(|event| event["kind"] == "exit").unwrap();
    assert_eq!(exit["cause"], "probe", "{exit}");
    exit["message"].as_str().unwrap().to_owned()
}

#[test]
fn a_command_says_how_it_is() {
    let line = "test \"$WHO\" = me && test -e up || { echo 'there is no up' >&2; exit 3; }";
    let daemon = serve("exec sleep 600", json!({"command": line}), &json!({"env": {"WHO": "me"}}), 1);
    std::fs::write(daemon.place.path().join("up"), "").unwrap();
    daemon.until("it is healthy", || probe(&daemon)["healthy"] == true);
    let restarts = daemon.restarts("a");
    assert_eq!(probe(&daemon)["what"], format!("command {line}"));
    std::fs::remove_file(daemon.place.path().join("up")).unwrap();
    daemon.until("it is not", || probe(&daemon)["healthy"] == false);
    assert_eq!(probe(&daemon)["message"], "command: ended with exit code 3: there is no up");
    assert!(restarts <= 1);
}

#[test]
fn a_command_that_does_not_end_is_ended_with_all_that_it_started() {
    let word = format!("60{}", std::process::id());
    let health = json!({"command": format!("sleep {word} & echo waits; wait"), "on_failure": "tell", "timeout": "300ms"});
    let daemon = serve("exec sleep 600", health, &json!({}), 1);
    daemon.until("it is not healthy", || probe(&daemon)["healthy"] == false);
    assert_eq!(probe(&daemon)["message"], "command: did not end within 0.3 s: waits");
    daemon.done("stop a");
    daemon.until("nothing is left of it", || with_word(&word).is_empty());
}

#[test]
fn a_command_ends_with_whoever_waits_for_it() {
    let word = format!("61{}", std::process::id());
    let health = json!({"command": format!("sleep {word} & wait"), "timeout": "10m", "retries": 1});
    let mut daemon = serve("exec sleep 600", health, &json!({}), 1);
    daemon.until("it is asked", || !with_word(&word).is_empty());
    daemon.done("stop a");
    daemon.until("nothing is left of it", || with_word(&word).is_empty());
    daemon.done("start a");
    daemon.until("it is asked again", || !with_word(&word).is_empty());
    let before = with_word(&word);
    daemon.done(&format!("upgrade {}", qd()));
    daemon.until("the next one asks", || with_word(&word).is_disjoint(&before) && !with_word(&word).is_empty());
    let told = daemon.events("a").into_iter().filter(|event| event["cause"] == "probe").count();
    assert_eq!(told, 0, "it says nothing about the app");
    daemon.done("kill");
    daemon.until_ended();
    daemon.until("nothing is left of that either", || with_word(&word).is_empty());
}

#[test]
fn lines_that_have_to_come() {
    let script = "until test -e quiet; do echo Tick; sleep 0.2; done; exec sleep 600";
    let daemon = serve(script, json!({"log": {"line": "tick", "within": "1500ms"}}), &json!({}), 1);
    daemon.until("it is healthy", || probe(&daemon)["healthy"] == true);
    std::fs::write(daemon.place.path().join("quiet"), "").unwrap();
    let message = why(&daemon);
    assert!(message.contains("log: no line with \"tick\" for 1."), "{message}");
}

#[test]
fn a_heartbeat_that_has_to_come() {
    let script = r#"
        for turn in 1 2 3; do
            node -e "fetch(process.env.QD_HEARTBEAT_URL, { method: 'POST' }).then((answer) => console.log(answer.status))"
        done
        exec sleep 600"#;
    let daemon = serve(script, json!({"heartbeat": "5s"}), &json!({}), 1);
    daemon.until("it was heard", || daemon.place.qd("logs a --nostream --lines 5").out.contains("204"));
    let message = why(&daemon);
    assert!(message.contains("heartbeat: no heartbeat for 5"), "{message}");
    let nobody = daemon.place.qd("logs a --nostream --lines 50").out;
    assert!(!nobody.contains("404"), "{nobody}");
}

#[test]
fn a_file_that_has_to_be_written() {
    let script = "for turn in 1 2 3; do touch alive; sleep 0.2; done; exec sleep 600";
    let daemon = serve(script, json!({"heartbeat": {"file": "alive", "within": "1500ms"}}), &json!({}), 1);
    let message = why(&daemon);
    assert!(message.contains("heartbeat: alive was not written for 1."), "{message}");
}

#[test]
fn it_is_ready_once_its_check_passes() {
    let health = json!({"command": "test -e up", "on_failure": "tell"});
    let daemon = serve("exec sleep 600", health, &json!({"wait_ready": "health"}), 0);
    daemon.until("it was checked", || probe(&daemon)["checked_at"].is_string());
    assert_eq!(daemon.status("a"), "launching");
    std::fs::write(daemon.place.path().join("up"), "").unwrap();
    daemon.until_online(1);
    assert_eq!(daemon.restarts("a"), 0);
}
