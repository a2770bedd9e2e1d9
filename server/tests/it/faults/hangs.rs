//! A program on a file system that does not answer: execve(2) does not come back.

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};

use super::filter;
use super::listener::{answer, next};
use crate::common::daemon::kill;
use crate::common::invariants::PLAIN;
use crate::common::{Daemon, Ended, Place, qd};

/// Holds up whoever is to become a program in this folder, until it is told to go on.
fn hold(socket: std::os::unix::net::UnixStream, folder: PathBuf, go_on: Receiver<()>) {
    std::thread::spawn(move || {
        let Ok(Some(listener)) = filter::receive(&socket) else { return };
        let (mut held, mut holds) = (Vec::new(), true);
        while let Some(asked) = next(&listener) {
            holds = holds && go_on.try_recv().is_err();
            if holds && fs::read_link(format!("/proc/{}/cwd", asked.pid)).is_ok_and(|cwd| cwd == folder) {
                held.push(asked.id);
                continue;
            }
            let _ = answer(&listener, asked.id, 0);
            if !holds {
                held.drain(..).for_each(|id| _ = answer(&listener, id, 0));
            }
        }
    });
}

#[test]
fn a_program_that_hangs_while_it_is_loaded_holds_up_nobody_else() {
    if let Err(error) = super::can_ask() {
        return crate::common::skipped(&format!("a program that hangs, because the host lets nobody ask about it: {error}"));
    }
    let place = Place::new();
    place.write("plain.sh", PLAIN);
    let far = place.path().join("far");
    fs::create_dir(&far).unwrap();
    let app = |name: &str, cwd: &str| serde_json::json!({"name": name, "script": place.path().join("plain.sh"), "cwd": cwd});
    let apps = [app("far", far.to_str().unwrap()), app("near", place.path().to_str().unwrap())];
    let mut daemon = Daemon::at_rest(place, &serde_json::json!({ "apps": apps }).to_string());
    let (let_go, go_on) = channel();
    let mut parts = Some((far, go_on));
    daemon
        .try_begin(|command| {
            let socket = filter::ask_about(command, &[libc::SYS_execve]).unwrap();
            let (far, go_on) = parts.take().unwrap();
            hold(socket, far, go_on);
        })
        .unwrap();
    daemon.until("the other one runs", || daemon.status("near") == "online");
    let first = daemon.pid("near");
    kill(first);
    daemon.until("it runs again", || ![0, first].contains(&daemon.pid("near")));
    let asked = Ended::of(daemon.place.command(qd(), ["stop", "far"]));
    assert!(asked.code != Some(0) && asked.err.contains("does the file system"), "{asked:?}");
    assert_eq!(daemon.status("far"), "launching");
    let_go.send(()).unwrap();
    // Whatever is started next is asked about, and tells the other one to go on.
    assert_eq!(daemon.place.qd("restart near").code, Some(0));
    daemon.until("what was asked for is done", || daemon.status("far") == "stopped");
    let ended = Ended::of(daemon.place.command(qd(), ["kill"]));
    assert_eq!(ended.code, Some(0), "{ended:?}");
}
