//! What the tests share: a node with scripted answers behind a real listener and a plain client; and a real node.

mod client;
pub(crate) mod clock;
pub(crate) mod daemon;
mod events;
mod fake;
pub(crate) mod invariants;
mod node;
mod place;
mod ports;
pub(crate) mod random;
pub(crate) mod sample;

pub(crate) use client::{Answer, Client};
pub(crate) use daemon::Daemon;
pub(crate) use events::EventStream;
pub(crate) use fake::Fake;
pub(crate) use node::{Node, Options};
pub(crate) use place::{Ended, Place, has_python, qd, skipped};
pub(crate) use ports::{free_port, two_free_ports};
