//! Ports for apps of tests. The kernel gives a port that was asked for and closed again to the next who asks, so that two apps
//! could meet on one.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below what the kernel gives to who asks for any (`ip_local_port_range`, ip(7)).
const FIRST: u16 = 21_000;
const COUNT: u16 = 11_000;

/// One that nobody listens on, and that no other test of this run is given.
pub(crate) fn free_port() -> u16 {
    two_free_ports()
}

/// The same for this one and the next.
pub(crate) fn two_free_ports() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    // Two runs side by side begin at places of their own.
    let begin = u16::try_from(std::process::id() % u32::from(COUNT / 100)).unwrap() * 100;
    loop {
        let taken = TAKEN.fetch_add(2, Ordering::Relaxed);
        assert!(taken < COUNT, "all ports were given");
        let port = FIRST + (begin + taken) % COUNT;
        if [port, port + 1].iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()) {
            return port;
        }
    }
}
