//! What `qd` listens on for an app. The sockets stay open while one of its instances is to run, so that connections wait for the
//! next process instead of being refused, and all processes of the app accept from the same queue.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use app::model::ListenAddress;

use crate::process::{self, SpawnError};

#[derive(Debug, Default)]
pub(super) struct Sockets(Mutex<BTreeMap<ListenAddress, Held>>);

#[derive(Debug)]
struct Held {
    socket: Arc<OwnedFd>,
    /// Instances that are to have it.
    by: BTreeSet<u32>,
}

impl Sockets {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ListenAddress, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sockets for a process of an instance, in this order. What only an earlier definition of it asked for is let go.
    ///
    /// # Errors
    /// One of them cannot be opened.
    pub(super) fn take(&self, pm_id: u32, addresses: &[ListenAddress]) -> Result<Vec<OwnedFd>, SpawnError> {
        let mut all = self.lock();
        let_go(&mut all, pm_id, addresses);
        let mut sockets = Vec::new();
        for address in addresses {
            let refused = |error: std::io::Error| SpawnError::Listen(address.clone(), error.to_string());
            if !all.contains_key(address) {
                let socket = Arc::new(process::listen_on(address).map_err(refused)?);
                all.insert(address.clone(), Held { socket, by: BTreeSet::new() });
            }
            if let Some(held) = all.get_mut(address) {
                held.by.insert(pm_id);
                sockets.push(held.socket.try_clone().map_err(refused)?);
            }
        }
        Ok(sockets)
    }

    /// Takes back what an instance has from an earlier supervisor.
    pub(super) fn take_back(&self, pm_id: u32, addresses: &[ListenAddress], pid: u32) {
        let mut all = self.lock();
        for address in addresses {
            if !all.contains_key(address)
                && let Some(socket) = process::find_listener(address, pid)
            {
                all.insert(address.clone(), Held { socket: Arc::new(socket), by: BTreeSet::new() });
            }
            if let Some(held) = all.get_mut(address) {
                held.by.insert(pm_id);
            }
        }
    }

    /// This instance is not to run. What nobody else has is closed.
    pub(super) fn release(&self, pm_id: u32) {
        let_go(&mut self.lock(), pm_id, &[]);
    }

    /// Can another process run beside these, with the same sockets?
    pub(super) fn beside(&self, pids: &[u32]) -> bool {
        process::share_their_ports(pids, self.lock().values().map(|held| &*held.socket)) == Some(true)
    }
}

fn let_go(all: &mut BTreeMap<ListenAddress, Held>, pm_id: u32, except: &[ListenAddress]) {
    all.retain(|address, held| {
        if !except.contains(address) {
            held.by.remove(&pm_id);
        }
        !held.by.is_empty()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_as_long_as_somebody_is_to_run() {
        let folder = tempfile::tempdir().unwrap();
        let address = |name: &str| ListenAddress::Unix(folder.path().join(name).to_str().unwrap().into());
        let is_open = |name: &str| std::os::unix::net::UnixStream::connect(folder.path().join(name)).is_ok();
        let sockets = Sockets::default();
        let both = [address("b"), address("a")];
        assert_eq!(sockets.take(1, &both).unwrap().len(), 2);
        assert_eq!(sockets.take(2, &both[..1]).unwrap().len(), 1);
        assert!(is_open("a") && is_open("b"));
        assert_eq!(sockets.take(1, &both[..1]).unwrap().len(), 1);
        assert!(!is_open("a"), "its definition changed");
        sockets.release(1);
        assert!(is_open("b"));
        sockets.release(2);
        assert!(!is_open("b"));
        let other = Sockets::default();
        other.take(1, &both).unwrap();
        let error = sockets.take(1, &both).unwrap_err().to_string();
        assert!(error.contains("Address already in use") && error.contains("change `listen`"), "{error}");
        sockets.take_back(1, &both, std::process::id());
        drop(other);
        assert!(is_open("a") && is_open("b"), "taken back");
    }
}
