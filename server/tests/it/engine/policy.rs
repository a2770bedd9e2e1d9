//! Whether and why an app is started again.

use crate::common::daemon::kill;
use crate::common::{Daemon, Place};

fn kinds(daemon: &Daemon, name: &str, kind: &str) -> usize {
    daemon.events(name).iter().filter(|event| event["kind"] == kind).count()
}

#[test]
fn one_that_crashes_at_once_is_given_up_with_its_reason() {
    let place = Place::new();
    place.write("crash.sh", "echo the reason is this >&2; exit 3");
    let daemon = Daemon::serve_in(place, r#"{"apps":[{"name":"a","script":"crash.sh","max_restarts":4}]}"#, 0);
    daemon.until("it is given up", || daemon.status("a") == "errored");
    assert_eq!((kinds(&daemon, "a", "exit"), kinds(&daemon, "a", "errored")), (4, 1));
    let exit = daemon.events("a").into_iter().find(|event| event["kind"] == "exit").unwrap();
    assert_eq!((exit["exit_code"].as_i64(), exit["cause"].as_str()), (Some(3), Some("crash")));
    // A restart does not wait for the last lines for long, so a busy machine may leave them out at times.
    let told = daemon.events("a").iter().any(|event| event["last_lines"][0] == "the reason is this");
    assert!(told, "none of four exits has its last lines");
    let reason = daemon.instance("a")["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("4 times") && reason.contains("exit 3"), "{reason}");
    daemon.place.write("crash.sh", "exec sleep 600");
    daemon.done("start a");
    assert_eq!(daemon.status("a"), "online");
}

#[test]
fn exit_codes_that_mean_stop() {
    let place = Place::new();
    place.write("end.sh", "sleep 0.1; exit 7");
    place.write("wait.sh", "exec sleep 600");
    let apps = r#"{"apps":[
        {"name":"ends","script":"end.sh","stop_exit_codes":[7]},
        {"name":"killed","script":"wait.sh","stop_exit_codes":[0, 9, 137]}
    ]}"#;
    let daemon = Daemon::serve_in(place, apps, 1);
    daemon.until("it rests", || daemon.status("ends") == "stopped");
    let pid = daemon.pid("killed");
    kill(pid);
    daemon.until("it runs again", || daemon.runs_anew("killed", pid));
    let exit = daemon.events("killed").into_iter().find(|event| event["kind"] == "exit").unwrap();
    assert_eq!((exit["signal"].as_str(), exit["exit_code"].as_i64()), (Some("SIGKILL"), None));
}

#[test]
fn delays_before_the_next_start() {
    let place = Place::new();
    place.write("crash.sh", "exit 1");
    let apps = r#"{"apps":[
        {"name":"fixed","script":"crash.sh","restart_delay":300,"max_restarts":3},
        {"name":"growing","script":"crash.sh","exp_backoff_restart_delay":40,"max_restarts":5}
    ]}"#;
    let daemon = Daemon::serve_in(place, apps, 0);
    daemon.until("both are given up", || daemon.status("fixed") == "errored" && daemon.status("growing") == "errored");
    let waits = |name: &str| -> Vec<i64> {
        let events = daemon.events(name);
        let time =
            |event: &serde_json::Value| event["time"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond();
        let of = |kind: &str| events.iter().filter(|event| event["kind"] == kind).map(time).collect::<Vec<_>>();
        of("exit").iter().zip(of("start").iter().skip(1)).map(|(exit, start)| start - exit).collect()
    };
    // The clock of the events has milliseconds: one may be cut off at each end.
    assert!(waits("fixed").iter().all(|wait| *wait >= 299), "{:?}", waits("fixed"));
    let growing = waits("growing");
    assert!(growing.iter().zip([40, 60, 90, 135]).all(|(wait, least)| *wait >= least - 1), "{growing:?}");
}

#[test]
fn memory_of_the_whole_tree_over_its_limit() {
    let place = Place::new();
    // The memory is the child's.
    place.write("leak.sh", "bash -c 'x=$(head -c 60000000 /dev/zero | tr \"\\0\" x); echo full; sleep 600' & wait");
    std::fs::create_dir(place.home()).unwrap();
    std::fs::write(place.home().join("quarterdeck.toml"), "sample_every = \"200ms\"\n").unwrap();
    let daemon = Daemon::serve_in(place, r#"{"apps":[{"name":"a","script":"leak.sh","max_memory_restart":"50M"}]}"#, 1);
    daemon.until("it was restarted", || daemon.restarts("a") > 0);
    let exit = daemon.events("a").into_iter().find(|event| event["kind"] == "exit").unwrap();
    assert_eq!(exit["cause"], "memory-limit", "{exit}");
    assert!(exit["message"].as_str().unwrap().contains("limit of 50"), "{exit}");
}

#[test]
fn a_program_that_is_not_there_yet() {
    let place = Place::new();
    let daemon = Daemon::serve_in(place, r#"{"apps":[{"name":"late","script":"./late"}]}"#, 0);
    daemon.until("it is waited for", || daemon.instance("late")["state"] == "backing-off");
    let reason = daemon.instance("late")["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("not found") && reason.contains("late"), "{reason}");
    let file = daemon.place.path().join("late");
    std::fs::write(&file, "#!/bin/sh\nexec sleep 600\n").unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    daemon.until_online(1);
    assert_eq!(daemon.restarts("late"), 0, "a start that never was is no restart");
}

#[test]
fn a_working_directory_that_was_deleted() {
    let place = Place::new();
    let folder = place.path().join("work");
    std::fs::create_dir(&folder).unwrap();
    let daemon = Daemon::serve_in(place, r#"{"apps":[{"name":"a","script":"/bin/sleep","args":"600","cwd":"work"}]}"#, 1);
    let pid = daemon.pid("a");
    std::fs::remove_dir(&folder).unwrap();
    kill(pid);
    daemon.until("it is waited for", || daemon.instance("a")["state"] == "backing-off");
    let reason = daemon.instance("a")["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("working directory") && reason.contains("does not exist"), "{reason}");
    std::fs::create_dir(&folder).unwrap();
    daemon.until("it runs again", || daemon.runs_anew("a", pid));
}
