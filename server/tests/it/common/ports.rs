//! Ports for apps of tests. The kernel gives a port that was asked for and closed again to the next who asks, so that two apps
//! could meet on one.

use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};

/// Below what the kernel gives to who asks for any (`ip_local_port_range`, ip(7)).
const FIRST: u16 = 21_000;
const COUNT: u16 = 11_000;

/// What a run of the tests takes at once. Of runs side by side, that one has it which listens on its first port: to look
/// whether anybody listens on the others would not tell of an app that is about to.
const BLOCK: u16 = 100;

struct Blocks {
    kept: Vec<TcpListener>,
    tried: u16,
    /// From where to where the newest block is not given yet.
    left: std::ops::Range<u16>,
}

/// One that nobody listens on, and that no other test is given.
pub(crate) fn free_port() -> u16 {
    two_free_ports()
}

/// The same for this one and the next.
pub(crate) fn two_free_ports() -> u16 {
    static BLOCKS: Mutex<Blocks> = Mutex::new(Blocks { kept: Vec::new(), tried: 0, left: 0..0 });
    let mut blocks = BLOCKS.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if blocks.left.len() < 2 {
            blocks.take();
        }
        let port = blocks.left.start;
        blocks.left.start += 2;
        if [port, port + 1].iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()) {
            return port;
        }
    }
}

impl Blocks {
    fn take(&mut self) {
        loop {
            assert!(self.tried < COUNT / BLOCK, "all ports were given");
            let first = FIRST + self.tried * BLOCK;
            self.tried += 1;
            if let Ok(listener) = TcpListener::bind(("127.0.0.1", first)) {
                self.kept.push(listener);
                self.left = first + 2..first + BLOCK;
                return;
            }
        }
    }
}
