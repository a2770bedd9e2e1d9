//! With a daemon, in the foreground and in the background.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Ended, Place};

const STACK: &str = r#"{"apps":[
    {"name":"web","script":"/bin/sleep","args":"600","namespace":"shop","env":{"COLOUR":"red"}},
    {"name":"job","script":"/bin/sleep","args":"600","namespace":"shop"},
    {"name":"other","script":"/bin/sleep","args":"600"}
]}"#;

/// A daemon, and its end with the test.
struct Daemon {
    place: Place,
    /// None of a daemon in the background. Its stdout stays open.
    foreground: Option<(Child, BufReader<ChildStdout>)>,
}

impl Daemon {
    /// In the foreground, with these apps.
    fn serve(stack: &str) -> Self {
        let place = Place::new();
        place.write("ecosystem.config.json", stack);
        let mut command = place.command(env!("CARGO_BIN_EXE_qd"), ["serve", "ecosystem.config.json", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        stdout.read_line(&mut first).unwrap();
        let daemon = Self { place, foreground: Some((child, stdout)) };
        assert!(first.contains("http://127.0.0.1:"), "{first}");
        daemon.until_online(3);
        daemon
    }

    /// Asks until so many apps are online.
    fn until_online(&self, count: usize) {
        let limit = Instant::now() + Duration::from_secs(60);
        let online = || self.list().iter().filter(|one| one["pm2_env"]["status"] == "online").count();
        while online() != count {
            assert!(Instant::now() < limit, "{:?}", self.done("ls"));
        }
    }

    /// Runs a command that must be done.
    fn done(&self, words: &str) -> String {
        let ended = self.place.qd(words);
        assert_eq!(ended.code, Some(0), "{words}: {ended:?}");
        ended.out
    }

    fn list(&self) -> Vec<Value> {
        serde_json::from_str(&self.done("jlist")).unwrap()
    }

    fn one(&self, name: &str) -> Value {
        self.list().into_iter().find(|one| one["name"] == name).unwrap()
    }

    fn status(&self, name: &str) -> String {
        self.one(name)["pm2_env"]["status"].as_str().unwrap().to_owned()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = Ended::of(self.place.command(env!("CARGO_BIN_EXE_qd"), ["kill"]));
        if let Some((child, _)) = &mut self.foreground {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn runs(pid: &Value) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn stop_ends_when_the_app_has_ended() {
    let daemon = Daemon::serve(STACK);
    let pid = daemon.one("web")["pid"].clone();
    assert!(runs(&pid));
    assert_eq!(daemon.done("stop web"), "web: stopped\n");
    assert!(!runs(&pid));
    assert_eq!(daemon.status("web"), "stopped");
    daemon.done("start web");
    daemon.until_online(3);
}

#[test]
fn several_at_once_and_each_is_told() {
    let daemon = Daemon::serve(STACK);
    let mut told: Vec<_> = daemon.done("stop shop 2").lines().map(str::to_owned).collect();
    told.sort();
    assert_eq!(told, ["job: stopped", "other: stopped", "web: stopped"]);
    let ended = daemon.place.qd("restart web nobody");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("nobody"), "{ended:?}");
    assert_eq!(daemon.status("web"), "stopped", "something was done though a word was wrong");
    daemon.done("delete all");
    assert!(daemon.list().is_empty());
    assert!(daemon.done("ls").contains("no apps"));
}

#[test]
fn what_is_shown() {
    let daemon = Daemon::serve(STACK);
    let table = daemon.done("ls");
    assert!(["web", "job", "other", "online", "shop"].iter().all(|word| table.contains(word)), "{table}");
    assert!(!table.contains('\x1b') && table.lines().all(|line| line.chars().count() <= 80), "{table}");
    let pid = daemon.one("web")["pid"].to_string();
    assert!(daemon.done("describe web").contains(&pid));
    assert_eq!(daemon.done("pid web").trim(), pid);
    assert_eq!(daemon.done("id shop").trim(), "[ 0, 1 ]");
    assert!(daemon.done("env web").lines().any(|line| line == "COLOUR=red"));
    let apps: Vec<Value> = serde_json::from_str(&daemon.done("describe job --json")).unwrap();
    assert_eq!(apps[0]["name"], "job");
}

#[test]
fn a_script_with_a_name_and_arguments() {
    let daemon = Daemon::serve(STACK);
    daemon.done("start sleep --name mine -- 600");
    assert_eq!(daemon.one("mine")["pm2_env"]["args"], serde_json::json!(["600"]));
    daemon.done("start sleep --name mine -- 600");
    assert_eq!(daemon.list().iter().filter(|one| one["name"] == "mine").count(), 1);
    let ended = daemon.place.qd("start no-such-program-anywhere");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("no-such-program-anywhere"), "{ended:?}");
    // A name that nobody chose must not take the place of another app.
    let ended = daemon.place.qd("start cat --name mine");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("--force"), "{ended:?}");
}

#[test]
fn in_the_background() {
    let place = Place::new();
    place.write("ecosystem.config.json", STACK);
    let mut command = place.command(env!("CARGO_BIN_EXE_qd"), ["start"]);
    command.env("QD_LISTEN", "127.0.0.1:0");
    let ended = Ended::of(command);
    let daemon = Daemon { place, foreground: None };
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("http://127.0.0.1:") && ended.out.contains("/login/"), "{ended:?}");
    let pid = daemon.one("web")["pid"].clone();
    daemon.done("stop job");
    daemon.done("save");
    daemon.done("kill");
    assert!(!runs(&pid));
    assert_eq!(daemon.place.qd("ping").code, Some(3));

    let mut command = daemon.place.command(env!("CARGO_BIN_EXE_qd"), ["resurrect"]);
    command.env("QD_LISTEN", "127.0.0.1:0");
    let ended = Ended::of(command);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    daemon.until_online(2);
    assert_eq!(daemon.status("job"), "stopped");
}
