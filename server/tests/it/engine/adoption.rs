//! The supervisor is killed; nobody notices.

use serde_json::json;

use crate::common::daemon::{kill, runs};
use crate::common::{Daemon, Place};

/// Writes numbered lines, in pairs, some hundred in a second.
const COUNTER: &str = "n=0; while :; do n=$((n+1)); echo $n; echo $n >&2; sleep 0.002; done";

fn numbers(daemon: &Daemon, name: &str, stream: &str) -> Vec<u64> {
    let text = std::fs::read_to_string(daemon.place.home().join(format!("logs/{name}-{stream}.log"))).unwrap_or_default();
    // The last line may be on its way.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| line.parse().unwrap()).collect()
}

fn last(daemon: &Daemon, name: &str) -> u64 {
    numbers(daemon, name, "out").last().copied().unwrap_or(0)
}

fn assert_whole(daemon: &Daemon, name: &str) {
    for stream in ["out", "error"] {
        let numbers = numbers(daemon, name, stream);
        assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "{name} {stream}: {numbers:?}");
    }
}

#[test]
fn apps_survive_and_are_managed_again() {
    let place = Place::new();
    place.write("count.sh", COUNTER);
    let names: Vec<String> = (0..9).map(|number| format!("count-{number}")).collect();
    let apps: Vec<_> = names.iter().map(|name| json!({"name": name, "script": "count.sh", "autorestart": false})).collect();
    let mut daemon = Daemon::serve_in(place, &json!({ "apps": apps }).to_string(), 9);
    let pids: Vec<u32> = names.iter().map(|name| daemon.pid(name)).collect();
    daemon.until("lines of each", || names.iter().all(|name| last(&daemon, name) > 20));

    daemon.kill();
    let seen: Vec<u64> = names.iter().map(|name| last(&daemon, name)).collect();
    assert!(pids.iter().all(|pid| runs(*pid)), "an app died with its supervisor");
    daemon.come_back();
    daemon.until_online(9);
    assert_eq!(names.iter().map(|name| daemon.pid(name)).collect::<Vec<_>>(), pids, "not the same processes");
    daemon.until("more lines of each", || names.iter().zip(&seen).all(|(name, seen)| last(&daemon, name) > seen + 20));
    names.iter().for_each(|name| assert_whole(&daemon, name));

    daemon.done("stop count-0");
    assert!(!runs(pids[0]), "a process that was taken back does not stop");
    daemon.done("restart count-1");
    assert!(!runs(pids[1]) && runs(daemon.pid("count-1")));
    kill(pids[2]);
    daemon.until("its end is seen", || daemon.status("count-2") == "stopped");
    let exit = daemon.events("count-2").into_iter().rfind(|event| event["kind"] == "exit").unwrap();
    // Linux tells how a process ended that is no child of ours only from 6.15 on. Nobody may invent it.
    assert!(exit["signal"] == "SIGKILL" || (exit["signal"].is_null() && exit["exit_code"].is_null()), "{exit}");
}

#[test]
fn what_ended_meanwhile_is_started_again_and_what_was_stopped_is_not() {
    let apps = r#"{"apps":[
        {"name":"dies","script":"sleep","args":"600"},
        {"name":"rests","script":"sleep","args":"600"},
        {"name":"once","script":"sleep","args":"600","autorestart":false}
    ]}"#;
    let mut daemon = Daemon::serve(apps, 3);
    daemon.done("stop rests");
    let (dies, once) = (daemon.pid("dies"), daemon.pid("once"));
    daemon.kill();
    kill(dies);
    kill(once);
    daemon.come_back();
    daemon.until("the one that died runs", || daemon.status("dies") == "online");
    assert_ne!(daemon.pid("dies"), dies);
    assert_eq!((daemon.status("rests"), daemon.status("once")), ("stopped".into(), "stopped".into()));
    let exits = |name| daemon.events(name).iter().filter(|event| event["kind"] == "exit").count();
    assert_eq!((exits("dies"), exits("once")), (1, 1), "an end was missed or told twice");
}

#[test]
fn no_event_is_lost_or_doubled_by_kills() {
    let mut daemon = Daemon::serve(r#"{"apps":[{"name":"a","script":"sleep","args":"600","max_restarts":1000}]}"#, 1);
    for round in 1..=5 {
        let pid = daemon.pid("a");
        kill(pid);
        // While it is noticed, or a moment before or after.
        daemon.kill();
        daemon.come_back();
        daemon.until("it runs again", || daemon.runs_anew("a", pid));
        let events = daemon.events("a");
        let ids: Vec<u64> = events.iter().map(|event| event["id"].as_u64().unwrap()).collect();
        assert!(ids.is_sorted_by(|one, next| one < next), "round {round}: {ids:?}");
        let count = |kind: &str| events.iter().filter(|event| event["kind"] == kind).count();
        assert_eq!(count("exit"), round, "round {round}: {events:#?}");
    }
}

#[test]
fn what_waited_in_the_pipe_of_an_app_that_ended_is_kept() {
    let place = Place::new();
    place.write("last.sh", "trap 'echo last words; exit 3' USR1; echo ready; while :; do sleep 0.05; done");
    let mut daemon = Daemon::serve_in(place, r#"{"apps":[{"name":"a","script":"last.sh"}]}"#, 1);
    let pid = daemon.pid("a");
    let log = daemon.place.home().join("logs/a-out.log");
    let says = |words| std::fs::read_to_string(&log).is_ok_and(|text| text.contains(words));
    daemon.until("it listens", || says("ready"));
    daemon.kill();
    let number = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    // Whoever else still holds the FIFO keeps what is in it: here the app, until the new supervisor has opened it.
    rustix::process::kill_process(number, rustix::process::Signal::STOP).unwrap();
    rustix::process::kill_process(number, rustix::process::Signal::USR1).unwrap();
    daemon.come_back();
    daemon.until_online(1);
    rustix::process::kill_process(number, rustix::process::Signal::CONT).unwrap();
    daemon.until("its last words", || says("last words"));
    daemon.until("a new start", || daemon.runs_anew("a", pid));
}
