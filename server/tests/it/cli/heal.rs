//! `qd check --heal`: a dead or hung daemon comes back, and no app is touched.

use std::process::Stdio;

use quarterdeck::process::holders;
use rustix::process::Signal;

use crate::common::daemon::{freeze, kill, runs, send};
use crate::common::{Daemon, Ended, Place, qd};

const STACK: &str = r#"{"apps":[
    {"name":"a","script":"/bin/sleep","args":"600"},
    {"name":"b","script":"/bin/sleep","args":"600"}
]}"#;

/// A daemon in the background, with two apps.
fn background() -> Daemon {
    let place = Place::new();
    place.write("ecosystem.config.json", STACK);
    let ended = Ended::of(anywhere(&place, "start"));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let daemon = Daemon::of(place);
    daemon.until_online(2);
    daemon
}

/// A command that may start a daemon, which is to take any port.
fn anywhere(place: &Place, words: &str) -> std::process::Command {
    let mut command = place.command(qd(), words.split_whitespace());
    command.env("QD_LISTEN", "127.0.0.1:0");
    command
}

fn heal(daemon: &Daemon) -> Ended {
    Ended::of(anywhere(&daemon.place, "check --heal"))
}

fn supervisor(daemon: &Daemon) -> u32 {
    let all = holders(&daemon.place.home().canonicalize().unwrap().join("run/lock"));
    assert_eq!(all.len(), 1, "{all:?}");
    all[0]
}

fn apps(daemon: &Daemon) -> [u32; 2] {
    ["a", "b"].map(|name| daemon.pid(name))
}

#[test]
fn one_that_is_dead_comes_back_and_finds_its_apps() {
    let daemon = background();
    let (pids, before) = (apps(&daemon), supervisor(&daemon));
    let nothing = heal(&daemon);
    assert_eq!((nothing.code, nothing.out.as_str(), nothing.err.as_str()), (Some(0), "", ""), "cron would send a mail");
    kill(before);
    daemon.until("it is dead", || !runs(before));
    let ended = heal(&daemon);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("was dead") && ended.out.lines().count() == 1, "{ended:?}");
    daemon.until_online(2);
    assert_eq!(apps(&daemon), pids);
    assert_ne!(supervisor(&daemon), before);
    assert!(daemon.events("a").iter().all(|event| event["kind"] != "exit"));
}

#[test]
fn one_that_hangs_is_replaced_by_one_of_two() {
    let daemon = background();
    let (pids, before) = (apps(&daemon), supervisor(&daemon));
    freeze(before);
    let both = [(); 2].map(|()| {
        let mut command = anywhere(&daemon.place, "check --heal");
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    });
    let ended = both.map(|child| child.wait_with_output().unwrap());
    assert!(ended.iter().all(|one| one.status.success()), "{ended:?}");
    let said = ended.map(|one| String::from_utf8(one.stdout).unwrap());
    let with = |word: &str| said.iter().filter(|said| said.contains(word)).count();
    assert_eq!((with(" hung ("), with("Another `qd check --heal`")), (1, 1), "{said:?}");
    assert!(said.iter().any(|said| said.contains(&before.to_string())), "{said:?}");
    assert!(!runs(before));
    daemon.until_online(2);
    assert_eq!(apps(&daemon), pids);
}

#[test]
fn one_that_was_stopped_on_purpose_stays_away_until_it_is_started() {
    let daemon = background();
    daemon.done("kill");
    assert_eq!(heal(&daemon).code, Some(0));
    assert_eq!(daemon.place.qd("ping").code, Some(3));
    assert_eq!(Ended::of(anywhere(&daemon.place, "resurrect")).code, Some(1), "nothing was saved");
    daemon.until_online(2);
    let before = supervisor(&daemon);
    send(before, Signal::TERM);
    daemon.until("it has ended", || !runs(before));
    assert_eq!(heal(&daemon).code, Some(0));
    assert_eq!(daemon.place.qd("ping").code, Some(3));
    // After a boot of the host, of which it is told by the id, whoever was stopped by the end of the host comes back.
    std::fs::write(daemon.place.home().join("run/stopped"), "of an earlier boot").unwrap();
    assert!(heal(&daemon).out.contains("was dead"));
    daemon.until_online(2);
    assert!(!daemon.place.home().join("run/stopped").exists());
}

#[test]
fn where_none_ever_ran_nothing_is_made() {
    let place = Place::new();
    let ended = place.qd("check --heal");
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(!place.home().exists());
}
