//! Stopping means that nothing is left.

use std::time::{Duration, Instant};

use crate::common::daemon::runs;
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
