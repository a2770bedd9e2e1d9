//! What the routes need.

use std::sync::Arc;

use tokio::sync::watch;

use super::stream::Streams;
use crate::auth::{Auth, Principal};
use crate::control::{Actor, Control};

/// How many clients may follow the live stream at a time, unless told otherwise.
pub const STREAMS: usize = 10_000;

/// What the routes need. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    pub(crate) control: Arc<dyn Control>,
    pub(crate) auth: Auth,
    pub(super) streams: Streams,
}

impl Context {
    /// Brings together what answers and who may ask. Live streams end when `stop` becomes true; at most `streams` of them
    /// are open at a time. To be called within a tokio runtime.
    #[must_use]
    pub fn new(control: Arc<dyn Control>, auth: Auth, streams: usize, stop: watch::Receiver<bool>) -> Self {
        Self { control, auth, streams: Streams::new(streams, stop) }
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

/// Who sends the requests of a connection, as far as the kernel knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Anybody: through a tunnel the whole world comes from 127.0.0.1.
    Network,
    /// A process of this host with this effective user id, over the socket in the home folder (`SO_PEERCRED`, unix(7)).
    Local {
        /// The user id.
        uid: u32,
    },
}

/// The one who asks, in the words of the events.
pub(crate) fn actor(principal: &Principal) -> Actor {
    Actor { name: principal.name.to_string() }
}
