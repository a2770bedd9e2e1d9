//! Another program in the place of the running one. `QD_UPGRADES=100 cargo test -p server --test it upgrades_under_load` does it more often.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::common::daemon::{kill, runs};
use crate::common::random::number;
use crate::common::{Daemon, Place, qd};

/// Asks without a pause, and counts the answers; each question that gets none is a failure.
fn ask(address: &str, stop: &AtomicBool) -> u32 {
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut stream = TcpStream::connect(address).expect("refused");
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        write!(stream, "GET /api/health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut first = String::new();
        BufReader::new(stream).read_line(&mut first).expect("cut off");
        assert!(first.contains(" 200 "), "{first:?}");
        count += 1;
    }
    count
}

#[test]
fn upgrades_under_load() {
    let place = Place::new();
    place.write("count.sh", "n=0; while :; do n=$((n+1)); echo $n; sleep 0.002; done");
    let apps = r#"{"apps":[
        {"name":"count","script":"count.sh"},
        {"name":"exits","script":"sleep","args":"600","autorestart":false},
        {"name":"rests","script":"sleep","args":"600","autostart":false}
    ]}"#;
    let daemon = Daemon::serve_in(place, apps, 2);
    let pid = daemon.pid("count");
    let supervisor = daemon.foreground_pid();
    let files = || std::fs::read_dir(format!("/proc/{supervisor}/fd")).unwrap().count();
    let address =
        std::fs::read_to_string(daemon.place.home().join("run/address")).unwrap().trim_start_matches("http://").to_owned();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asker = scope.spawn(|| ask(&address, &stop));
        let mut opened = Vec::new();
        for round in 0..number("QD_UPGRADES").unwrap_or(10) {
            daemon.done(&format!("upgrade {}", qd()));
            daemon.until_online(2);
            assert_eq!((daemon.pid("count"), daemon.foreground_pid()), (pid, supervisor), "round {round}");
            opened.push(files());
        }
        stop.store(true, Ordering::Relaxed);
        assert!(asker.join().unwrap() > 10);
        assert!(opened.iter().all(|count| *count <= opened[0] + 3), "descriptors are left open: {opened:?}");
    });
    assert_eq!(daemon.status("rests"), "stopped");
    // What was taken over is our own child still: its end is known in full.
    kill(daemon.pid("exits"));
    daemon.until("its end is seen", || daemon.status("exits") == "stopped");
    let exit = daemon.events("exits").into_iter().rfind(|event| event["kind"] == "exit").unwrap();
    assert_eq!(exit["signal"], "SIGKILL", "{exit}");
    daemon.done("stop count");
    assert!(!runs(pid));
    let text = std::fs::read_to_string(daemon.place.home().join("logs/count-out.log")).unwrap();
    assert!(text.lines().map(|line| line.parse::<usize>().unwrap()).eq(1..=text.lines().count()), "lines were lost");
    daemon.done("start count");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", daemon.pid("count"))).unwrap();
    let ours = std::fs::read_to_string("/proc/self/limits").unwrap();
    let open_files = |text: &str| text.lines().find(|line| line.starts_with("Max open files")).map(str::to_owned);
    assert_eq!(open_files(&limits), open_files(&ours), "apps get limits that are not theirs");
}

#[test]
fn what_cannot_take_over_changes_nothing() {
    let daemon = Daemon::serve(r#"{"apps":[{"name":"a","script":"sleep","args":"600"}]}"#, 1);
    let pid = daemon.pid("a");
    for wrong in ["/bin/false", "/etc/passwd", "/no/such/program", "/bin/cat"] {
        let ended = daemon.place.qd(&format!("upgrade {wrong}"));
        assert_eq!(ended.code, Some(1), "{wrong}: {ended:?}");
        assert!(ended.err.len() > 20, "{wrong}: {ended:?}");
    }
    assert_eq!((daemon.pid("a"), daemon.status("a")), (pid, "online".to_owned()));
}
