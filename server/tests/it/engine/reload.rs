//! Reloads: a new process beside the old one, and the old one as long as the new one has not proven itself.
//! `QD_RELOADS=50 cargo test -p server --test it no_request_fails` makes more of them.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::common::daemon::runs;
use crate::common::random::number;
use crate::common::{Daemon, Place, free_port, has_python, qd, skipped};

/// Answers with its number in the cluster and its process. What it is to do instead is in `release`, when it starts.
const NODE: &str = r#"
const [fs, http, cluster] = ['fs', 'http', 'cluster'].map(require);
const release = fs.existsSync('release') ? fs.readFileSync('release', 'utf8') : '';
if (release === 'broken') process.exit(3);
if (release === 'idle') setInterval(() => {}, 1000);
else http.createServer((request, response) => {
  setTimeout(() => response.end(`${cluster.isWorker} ${cluster.worker?.id} ${process.pid}`), 3);
}).listen(process.env.PORT, '127.0.0.1');
"#;

/// Leaves when it has answered what it accepted.
const PYTHON: &str = r#"
import os, signal, socket
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
s.bind(("127.0.0.1", int(os.environ["PORT"])))
s.listen(64)
s.settimeout(0.02)
leaving = []
signal.signal(signal.SIGINT, lambda *_: leaving.append(1))
while not leaving:
    try: c, _ = s.accept()
    except TimeoutError: continue
    c.settimeout(None)
    c.recv(1000)
    c.sendall(b"HTTP/1.0 200 OK\r\n\r\n- - %d" % os.getpid())
    c.close()
"#;

/// An app on a port of its own; it has proven itself after 100 ms.
fn serve(script: &str, mode: &str, instances: u32) -> (Daemon, u16) {
    let (place, port) = (Place::new(), free_port());
    place.write("app.js", NODE);
    place.write("app.py", PYTHON);
    let app = format!(
        r#"{{"name":"a","script":"{script}","exec_mode":"{mode}","instances":{instances},"min_uptime":100,"kill_timeout":2000,
            "listen_timeout":2500,"env":{{"PORT":"{port}"}}}}"#
    );
    let daemon = Daemon::serve_in(place, &format!(r#"{{"apps":[{app}]}}"#), instances as usize);
    daemon.until("it answers", || ask(port).is_some());
    (daemon, port)
}

/// `true 1 4711` of whoever answers.
fn ask(port: u16) -> Option<String> {
    try_to_ask(port).ok()
}

fn try_to_ask(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).filter(|body| !body.is_empty());
    body.ok_or_else(|| std::io::Error::other(format!("an answer that ended after {text:?}")))
}

fn pids(daemon: &Daemon) -> BTreeSet<u32> {
    daemon.list().iter().map(|one| u32::try_from(one["pid"].as_u64().unwrap()).unwrap()).collect()
}

/// Every process that was started with this file.
fn processes(file: &Path) -> BTreeSet<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let line = |pid: &u32| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    all.filter(|pid| line(pid).split(|byte| *byte == 0).any(|word| word == file.as_os_str().as_encoded_bytes())).collect()
}

/// Asks without a pause until it is told to end. Gives how many answers came, and how many did not.
struct Load(Arc<AtomicBool>, Vec<JoinHandle<(usize, usize)>>);

impl Load {
    fn on(port: u16) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let client = |_| {
            let end = end.clone();
            std::thread::spawn(move || {
                let mut counts = (0, 0);
                while !end.load(Ordering::Relaxed) {
                    match try_to_ask(port) {
                        Ok(_) => counts.0 += 1,
                        Err(error) => {
                            eprintln!("a request failed: {error}");
                            counts.1 += 1;
                        }
                    }
                }
                counts
            })
        };
        let clients = (0..3).map(client).collect();
        Self(end, clients)
    }

    fn end(self) -> (usize, usize) {
        self.0.store(true, Ordering::Relaxed);
        self.1.into_iter().map(|client| client.join().unwrap()).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }
}

#[test]
fn workers_share_a_port() {
    let (daemon, port) = serve("app.js", "cluster", 2);
    let mut seen = BTreeSet::new();
    daemon.until("both have answered", || {
        seen.extend(ask(port));
        seen.len() == 2
    });
    let pids = pids(&daemon);
    for (answer, id) in seen.iter().zip(1..) {
        let words: Vec<&str> = answer.split(' ').collect();
        assert_eq!(words[..2], ["true", id.to_string().as_str()], "{seen:?}");
        assert!(pids.contains(&words[2].parse().unwrap()), "{seen:?} {pids:?}");
    }
    // One that falls leaves the port to the other.
    daemon.done("scale a 1");
    for _ in 0..20 {
        assert!(ask(port).is_some_and(|answer| answer.starts_with("true 1")));
    }
}

#[test]
fn no_request_fails_while_workers_are_replaced() {
    let (daemon, port) = serve("app.js", "cluster", 2);
    let load = Load::on(port);
    let mut before = pids(&daemon);
    let rounds = number("QD_RELOADS").unwrap_or(5);
    for _ in 0..rounds {
        daemon.done("reload a");
        let after = pids(&daemon);
        assert!(before.is_disjoint(&after), "{before:?} {after:?}");
        assert!(before.iter().all(|pid| !runs(*pid)), "an old one still runs");
        before = after;
    }
    let (answered, failed) = load.end();
    assert!(answered > 0 && failed == 0, "{failed} of {} requests failed", answered + failed);
    let events = daemon.events("a");
    let of = |pid: u32, kind: &str| events.iter().filter(|event| event["pid"] == pid && event["kind"] == kind).count();
    for pid in events.iter().filter_map(|event| u32::try_from(event["pid"].as_u64()?).ok()) {
        assert_eq!((of(pid, "start"), of(pid, "exit")), (1, usize::from(!before.contains(&pid))), "{pid}: {events:#?}");
    }
    assert_eq!(daemon.restarts("a"), rounds);
}

#[test]
fn a_release_that_fails_leaves_the_old_one() {
    let (daemon, port) = serve("app.js", "cluster", 1);
    let pid = daemon.pid("a");
    for (release, why) in [("broken", "exit 3"), ("idle", "did not listen on port")] {
        daemon.place.write("release", release);
        let ended = daemon.place.qd("reload a");
        assert_ne!(ended.code, Some(0));
        assert!(ended.err.contains(why) && ended.err.contains("which goes on"), "{ended:?}");
        assert_eq!((daemon.pid("a"), daemon.restarts("a")), (pid, 0));
        assert!(ask(port).is_some_and(|answer| answer.ends_with(&pid.to_string())));
        let told = daemon.events("a").pop().unwrap();
        assert!(told["kind"] == "spawn-failed" && told["message"].as_str().unwrap().contains(why), "{told}");
    }
    // Nor does a definition stay that was only tried.
    daemon.place.write("release", "");
    daemon.place.write("ecosystem.config.json", r#"{"apps":[{"name":"a","script":"gone.js","exec_mode":"cluster"}]}"#);
    let ended = daemon.place.qd("reload ecosystem.config.json");
    assert!(ended.code != Some(0) && ended.err.contains("gone.js"), "{ended:?}");
    crate::common::daemon::kill(pid);
    daemon.until("it is back", || daemon.runs_anew("a", pid));
    daemon.until("it answers", || ask(port).is_some());
}

/// Begins a reload, ends `qd` while the new process is there and never becomes ready, and starts `qd` again.
fn kill_amid_a_reload(daemon: &mut Daemon, app: &Path) {
    daemon.place.write("release", "idle");
    let mut reload = daemon.place.command(qd(), ["reload", "a"]).spawn().unwrap();
    daemon.until("there are two", || processes(app).len() == 2);
    daemon.kill();
    reload.wait().unwrap();
    daemon.place.write("release", "");
    daemon.come_back();
}

#[test]
fn a_reload_waits_for_what_is_left_of_one_that_was_cut_short() {
    let (mut daemon, port) = serve("app.js", "cluster", 1);
    let (old, app) = (daemon.pid("a"), daemon.place.path().join("app.js"));
    kill_amid_a_reload(&mut daemon, &app);
    // Which takes `kill_timeout`.
    let load = Load::on(port);
    daemon.done("reload a");
    let (answered, failed) = load.end();
    assert!(answered > 0 && failed == 0, "{failed} of {} requests failed", answered + failed);
    assert_ne!(daemon.pid("a"), old);
    assert_eq!(processes(&app), BTreeSet::from([daemon.pid("a")]));
}

#[test]
fn a_kill_amid_a_reload_leaves_one_of_each() {
    let (mut daemon, port) = serve("app.js", "cluster", 1);
    let (old, app) = (daemon.pid("a"), daemon.place.path().join("app.js"));
    kill_amid_a_reload(&mut daemon, &app);
    daemon.until("there is one", || processes(&app) == BTreeSet::from([old]));
    assert_eq!(daemon.pid("a"), old);
    // The socket is in the worker alone now, and is found there.
    let load = Load::on(port);
    daemon.done("reload a");
    let (answered, failed) = load.end();
    assert!(answered > 0 && failed == 0, "{failed} of {} requests failed", answered + failed);
    assert_ne!(daemon.pid("a"), old);
    let events = daemon.events("a");
    let kinds: Vec<_> = events.iter().filter_map(|event| event["kind"].as_str()).collect();
    assert_eq!(kinds, ["added", "start", "adopted", "start", "exit"], "{events:#?}");
}

#[test]
fn a_stop_amid_a_reload_stops_both() {
    let (daemon, port) = serve("app.js", "cluster", 1);
    daemon.place.write("release", "idle");
    let app = daemon.place.path().join("app.js");
    let mut reload = daemon.place.command(qd(), ["reload", "a"]).spawn().unwrap();
    daemon.until("there are two", || processes(&app).len() == 2);
    daemon.done("stop a");
    assert!(!reload.wait().unwrap().success());
    assert!(processes(&app).is_empty() && ask(port).is_none());
    assert_eq!(daemon.status("a"), "stopped");
}

#[test]
fn what_shares_its_port_is_replaced_without_a_gap() {
    if !has_python() {
        return skipped("a reload over SO_REUSEPORT, because there is no python3 to listen");
    }
    for instances in [1, 2] {
        let (daemon, port) = serve("app.py", "fork", instances);
        let load = Load::on(port);
        let old = pids(&daemon);
        for _ in 0..number("QD_RELOADS").unwrap_or(3) {
            daemon.done("reload a");
        }
        let (answered, failed) = load.end();
        let said = || std::fs::read_to_string(daemon.said()).unwrap();
        assert!(answered > 0 && failed == 0, "{failed} of {} requests failed: {}", answered + failed, said());
        assert!(!old.iter().any(|pid| runs(*pid)));
        let events = daemon.events("a");
        let at = |kind: &str| events.iter().rposition(|event| event["kind"] == kind).unwrap();
        assert!(at("start") < at("exit"), "the old one went first: {events:#?}");
        let now: BTreeSet<String> = pids(&daemon).iter().map(|pid| format!("- - {pid}")).collect();
        let mut seen = BTreeSet::new();
        daemon.until("all have answered", || {
            seen.extend(ask(port));
            seen == now
        });
    }
}

/// Accepts what it inherited from 3 on, as any program that knows systemd's sockets.
const INHERITS: &str = r#"
import os, signal, socket
assert os.environ["LISTEN_FDS"] == "1" and int(os.environ["LISTEN_PID"]) == os.getpid(), os.environ
s = socket.socket(fileno=3)
s.settimeout(0.02)
leaving = []
signal.signal(signal.SIGINT, lambda *_: leaving.append(1))
while not leaving:
    try: c, _ = s.accept()
    except TimeoutError: continue
    c.settimeout(None)
    c.recv(1000)
    c.sendall(b"HTTP/1.0 200 OK\r\n\r\n- - %d" % os.getpid())
    c.close()
"#;

#[test]
fn no_request_fails_on_an_inherited_socket_whatever_happens_to_the_app() {
    if !has_python() {
        return skipped("LISTEN_FDS, because there is no python3 to inherit a socket");
    }
    let (place, port) = (Place::new(), free_port());
    place.write("app.py", INHERITS);
    let app = format!(r#"{{"apps":[{{"name":"a","script":"app.py","listen":{port},"min_uptime":100,"kill_timeout":2000}}]}}"#);
    let mut daemon = Daemon::serve_in(place, &app, 1);
    let load = Load::on(port);
    for _ in 0..number("QD_RELOADS").unwrap_or(3) {
        let old = daemon.pid("a");
        daemon.done("reload a");
        assert!(daemon.runs_anew("a", old) && !runs(old));
        // Nobody is refused while there is no process at all.
        daemon.done("restart a");
    }
    // Nor by the next supervisor, which finds the socket in the app.
    daemon.kill();
    daemon.come_back();
    daemon.until_online(1);
    daemon.done("reload a");
    daemon.done("restart a");
    let (answered, failed) = load.end();
    assert!(answered > 0 && failed == 0, "{failed} of {} requests failed", answered + failed);
    daemon.done("stop a");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "somebody would wait for an app that was stopped");
}

#[test]
fn a_port_that_somebody_has_is_told() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let app = format!(r#"{{"apps":[{{"name":"a","script":"sleep","args":"600","listen":"{address}","max_restarts":1}}]}}"#);
    let daemon = Daemon::serve_in(Place::new(), &app, 0);
    let is_told = || daemon.instance("a")["reason"].as_str().is_some_and(|why| why.contains(&format!("listen on {address}")));
    daemon.until("it is told", is_told);
    drop(other);
    daemon.until_online(1);
}

#[test]
fn what_cannot_share_its_port_is_restarted() {
    let (daemon, port) = serve("app.js", "fork", 1);
    let old = daemon.pid("a");
    daemon.done("reload a");
    let events = daemon.events("a");
    let at = |kind: &str| events.iter().rposition(|event| event["kind"] == kind).unwrap();
    assert!(at("exit") < at("start"), "{events:#?}");
    daemon.until("it answers", || ask(port).is_some());
    assert!(daemon.runs_anew("a", old));
}
