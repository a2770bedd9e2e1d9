//! Stopping means that nothing is left.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::common::daemon::{kill, runs, send, with_word};
use crate::common::{Daemon, Place};

/// Deaf to everything but SIGKILL, with a grandchild in a session of its own that is so too.
const DEAF: &str = r#"
trap '' INT TERM HUP
setsid bash -c "trap '' INT TERM HUP; echo \$\$ > grandchild; while :; do sleep 1; done" &
echo $$ > main
while :; do sleep 1; done
"#;

fn number(daemon: &Daemon, file: &str) -> Option<u32> {
    std::fs::read_to_string(daemon.place.path().join(file)).ok()?.trim().parse().ok()
}

fn deaf() -> (Daemon, [u32; 2]) {
    let place = Place::new();
    place.write("deaf.sh", DEAF);
    let daemon = Daemon::serve_in(place, r#"{"apps":[{"name":"deaf","script":"deaf.sh","kill_timeout":700}]}"#, 1);
    let find = || Some([number(&daemon, "main")?, number(&daemon, "grandchild")?]);
    daemon.until("both are there", || find().is_some());
    let pids = find().unwrap();
    (daemon, pids)
}

#[test]
fn a_deaf_tree_is_gone_after_stop() {
    let (daemon, pids) = deaf();
    let begun = Instant::now();
    daemon.done("stop deaf");
    // No upper bound here, because machines that run tests are slow: the black box and the bench have one.
    assert!(begun.elapsed() >= Duration::from_millis(700), "it was not given its kill_timeout");
    assert!(!pids.into_iter().any(runs), "something is left");
    assert_eq!(daemon.status("deaf"), "stopped");
}

#[test]
fn a_tree_is_known_by_the_next_supervisor() {
    let (mut daemon, pids) = deaf();
    daemon.kill();
    daemon.come_back();
    daemon.until_online(1);
    daemon.done("stop deaf");
    assert!(!pids.into_iter().any(runs), "something is left");
}

#[test]
fn what_a_crash_leaves_behind_is_ended_before_the_next_start() {
    let (daemon, [main, grandchild]) = deaf();
    crate::common::daemon::kill(main);
    daemon.until("a new start", || daemon.runs_anew("deaf", main));
    assert!(!runs(grandchild), "the grandchild of the old one still runs beside the new one");
}

#[test]
fn with_treekill_off_the_children_are_left_alone() {
    let place = Place::new();
    place.write("parent.sh", "sleep 600 & echo $! > child; wait");
    let daemon = Daemon::serve_in(place, r#"{"apps":[{"name":"a","script":"parent.sh","treekill":false}]}"#, 1);
    daemon.until("the child is there", || number(&daemon, "child").is_some());
    let child = number(&daemon, "child").unwrap();
    daemon.done("stop a");
    let left = runs(child);
    crate::common::daemon::kill(child);
    assert!(left, "a child was ended though treekill is off");
}

/// A time to sleep that no other process of this machine has.
fn own_time(name: &str) -> String {
    format!("600.{name}{}", std::process::id())
}

#[test]
fn one_that_was_stopped_by_a_signal_is_woken_to_end() {
    let daemon = Daemon::serve(r#"{"apps":[{"name":"a","script":"sleep","args":"600","kill_timeout":600000}]}"#, 1);
    let pid = daemon.pid("a");
    send(pid, Signal::STOP);
    daemon.until("it stands still", || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(") T "));
    daemon.done("stop a");
    let exit = daemon.events("a").into_iter().find(|event| event["kind"] == "exit").unwrap();
    assert_eq!(exit["signal"], "SIGINT", "{exit}");
}

#[test]
fn what_is_forked_while_the_tree_is_killed_is_killed_too() {
    let (place, time) = (Place::new(), own_time("1"));
    // Each child that is killed is followed by another one, in a session of its own.
    place.write("hydra.sh", &format!("trap '' INT TERM; while :; do setsid sleep {time} & wait $!; done"));
    let daemon = Daemon::serve_in(place, r#"{"apps":[{"name":"a","script":"hydra.sh","kill_timeout":50}]}"#, 1);
    daemon.until("a child", || !with_word(&time).is_empty());
    daemon.done("stop a");
    assert!(with_word(&time).is_empty(), "something is left");
}

#[test]
fn a_daemon_that_an_app_makes_of_itself_ends_before_its_next_start() {
    let (place, time) = (Place::new(), own_time("2"));
    place.write("fork.sh", &format!("(setsid sleep {time} >&- 2>&- &); exit 0"));
    let daemon = Daemon::serve_in(place, r#"{"apps":[{"name":"a","script":"fork.sh","max_restarts":3}]}"#, 0);
    daemon.until("it is given up", || daemon.status("a") == "errored");
    assert!(with_word(&time).is_empty(), "a daemon is left");
    let exits = daemon.events("a").iter().filter(|event| event["kind"] == "exit" && event["exit_code"] == 0).count();
    assert_eq!(exits, 3);
}

#[test]
fn one_that_kills_its_own_group_harms_nobody_else() {
    let place = Place::new();
    place.write("group.sh", "sleep 600 & sleep 600 & kill -KILL 0");
    let apps = r#"{"apps":[
        {"name":"other","script":"sleep","args":"600"},
        {"name":"a","script":"group.sh","autorestart":false}
    ]}"#;
    let daemon = Daemon::serve_in(place, apps, 1);
    daemon.until("it has ended", || daemon.status("a") == "stopped");
    assert_eq!(daemon.status("other"), "online");
    daemon.until("no zombie is left", || zombies(daemon.foreground_pid()) == 0);
}

/// How many children of it have ended and were not waited for.
fn zombies(parent: u32) -> usize {
    let stats = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path().join("stat"));
    let is_one = |stat: String| stat.contains(&format!(") Z {parent} "));
    stats.filter_map(|path| std::fs::read_to_string(path).ok()).filter(|stat| is_one(stat.clone())).count()
}

#[test]
fn orphans_of_apps_are_waited_for() {
    let place = Place::new();
    place.write("orphans.sh", "for n in $(seq 100); do (sleep 0.01 &); done; touch done; exec sleep 600");
    let daemon = Daemon::serve_in(place, r#"{"apps":[{"name":"a","script":"orphans.sh"}]}"#, 1);
    daemon.until("all were made", || daemon.place.path().join("done").exists());
    let orphans = || {
        let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", daemon.foreground_pid()));
        children.map_or(0, |text| text.split_whitespace().count())
    };
    daemon.until("all have ended", || orphans() == 0 && zombies(daemon.foreground_pid()) == 0);
    kill(daemon.pid("a"));
}
