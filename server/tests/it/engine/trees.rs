//! Stopping means that nothing is left.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::common::daemon::{freeze, kill, runs, with_word};
use crate::common::{Daemon, Place, skipped};

/// Deaf to everything but SIGKILL, with a grandchild in a session of its own that is so too.
const DEAF: &str = r#"
trap '' INT TERM HUP
setsid bash -c "trap '' INT TERM HUP; echo \$\$ > grandchild; while :; do sleep 1; done" &
echo $$ > main
while :; do sleep 1; done
"#;

/// Deaf, without an environment, in a session of its own and no child of the app: nothing tells whose it is but its cgroup.
const HIDDEN: &str = r#"
(setsid env -i bash -c "trap '' INT TERM HUP; echo \$\$ > hidden; while :; do sleep 1; done" &)
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
    kill(main);
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
    kill(child);
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
    freeze(pid);
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

/// With an app that hides a process.
fn hiding(place: Place) -> (Daemon, u32) {
    place.write("hides.sh", HIDDEN);
    let daemon = Daemon::serve_in(place, r#"{"apps":[{"name":"hides","script":"hides.sh","kill_timeout":100}]}"#, 1);
    daemon.until("it is there", || number(&daemon, "main").is_some() && number(&daemon, "hidden").is_some());
    let hidden = number(&daemon, "hidden").unwrap();
    (daemon, hidden)
}

/// The folder of the cgroup of a process, if it is one of ours.
fn cgroup_of(pid: u32) -> Option<PathBuf> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let path = text.lines().find_map(|line| line.strip_prefix("0::/")).filter(|path| path.contains("qd."))?;
    let mounts = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
    mounts.into_iter().map(|mount| Path::new(mount).join(path)).find(|folder| folder.is_dir())
}

#[test]
fn a_hidden_process_is_gone_after_stop() {
    let (mut daemon, hidden) = hiding(Place::new());
    let Some(cgroup) = cgroup_of(hidden) else {
        kill(hidden);
        return skipped("cgroups: none can be made here, so a process that hides is not found");
    };
    assert_eq!(cgroup_of(daemon.pid("hides")), Some(cgroup.clone()));
    daemon.done("stop hides");
    assert!(!runs(hidden), "it hid well");
    // The next supervisor finds it too, and also if only that is left.
    for main_is_gone in [false, true] {
        std::fs::remove_file(daemon.place.path().join("hidden")).unwrap();
        daemon.done("start hides");
        daemon.until("it is there again", || number(&daemon, "hidden").is_some());
        let (main, hidden) = (daemon.pid("hides"), number(&daemon, "hidden").unwrap());
        assert_ne!(cgroup_of(hidden), Some(cgroup.clone()), "each run has its own");
        daemon.kill();
        if main_is_gone {
            kill(main);
        }
        daemon.come_back();
        if main_is_gone {
            daemon.until("it is ended before the next start", || daemon.runs_anew("hides", main));
        } else {
            daemon.until_online(1);
            assert_eq!(daemon.pid("hides"), main);
            daemon.done("stop hides");
        }
        assert!(!runs(hidden), "it hid well from the next supervisor; main gone: {main_is_gone}");
    }
    let home = std::fs::read_to_string(daemon.place.home().join("run/id")).unwrap();
    let left = || {
        let names = std::fs::read_dir(cgroup.parent().unwrap()).unwrap().map(|one| one.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().contains(&home)).count()
    };
    assert_eq!(left(), 1, "one that runs, and nothing of the runs before");
    daemon.done("delete hides");
    assert_eq!(left(), 0);
}

/// As on a host where no cgroups can be made: whatever carries the lock of a run belongs to it.
#[test]
fn without_cgroups_one_that_hides_is_known_by_its_lock() {
    let (mut daemon, hidden) = hiding(Place::without_cgroups());
    assert_eq!((cgroup_of(hidden), &daemon.get("/api/health/system")["trees"]["held_by"]), (None, &"search".into()));
    daemon.done("stop hides");
    assert!(!runs(hidden), "it hid well");
    std::fs::remove_file(daemon.place.path().join("hidden")).unwrap();
    daemon.done("start hides");
    daemon.until("it is there again", || number(&daemon, "hidden").is_some());
    let (main, hidden) = (daemon.pid("hides"), number(&daemon, "hidden").unwrap());
    // Nothing is written down of the run: the lock alone keeps a second copy from running beside what is left of the first.
    daemon.kill();
    kill(main);
    let units = daemon.place.home().join("run/units");
    for file in
        std::fs::read_dir(&units).unwrap().flatten().filter(|file| file.path().extension().is_some_and(|end| end == "json"))
    {
        std::fs::remove_file(file.path()).unwrap();
    }
    daemon.come_back();
    daemon.until("it runs anew", || daemon.runs_anew("hides", main));
    assert!(!runs(hidden), "a second copy ran beside it");
}

#[test]
fn limits_hold_or_it_is_told_why_not() {
    let limits = r#"{"apps":[{"name":"a","script":"sleep","args":"600","limits":{"memory":"64M","cpu":0.5,"pids":50}}]}"#;
    let daemon = Daemon::serve(limits, 1);
    let told: Vec<String> = daemon.events("a").iter().map(|event| event["message"].to_string()).collect();
    let told = told.into_iter().find(|message| message.contains("runs without the limits")).unwrap_or_default();
    let cgroup = cgroup_of(daemon.pid("a"));
    for (key, file, text) in
        [("memory", "memory.max", "67108864\n"), ("cpu", "cpu.max", "50000 100000\n"), ("pids", "pids.max", "50\n")]
    {
        match cgroup.as_ref().and_then(|cgroup| std::fs::read_to_string(cgroup.join(file)).ok()) {
            Some(written) => assert_eq!(written, text, "{file}; {told}"),
            None => {
                assert!(
                    told.contains(&format!("limits.{key}")) || (cgroup.is_none() && !told.is_empty()),
                    "{key} is missing in {told:?}"
                )
            }
        }
    }
}

#[test]
fn out_of_memory_is_told_apart_from_a_kill() {
    let hog = r#"{"apps":[{"name":"a","script":"tail","args":"/dev/zero","autorestart":false,"limits":{"memory":"16M"}}]}"#;
    let daemon = Daemon::serve(r#"{"apps":[]}"#, 0);
    let kept = daemon.get("/api/health/system")["trees"]["limits"].as_array().unwrap().iter().any(|one| one == "memory");
    if !kept {
        return skipped("out-of-memory: this host cannot limit the memory of a cgroup");
    }
    daemon.place.write("ecosystem.config.json", hog);
    daemon.place.qd("start ecosystem.config.json");
    daemon.until("its end is seen", || daemon.status("a") == "stopped");
    let exit = daemon.events("a").into_iter().rfind(|event| event["kind"] == "exit").unwrap();
    assert_eq!((exit["cause"].as_str(), exit["signal"].as_str()), (Some("out-of-memory"), Some("SIGKILL")), "{exit}");
}
