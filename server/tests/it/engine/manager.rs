//! Under a service manager, which is told how the node is, and starts it again when it hears nothing.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use rustix::process::Signal;

use crate::common::{Daemon, Place, qd};

/// Hears until somebody says this.
fn until_heard(socket: &UnixDatagram, expected: &str) {
    let mut heard = [0; 100];
    loop {
        let length = socket.recv(&mut heard).unwrap_or_else(|error| panic!("never heard {expected}: {error}"));
        if &heard[..length] == expected.as_bytes() {
            return;
        }
    }
}

#[test]
fn it_hears_of_a_node_that_works_and_of_no_app() {
    let place = Place::new();
    place.write("show.sh", "env | grep -c -e ^NOTIFY_SOCKET= -e ^WATCHDOG_ > told; exec sleep 600");
    let path = place.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let mut daemon = Daemon::at_rest(place, r#"{"apps":[{"name":"a","script":"show.sh"}]}"#);
    let begun = daemon.try_begin(|command| {
        command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "1000000");
    });
    begun.unwrap();
    until_heard(&socket, "READY=1");
    until_heard(&socket, "WATCHDOG=1");
    daemon.until_online(1);
    let told = || std::fs::read_to_string(daemon.place.path().join("told")).unwrap_or_default();
    daemon.until("the app looked", || told() == "0\n");
    // The same in another program, which is the same process.
    daemon.done(&format!("upgrade {}", qd()));
    until_heard(&socket, "READY=1");
    until_heard(&socket, "WATCHDOG=1");
    daemon.signal(Signal::TERM);
    until_heard(&socket, "STOPPING=1");
    daemon.until_ended();
}
