//! The primary of a Node cluster: which sockets the workers of an app share.

use std::collections::{BTreeSet, HashMap};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::process::{Channel, ClusterWord, Query};

/// The sockets of one app. A worker is named by the marker of its run.
#[derive(Debug, Default)]
pub(super) struct Primary(Mutex<HashMap<String, Shared>>);

#[derive(Debug)]
struct Shared {
    socket: Arc<OwnedFd>,
    /// Of the first worker, for all: the keys of TLS tickets.
    data: Value,
    workers: BTreeSet<String>,
}

impl Primary {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Shared>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hears a worker and answers it. `siblings` are the processes of the other workers: after we have been away, they have
    /// the sockets that we do not.
    pub(super) fn hear(&self, worker: &str, word: ClusterWord, siblings: &[u32], channel: &mut Channel) {
        match word {
            ClusterWord::QueryServer(query) => self.answer(worker, &query, siblings, channel),
            ClusterWord::Close { key } => self.close(worker, &key),
            ClusterWord::ExitedAfterDisconnect { seq } => channel.say(&json!({ "cmd": "NODE_CLUSTER", "ack": seq }), None),
            ClusterWord::Other => {}
        }
    }

    fn answer(&self, worker: &str, query: &Query, siblings: &[u32], channel: &mut Channel) {
        let key = query.key();
        let mut all = self.lock();
        if !all.contains_key(&key) {
            let found = siblings.iter().find_map(|pid| query.find_in(*pid)).map_or_else(|| query.bind(), Ok);
            match found {
                Ok(socket) => {
                    let shared = Shared { socket: Arc::new(socket), data: query.data.clone(), workers: BTreeSet::new() };
                    all.insert(key.clone(), shared);
                }
                Err(error) => {
                    // The worker tells the app, as if it had tried itself.
                    let errno = -error.raw_os_error().unwrap_or(libc::EINVAL);
                    let (seq, data) = (query.seq, &query.data);
                    let reply = json!({ "cmd": "NODE_CLUSTER", "errno": errno, "key": key, "ack": seq, "data": data });
                    return channel.say(&reply, None);
                }
            }
        }
        if let Some(shared) = all.get_mut(&key) {
            shared.workers.insert(worker.to_owned());
            let reply = json!({ "cmd": "NODE_CLUSTER", "errno": 0, "key": key, "ack": query.seq, "data": shared.data });
            let kind = if query.is_udp() { "dgram.Native" } else { "net.Native" };
            channel.say(&reply, Some((shared.socket.clone(), kind)));
        }
    }

    fn close(&self, worker: &str, key: &str) {
        let mut all = self.lock();
        if let Some(shared) = all.get_mut(key) {
            shared.workers.remove(worker);
            if shared.workers.is_empty() {
                all.remove(key);
            }
        }
    }

    /// Forgets a worker. What nobody else uses is closed, so that the host refuses who would only wait there.
    pub(super) fn forget(&self, worker: &str) {
        self.lock().retain(|_, shared| {
            shared.workers.remove(worker);
            !shared.workers.is_empty()
        });
    }
}

/// What each worker loads before its app: it makes leaving harmless for clients that keep their connections.
pub(super) const WORKER: &str = include_str!("../../node/worker.cjs");
/// How long clients are told that their connections end, in ms, at most.
const FAREWELL_MS: u64 = 1000;

/// Tells a worker to take nothing new, finish what it has, and leave. It has so many ms for that.
pub(super) fn tell_to_leave(channel: &mut Channel, patience_ms: u64) {
    let within = (patience_ms / 2).min(FAREWELL_MS);
    channel.say(&json!({ "cmd": "NODE_CLUSTER", "act": "disconnect", "within": within }), None);
}
