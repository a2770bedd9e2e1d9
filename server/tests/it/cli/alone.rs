//! Without a daemon: exit codes, sentences, and nothing started.

use std::io::Read;
use std::os::unix::fs::symlink;
use std::process::Stdio;

use crate::common::{Ended, Place};

#[test]
fn help_and_version() {
    let place = Place::new();
    let help = place.qd("--help");
    assert_eq!(help.code, Some(0), "{help:?}");
    for word in ["serve", "start", "stop", "restart", "ls", "logs", "save", "startup", "unstartup", "token", "check"] {
        assert!(help.out.contains(word), "{word} is missing in {}", help.out);
    }
    let version = place.qd("--version");
    assert_eq!((version.code, version.out.trim()), (Some(0), concat!("qd ", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn wrong_use_is_2() {
    let place = Place::new();
    for words in
        ["frobnicate", "ls --no-such-flag", "token create", "token create --role emperor --name x", "logs --lines some", "start"]
    {
        let ended = place.qd(words);
        assert_eq!(ended.code, Some(2), "{words}: {ended:?}");
        assert!(ended.err.split_whitespace().count() >= 4 && ended.out.is_empty(), "{words}: {ended:?}");
    }
}

#[test]
fn no_daemon_is_3_and_none_is_started() {
    let place = Place::new();
    for words in [
        "ls",
        "ping",
        "stop all",
        "jlist",
        "describe a",
        "save",
        "logs",
        "env a",
        "kill",
        "login-link",
        "flush",
        "reset a",
        "pid",
        "delete a",
    ] {
        let ended = place.qd(words);
        assert_eq!(ended.code, Some(3), "{words}: {ended:?}");
        assert!(ended.err.starts_with("error: no daemon runs for the home"), "{words}: {ended:?}");
        assert!(ended.err.contains(place.home().to_str().unwrap()), "{words}: {ended:?}");
    }
    assert!(!place.home().exists(), "a home was made");
}

#[test]
fn the_home_that_was_told_counts() {
    let place = Place::new();
    let ended = place.qd("ls --home elsewhere");
    assert!(ended.err.contains(place.path().join("elsewhere").to_str().unwrap()), "{ended:?}");
}

#[test]
fn called_pm2_it_knows_what_pm2_needs_no_more() {
    let place = Place::new();
    let link = place.path().join("pm2");
    symlink(crate::common::qd(), &link).unwrap();
    let ended = Ended::of(place.command(&link, ["install", "pm2-logrotate"]));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.err.contains("rotation"), "{ended:?}");
    let ended = Ended::of(place.command(&link, ["jlist", "-s"]));
    assert_eq!(ended.code, Some(3), "{ended:?}");
}

#[test]
fn a_token_before_the_first_start() {
    let place = Place::new();
    let ended = place.qd("token create --role viewer --name prometheus");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.out.lines().count(), 1, "{ended:?}");
    let again = place.qd("token create --role viewer --name prometheus");
    assert_ne!(again.out, ended.out);
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let place = Place::new();
    place.write("ecosystem.config.json", r#"{"apps":[{"name":"a","script":"/bin/sleep","args":"1"}]}"#);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = place.command(crate::common::qd(), ["check", "--json"]);
    let mut child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{told}");
    assert_eq!(told, "");
}

#[test]
fn a_home_that_cannot_be_made() {
    let place = Place::new();
    place.write("file", "");
    for words in ["serve --home file", "serve --home file/home", "serve --home /proc/nowhere"] {
        let ended = place.qd(words);
        assert_eq!(ended.code, Some(1), "{words}: {ended:?}");
        assert!(ended.err.contains("the home ") && ended.err.contains("cannot be"), "{words}: {ended:?}");
    }
}
