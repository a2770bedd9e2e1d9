//! The supervisor is killed; nobody notices.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::common::daemon::{freeze, kill, runs, send, with_word};
use crate::common::{Daemon, Ended, Place, qd};

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
    // Whoever else still holds the FIFO keeps what is in it: here the app, until the new supervisor has opened it.
    freeze(pid);
    send(pid, Signal::USR1);
    daemon.come_back();
    daemon.until_online(1);
    send(pid, Signal::CONT);
    daemon.until("its last words", || says("last words"));
    daemon.until("a new start", || daemon.runs_anew("a", pid));
}

/// Changes what is on disk of each instance.
fn change_identities(daemon: &Daemon, change: impl Fn(&mut Value)) {
    for path in identities(daemon) {
        let mut identity = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        change(&mut identity);
        std::fs::write(path, identity.to_string()).unwrap();
    }
}

fn identities(daemon: &Daemon) -> Vec<PathBuf> {
    let files = std::fs::read_dir(daemon.place.home().join("run/units")).unwrap();
    let paths = files.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect()
}

#[test]
fn one_that_hides_what_it_was_is_taken_back() {
    let place = Place::new();
    // Another program, without its environment and without its output.
    place.write("hide.sh", "exec >&- 2>&-; exec env -i sleep 600");
    let mut daemon = Daemon::serve_in(place, r#"{"apps":[{"name":"a","script":"hide.sh"}]}"#, 1);
    let pid = daemon.pid("a");
    let name = || std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap();
    daemon.until("it hides", || name() == "sleep\n" && std::fs::read(format!("/proc/{pid}/environ")).unwrap().is_empty());
    daemon.kill();
    daemon.come_back();
    daemon.until_online(1);
    assert_eq!(daemon.pid("a"), pid);
    daemon.done("stop a");
    assert!(!runs(pid));
}

#[test]
fn without_its_identity_an_app_is_known_by_its_marker() {
    let mut daemon = Daemon::serve(r#"{"apps":[{"name":"a","script":"sleep","args":"600"}]}"#, 1);
    let pid = daemon.pid("a");
    daemon.kill();
    for path in identities(&daemon) {
        std::fs::write(path, "{ torn").unwrap();
    }
    daemon.come_back();
    daemon.until_online(1);
    assert_eq!(daemon.pid("a"), pid);
    let kinds: Vec<_> = daemon.events("a").iter().map(|event| event["kind"].clone()).collect();
    assert_eq!(kinds, ["added", "start", "adopted"]);
}

#[test]
fn a_stranger_that_has_the_number_now_is_left_alone() {
    let mut daemon = Daemon::serve(r#"{"apps":[{"name":"a","script":"sleep","args":"600"}]}"#, 1);
    let pid = daemon.pid("a");
    daemon.kill();
    kill(pid);
    let mut stranger = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let number = stranger.id();
    change_identities(&daemon, |one| one["pid"] = number.into());
    daemon.come_back();
    daemon.until("another one runs", || daemon.runs_anew("a", pid));
    let anew = daemon.pid("a");
    daemon.done("stop a");
    let lives = runs(number);
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    assert!(anew != number && lives, "a stranger was taken for the app");
}

#[test]
fn after_a_start_of_the_host_what_should_run_is_started() {
    let apps = r#"{"apps":[{"name":"runs","script":"sleep","args":"600"},{"name":"rests","script":"sleep","args":"600"}]}"#;
    let mut daemon = Daemon::serve(apps, 2);
    daemon.done("stop rests");
    let pid = daemon.pid("runs");
    daemon.kill();
    kill(pid);
    change_identities(&daemon, |one| one["boot_id"] = "another".into());
    daemon.come_back();
    daemon.until("it runs", || daemon.runs_anew("runs", pid));
    assert_eq!(daemon.status("rests"), "stopped");
    let start = daemon.events("runs").into_iter().rfind(|event| event["kind"] == "start").unwrap();
    assert_eq!(start["cause"], "host-reboot");
}

/// As after a start of the host where it lay in memory, or when somebody has removed it.
fn forget_what_runs(daemon: &Daemon) {
    for name in ["fifo", "units"] {
        let folder = daemon.place.home().join("run").join(name).canonicalize().unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn a_start_of_the_host_is_told_though_nothing_is_known_of_what_ran() {
    let mut daemon = Daemon::serve(r#"{"apps":[{"name":"a","script":"sleep","args":"600"}]}"#, 1);
    let pid = daemon.pid("a");
    daemon.kill();
    kill(pid);
    forget_what_runs(&daemon);
    std::fs::write(daemon.place.home().join("run/boot"), "another").unwrap();
    daemon.come_back();
    daemon.until("it runs", || daemon.runs_anew("a", pid));
    let start = daemon.events("a").into_iter().rfind(|event| event["kind"] == "start").unwrap();
    assert_eq!(start["cause"], "host-reboot");
}

#[test]
fn without_what_is_known_of_it_an_app_is_kept_and_can_be_started_again() {
    let place = Place::new();
    place.write("a.sh", "echo begun; exec sleep 600");
    let mut daemon = Daemon::serve_in(place, r#"{"apps":[{"name":"a","script":"a.sh"}]}"#, 1);
    let (pid, log) = (daemon.pid("a"), daemon.place.home().join("logs/a-out.log"));
    let begun = || std::fs::read_to_string(&log).unwrap_or_default().lines().count();
    daemon.until("it has begun", || begun() == 1);
    forget_what_runs(&daemon);
    daemon.done("restart a");
    daemon.until("it has begun again", || begun() == 2);
    let second = daemon.pid("a");
    assert!(second != pid && !runs(pid));
    daemon.kill();
    forget_what_runs(&daemon);
    daemon.come_back();
    daemon.until_online(1);
    assert_eq!(daemon.pid("a"), second, "it was taken for gone");
    daemon.done("restart a");
    daemon.until("it has begun a third time", || begun() == 3);
    assert!(!runs(second));
}

#[test]
fn a_kill_before_it_listens_leaves_one_copy() {
    let place = Place::new();
    place.write("one.sh", "echo $$ >> started; exec sleep 600");
    place.write("ecosystem.config.json", r#"{"apps":[{"name":"a","script":"one.sh"}]}"#);
    let mut daemon = Daemon::of(place);
    let file = daemon.place.path().join("started");
    let started = || -> Vec<u32> {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        text.lines().map(|line| line.parse().unwrap()).collect()
    };
    let mut command = daemon.place.command(qd(), ["serve", "ecosystem.config.json", "--listen", "127.0.0.1:0"]);
    let mut first = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while started().is_empty() {
        std::hint::spin_loop();
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let pids = started();
    daemon.come_back();
    daemon.until_online(1);
    assert_eq!((daemon.pid("a"), started()), (pids[0], pids));
}

#[test]
fn no_app_runs_before_it_is_written_down() {
    let place = Place::new();
    let word = format!("600.{}", std::process::id());
    let mut daemon = Daemon::serve_in(place, r#"{"apps":[{"name":"first","script":"sleep","args":"600"}]}"#, 1);
    let other = rusqlite::Connection::open(daemon.place.home().join("state.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let start = ["start", "sleep", "--name", "second", "--", &word];
    let mut waits = daemon.place.command(qd(), start).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let log = daemon.place.home().join("logs/second-out.log");
    daemon.until("it is made ready", || log.exists());
    // What was to be started before this one is.
    daemon.done("restart first");
    assert_eq!(with_word(&word), [waits.id()].into(), "it runs, and nobody would know it after a kill");
    daemon.kill();
    waits.wait().unwrap();
    drop(other);
    daemon.come_back();
    let ended = Ended::of(daemon.place.command(qd(), start));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(with_word(&word).len(), 1, "a kill left a copy that nobody knows");
}

#[test]
fn a_second_end_leaves_what_does_not_end_to_the_next() {
    let place = Place::new();
    place.write("deaf.sh", "trap '' INT TERM; echo ready; while :; do sleep 1; done");
    let apps = r#"{"apps":[{"name":"a","script":"deaf.sh","kill_timeout":600000,"autorestart":false}]}"#;
    let mut daemon = Daemon::serve_in(place, apps, 1);
    let (pid, log) = (daemon.pid("a"), daemon.place.home().join("logs/a-out.log"));
    daemon.until("it is deaf", || std::fs::read_to_string(&log).is_ok_and(|text| text.contains("ready")));
    daemon.signal(Signal::TERM);
    daemon.until("it is told to end", || daemon.status("a") == "stopping");
    daemon.signal(Signal::TERM);
    daemon.until_ended();
    assert!(runs(pid), "it was ended after all");
    daemon.come_back();
    daemon.until_online(1);
    assert_eq!(daemon.pid("a"), pid);
    send(pid, Signal::KILL);
    daemon.until("it rests", || daemon.status("a") == "stopped");
}

#[test]
fn only_one_runs_on_a_home() {
    let daemon = Daemon::serve(r#"{"apps":[{"name":"a","script":"sleep","args":"600"}]}"#, 1);
    let pid = daemon.pid("a");
    let ended = daemon.place.qd("serve ecosystem.config.json --listen 127.0.0.1:0");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("another qd runs on it"), "{ended:?}");
    assert_eq!((daemon.pid("a"), daemon.status("a")), (pid, "online".to_owned()));
}

/// Whatever it was doing: nothing of it is left, and the next one finds a home that works.
#[test]
fn an_end_at_any_moment_of_the_start() {
    let (place, word) = (Place::new(), format!("7{}", std::process::id()));
    place.write("ecosystem.config.json", &format!(r#"{{"apps":[{{"name":"a","script":"sleep","args":"{word}"}}]}}"#));
    for turn in 0..12 {
        let moment = Duration::from_millis(40 * turn);
        let mut command = place.command(qd(), ["serve", "ecosystem.config.json", "--listen", "127.0.0.1:0"]);
        let begun = Instant::now();
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while begun.elapsed() < moment {
            std::thread::yield_now();
        }
        send(child.id(), Signal::TERM);
        child.wait().unwrap();
        assert!(with_word(&word).is_empty(), "after {moment:?} something is left");
    }
    let daemon = Daemon::serve_in(place, &format!(r#"{{"apps":[{{"name":"a","script":"sleep","args":"{word}"}}]}}"#), 1);
    assert_eq!(with_word(&word).len(), 1);
    assert_eq!(daemon.restarts("a"), 0);
}

/// What was known stays known, though somebody has taken the file away.
#[test]
fn a_state_that_is_removed_is_written_anew() {
    let mut daemon = Daemon::serve(r#"{"apps":[{"name":"a","script":"sleep","args":"600"}]}"#, 1);
    let state = daemon.place.home().join("state.db");
    std::fs::remove_file(&state).unwrap();
    daemon.done("start sleep --name b -- 600");
    daemon.until("it is there again", || state.exists());
    daemon.kill();
    daemon.come_back();
    daemon.until_online(2);
}
