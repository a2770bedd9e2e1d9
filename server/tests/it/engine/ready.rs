//! Ready means ready; and who waits for whom.

use crate::common::{Daemon, Place, free_port, has_python, skipped};

/// Says that it is ready when the file `go` is there. Answers `shutdown`.
const NODE: &str = r#"
const fs = require('fs');
process.on('message', (message) => { if (message === 'shutdown') { fs.writeFileSync('told', ''); process.exit(0); } });
const wait = setInterval(() => {
  if (!fs.existsSync('go')) return;
  clearInterval(wait);
  process.send('ready');
}, 20);
setInterval(() => { process.send({ type: 'process:msg', data: 'x' }); console.log(`connected ${process.connected}`); }, 50);
"#;

const PYTHON: &str = r#"
import os, socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
while not os.path.exists("go"): time.sleep(0.02)
s.sendto(b"STATUS=here\nREADY=1", "\0" + os.environ["NOTIFY_SOCKET"][1:])
time.sleep(600)
"#;

fn place() -> Place {
    let place = Place::new();
    place.write("ready.js", NODE);
    place.write("ready.py", PYTHON);
    place
}

fn first(daemon: &Daemon, name: &str, kind: &str) -> u64 {
    let events = daemon.events(name);
    events.iter().find(|event| event["kind"] == kind).and_then(|event| event["id"].as_u64()).unwrap()
}

#[test]
fn by_message_and_by_notification() {
    for script in ["ready.js", "ready.py"] {
        if script == "ready.py" && !has_python() {
            return skipped("READY=1 over NOTIFY_SOCKET, because there is no python3 to send it");
        }
        let daemon =
            Daemon::serve_in(place(), &format!(r#"{{"apps":[{{"name":"a","script":"{script}","wait_ready":true}}]}}"#), 0);
        daemon.until("it runs", || daemon.instance("a")["pid"].is_u64());
        assert_eq!(daemon.instance("a")["state"], "starting", "{script}");
        daemon.place.write("go", "");
        daemon.until_online(1);
        assert!(first(&daemon, "a", "start") < first(&daemon, "a", "online"), "{script}");
    }
}

#[test]
fn by_its_port() {
    let place = Place::new();
    let port = free_port();
    place.write(
        "late.js",
        r#"
const fs = require('fs');
const wait = setInterval(() => {
  if (!fs.existsSync('go')) return;
  clearInterval(wait);
  require('http').createServer().listen(process.env.PORT, '127.0.0.1');
}, 20);"#,
    );
    let apps = format!(
        r#"{{"apps":[
            {{"name":"a","script":"late.js","wait_ready":"port","port":{port}}},
            {{"name":"b","script":"sleep","args":"600","depends_on":"a"}}
        ]}}"#
    );
    let daemon = Daemon::serve_in(place, &apps, 0);
    daemon.until("it runs", || daemon.instance("a")["pid"].is_u64());
    assert_eq!((daemon.instance("a")["state"].as_str(), daemon.instance("b")["pid"].as_u64()), (Some("starting"), None));
    daemon.place.write("go", "");
    daemon.until_online(2);
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
}

#[test]
fn not_ready_in_time_is_a_failure() {
    let apps = r#"{"apps":[{"name":"a","script":"ready.js","wait_ready":true,"listen_timeout":300,"max_restarts":2}]}"#;
    let daemon = Daemon::serve_in(place(), apps, 0);
    daemon.until("it is given up", || daemon.status("a") == "errored");
    let reason = daemon.instance("a")["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("not ready within 0.3 s"), "{reason}");
    let exit = daemon.events("a").into_iter().find(|event| event["kind"] == "exit").unwrap();
    assert_eq!(exit["cause"], "not-ready", "{exit}");
}

#[test]
fn the_channel_outlives_the_supervisor() {
    let mut daemon = Daemon::serve_in(place(), r#"{"apps":[{"name":"a","script":"ready.js","shutdown_with_message":true}]}"#, 1);
    let pid = daemon.pid("a");
    let log = daemon.place.home().join("logs/a-out.log");
    let lines = || std::fs::read_to_string(&log).unwrap_or_default().lines().count();
    daemon.until("some lines", || lines() > 3);
    daemon.kill();
    daemon.come_back();
    daemon.until_online(1);
    let seen = lines();
    daemon.until("more lines", || lines() > seen + 3);
    assert_eq!(daemon.pid("a"), pid, "it did not survive that nobody listened");
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(!text.contains("connected false"), "{text}");
    daemon.done("stop a");
    let exit = daemon.events("a").into_iter().rfind(|event| event["kind"] == "exit").unwrap();
    // The kernel hands the channel over to those who may trace the app (pidfd_getfd(2)); others signal it.
    let (told, is_root) = (daemon.place.path().join("told").exists(), rustix::process::geteuid().is_root());
    assert!(told || (!is_root && exit["signal"] == "SIGINT"), "{exit}");
}

#[test]
fn a_message_instead_of_a_signal() {
    let daemon = Daemon::serve_in(place(), r#"{"apps":[{"name":"a","script":"ready.js","shutdown_with_message":true}]}"#, 1);
    let log = daemon.place.home().join("logs/a-out.log");
    daemon.until("it listens", || std::fs::read_to_string(&log).is_ok_and(|text| text.contains("connected true")));
    daemon.done("stop a");
    assert!(daemon.place.path().join("told").exists(), "it was not told");
    let exit = daemon.events("a").into_iter().find(|event| event["kind"] == "exit").unwrap();
    assert_eq!((exit["exit_code"].as_i64(), exit["signal"].as_str()), (Some(0), None));
}

#[test]
fn one_waits_for_the_other() {
    let apps = r#"{"apps":[
        {"name":"web","script":"sleep","args":"600","depends_on":["db"]},
        {"name":"db","script":"ready.js","wait_ready":true}
    ]}"#;
    let mut daemon = Daemon::serve_in(place(), apps, 0);
    daemon.until("the second runs", || daemon.instance("db")["pid"].is_u64());
    let web = daemon.instance("web");
    assert_eq!(
        (web["state"].as_str(), web["reason"].as_str(), web["pid"].as_u64()),
        (Some("starting"), Some("waits for db"), None)
    );
    daemon.place.write("go", "");
    daemon.until_online(2);
    assert!(first(&daemon, "db", "online") < first(&daemon, "web", "start"));

    // What depends on it is left alone when it stops, and waits when it is started anew.
    daemon.done("stop db");
    assert_eq!(daemon.status("web"), "online");
    let ended = daemon.place.qd("restart web");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("waits for db, which is stopped"), "{ended:?}");
    daemon.done("stop web");
    daemon.done("start db");
    assert_eq!(daemon.status("web"), "stopped", "it was stopped while it waited, and was started all the same");
    daemon.done("start web");
    daemon.kill();
    daemon.come_back();
    daemon.until_online(2);

    daemon.done("kill");
    let last = |name: &str| {
        let text = std::fs::read_to_string(daemon.place.home().join("run/events.journal")).unwrap();
        let is_exit = |line: &&str| line.contains(r#""kind":"exit""#) && line.contains(&format!(r#""app":"{name}""#));
        text.lines().position(|line| is_exit(&line) && line.contains("going down")).unwrap()
    };
    assert!(last("web") < last("db"), "what is needed ended first");
}

#[test]
fn one_waits_for_the_end_of_the_other() {
    let apps = r#"{"apps":[
        {"name":"web","script":"sleep","args":"600","depends_on":{"job":"completed"}},
        {"name":"job","script":"job.sh","autorestart":false}
    ]}"#;
    let place = place();
    place.write("job.sh", "until [ -e go ]; do sleep 0.05; done; exit $(cat go)\n");
    let daemon = Daemon::serve_in(place, apps, 1);
    assert_eq!(daemon.instance("web")["reason"], "waits for job");
    daemon.place.write("go", "3");
    daemon.until("it is known that it failed", || {
        daemon.instance("web")["reason"].as_str().is_some_and(|reason| reason.contains("waits for job, which failed"))
    });
    assert_eq!(daemon.instance("web")["pid"].as_u64(), None);
    daemon.place.write("go", "0");
    daemon.done("restart job");
    daemon.until("it runs", || daemon.status("web") == "online");
}

#[test]
fn deleted_while_it_starts() {
    let daemon = Daemon::serve_in(place(), r#"{"apps":[{"name":"a","script":"ready.js","wait_ready":true}]}"#, 0);
    daemon.until("it runs", || daemon.instance("a")["pid"].is_u64());
    let pid = daemon.pid("a");
    daemon.done("delete a");
    assert!(!crate::common::daemon::runs(pid) && daemon.list().is_empty());
}
