//! Runs apps: a pure state machine, an actor per instance that carries its effects out, and the manager.

mod adopt;
mod ask;
mod beside;
mod board;
mod change;
mod dependencies;
mod environments;
mod heartbeat;
mod identity;
mod instance;
mod journal;
mod machine;
mod manager;
mod policy;
mod primary;
mod reload;
mod remember;
mod schedule;
mod shared;
mod sockets;
mod starts;
mod store;
mod terms;
mod view;
mod watch;
mod words;

pub use adopt::Earlier;
pub use board::{Board, Sink};
pub use journal::Journal;
pub use machine::Machine;
pub use manager::{Engine, Options};
pub use store::Store;
pub use terms::{Ended, Input, Mono, Why};
pub(crate) use words::duration;
