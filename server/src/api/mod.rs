//! REST and the event stream; `router.rs` alone wires routes.

pub(crate) mod access;
mod apps;
pub(crate) mod boundary;
mod context;
mod control;
pub(crate) mod error;
mod health;
mod node;
mod openapi;
mod past;
mod profiles;
mod prometheus;
pub(crate) mod read;
mod router;
mod stream;

pub use context::{Context, Peer, STREAMS};
pub use error::ApiError;
pub use router::router;
