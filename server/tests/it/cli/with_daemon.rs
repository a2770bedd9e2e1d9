//! With a daemon, in the foreground and in the background.

use serde_json::{Value, json};

use crate::common::daemon::runs;
use crate::common::{Daemon, Ended, Place, qd};

const STACK: &str = r#"{"apps":[
    {"name":"web","script":"/bin/sleep","args":"600","namespace":"shop","env":{"COLOUR":"red"}},
    {"name":"job","script":"/bin/sleep","args":"600","namespace":"shop"},
    {"name":"other","script":"/bin/sleep","args":"600"}
]}"#;

#[test]
fn stop_ends_when_the_app_has_ended() {
    let daemon = Daemon::serve(STACK, 3);
    let pid = daemon.pid("web");
    assert!(runs(pid));
    assert_eq!(daemon.done("stop web"), "web: stopped\n");
    assert!(!runs(pid));
    assert_eq!(daemon.status("web"), "stopped");
    daemon.done("start web");
    daemon.until_online(3);
}

#[test]
fn several_at_once_and_each_is_told() {
    let daemon = Daemon::serve(STACK, 3);
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
    let daemon = Daemon::serve(STACK, 3);
    let table = daemon.done("ls");
    assert!(["web", "job", "other", "online", "shop"].iter().all(|word| table.contains(word)), "{table}");
    assert!(!table.contains('\x1b') && table.lines().all(|line| line.chars().count() <= 80), "{table}");
    let pid = daemon.pid("web").to_string();
    assert!(daemon.done("describe web").contains(&pid));
    assert_eq!(daemon.done("pid web").trim(), pid);
    assert_eq!(daemon.done("id shop").trim(), "[ 0, 1 ]");
    assert!(daemon.done("env web").lines().any(|line| line == "COLOUR=red"));
    let apps: Vec<Value> = serde_json::from_str(&daemon.done("describe job --json")).unwrap();
    assert_eq!(apps[0]["name"], "job");
}

#[test]
fn a_script_with_a_name_and_arguments() {
    let daemon = Daemon::serve(STACK, 3);
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
    let mut command = place.command(qd(), ["start"]);
    command.env("QD_LISTEN", "127.0.0.1:0");
    let ended = Ended::of(command);
    let daemon = Daemon::of(place);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("http://127.0.0.1:") && ended.out.contains("/login/"), "{ended:?}");
    let pid = daemon.pid("web");
    daemon.done("stop job");
    daemon.done("save");
    daemon.done("kill");
    assert!(!runs(pid));
    assert_eq!(daemon.place.qd("ping").code, Some(3));

    let mut command = daemon.place.command(qd(), ["resurrect"]);
    command.env("QD_LISTEN", "127.0.0.1:0");
    let ended = Ended::of(command);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    daemon.until_online(2);
    assert_eq!(daemon.status("job"), "stopped");
}

#[test]
fn another_environment_on_request() {
    let place = Place::new();
    place.write("show.sh", "env | grep '^SHADE=' > shade; exec sleep 600\n");
    let daemon = Daemon::serve_in(place, r#"{"apps":[{"name":"a","script":"show.sh","filter_env":["HIDDEN"]}]}"#, 1);
    let with = |words: &str, shade: &str| {
        let mut command = daemon.place.command(qd(), words.split_whitespace());
        command.env("SHADE", shade).env("HIDDEN_ONE", shade);
        let ended = Ended::of(command);
        assert_eq!(ended.code, Some(0), "{ended:?}");
    };
    let shade = || std::fs::read_to_string(daemon.place.path().join("shade")).unwrap_or_default();
    with("restart a --update-env", "blue");
    daemon.until("the new environment", || shade() == "SHADE=blue\n");
    with("restart a", "green");
    with("start ecosystem.config.json", "green");
    daemon.until_online(1);
    assert_eq!(shade(), "SHADE=blue\n", "it changed without being asked for");
    with("restart a --update-env", "grey");
    daemon.until("the next environment", || shade() == "SHADE=grey\n");
    assert!(!daemon.done("env a").contains("HIDDEN_ONE"), "filter_env does not hold");
}

#[test]
fn more_and_fewer_instances() {
    let place = Place::new();
    place.write("say.sh", "while :; do echo $NODE_APP_INSTANCE; sleep 0.05; done");
    let daemon = Daemon::serve_in(
        place,
        r#"{"apps":[{"name":"a","script":"say.sh","merge_logs":false},{"name":"b","script":"say.sh"}]}"#,
        2,
    );
    let pid = daemon.pid("a");
    assert_eq!(daemon.done("scale a 3"), "a: 3 of 3 instances online\n");
    daemon.until_online(4);
    assert_eq!(daemon.pid("a"), pid, "the one that ran was not left alone");
    let log =
        |index: u32| std::fs::read_to_string(daemon.place.home().join(format!("logs/a-out-{index}.log"))).unwrap_or_default();
    for index in 0..3 {
        daemon.until("a log of its own", || log(index).lines().any(|line| line == index.to_string()));
    }
    assert_eq!(daemon.done("scale 0 -2"), "a: 1 of 1 instance online\n");
    daemon.until_online(2);
    assert_eq!(daemon.pid("a"), pid);
    assert_eq!(daemon.restarts("a"), 0);
    for wrong in ["scale a 0", "scale a x", "scale all 2", "scale a"] {
        assert_eq!(daemon.place.qd(wrong).code, Some(2), "{wrong}");
    }
    assert_eq!(daemon.place.qd("scale nobody 2").code, Some(1));
}

#[test]
fn limits_are_handed_on_as_they_were() {
    let place = Place::new();
    let script = r#"{"apps":[{"name":"a","script":"sh","args":["-c","ulimit -Sn; umask; exec sleep 600"]}]}"#;
    place.write("ecosystem.config.json", script);
    // Fewer than qd itself has open, or wants to keep out of the way of an app.
    let mut command = place.command("sh", ["-c", "ulimit -Sn 40; umask 027; exec \"$0\" start", qd()]);
    command.env("QD_LISTEN", "127.0.0.1:0");
    let ended = Ended::of(command);
    let daemon = Daemon::of(place);
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    let log = daemon.place.home().join("logs/a-out.log");
    daemon.until("it told", || std::fs::read_to_string(&log).is_ok_and(|text| text.lines().count() == 2));
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "40\n0027\n");
}

#[test]
fn an_id_is_one_instance_of_several() {
    let app = r#"{"apps":[{"name":"a","script":"/bin/sleep","args":"600","instances":3,"exec_mode":"fork"}]}"#;
    let daemon = Daemon::serve(app, 3);
    let states = || daemon.list().iter().map(|one| one["pm2_env"]["status"].clone()).collect::<Vec<_>>();
    let pids = || daemon.list().iter().map(|one| one["pid"].as_u64().unwrap()).collect::<Vec<_>>();
    let before = pids();
    daemon.done("stop 1");
    assert_eq!(states(), ["online", "stopped", "online"]);
    daemon.done("restart 2");
    let after = pids();
    assert!(after[0] == before[0] && after[2] != before[2], "{before:?} {after:?}");
    let ended = daemon.place.qd("delete 2");
    assert!(ended.code != Some(0) && ended.err.contains("qd scale a 2"), "{ended:?}");
    daemon.done("start 1");
    assert_eq!(states(), ["online", "online", "online"]);
    daemon.done("stop a");
    assert_eq!(states(), ["stopped", "stopped", "stopped"]);
}

#[test]
fn nothing_is_started_while_everything_ends() {
    let place = Place::new();
    place.write("deaf.sh", "trap '' INT TERM\nwhile :; do sleep 0.1; done\n");
    let apps =
        r#"{"apps":[{"name":"deaf","script":"deaf.sh","kill_timeout":3000},{"name":"b","script":"/bin/sleep","args":"600"}]}"#;
    let daemon = Daemon::serve_in(place, apps, 2);
    let mut end = daemon.place.command(qd(), ["kill"]).spawn().unwrap();
    daemon.until("one has ended", || daemon.status("b") == "stopped");
    let ended = daemon.place.qd("restart b");
    assert!(ended.code != Some(0) && ended.err.contains("going down"), "{ended:?}");
    assert_eq!(daemon.status("b"), "stopped");
    assert!(end.wait().unwrap().success());
}

#[test]
fn more_apps_than_fit_into_a_request() {
    let place = Place::new();
    let apps: Vec<_> = (0..30)
        .map(|number| serde_json::json!({"name": format!("a{number}"), "script": "/bin/sleep", "args": "600", "env": {"X": "x".repeat(60_000)}}))
        .collect();
    place.write("ecosystem.config.json", &serde_json::json!({ "apps": apps }).to_string());
    let mut command = place.command(qd(), ["start"]);
    command.env("QD_LISTEN", "127.0.0.1:0");
    let ended = Ended::of(command);
    let daemon = Daemon::of(place);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    daemon.until_online(30);
}

#[test]
fn a_file_with_mistakes_changes_nothing_when_it_is_read_again() {
    let daemon = Daemon::serve(STACK, 3);
    let pids = || ["web", "job", "other"].map(|name| daemon.pid(name));
    let before = pids();
    let refusals = || {
        let events = daemon.get("/api/events?limit=1000");
        let is_one = |event: &&Value| event["message"].as_str().is_some_and(|said| said.contains("was not read again"));
        events["events"].as_array().unwrap().iter().filter(is_one).count()
    };
    for (count, text) in ["", "{\"apps\": [{\"name\": \"we", "\u{0}\u{1}garbage"].into_iter().enumerate() {
        daemon.place.write("ecosystem.config.json", text);
        daemon.signal(rustix::process::Signal::HUP);
        daemon.until("it is told", || refusals() == count + 1);
        assert_eq!(pids(), before);
    }
    let more = STACK.replace(r#"{"apps":["#, r#"{"apps":[{"name":"more","script":"/bin/sleep","args":"600"},"#);
    daemon.place.write("ecosystem.config.json", &more);
    daemon.signal(rustix::process::Signal::HUP);
    daemon.until_online(4);
    assert_eq!(pids(), before);
}

#[test]
fn without_any_app() {
    let mut daemon = Daemon::serve(r#"{"apps":[]}"#, 0);
    daemon.kill();
    daemon.come_back();
    assert!(daemon.done("ls").contains("no apps"));
    daemon.done("stop all");
}

#[test]
fn ten_thousand_that_rest() {
    let app = |number| json!({ "name": format!("a{number}"), "script": "sleep", "args": "600", "autostart": false });
    let apps: Vec<Value> = (0..10_000).map(app).collect();
    let mut daemon = Daemon::serve(&json!({ "apps": apps }).to_string(), 0);
    let all_rest = |daemon: &Daemon| {
        let rest = || daemon.done("ls").lines().filter(|line| line.contains("stopped")).count();
        daemon.until("all are there and rest", || rest() == apps.len());
    };
    all_rest(&daemon);
    daemon.kill();
    daemon.come_back();
    all_rest(&daemon);
    let events = daemon.events("a9999");
    assert!(events.len() == 1 && events[0]["kind"] == "added", "one that rests has nothing to tell: {events:?}");
}
