//! Which TCP port a tree of processes listens on (proc_pid_fd(5)).

use std::collections::{BTreeSet, HashMap};
use std::net::{Ipv6Addr, SocketAddr};

use super::listeners::listening;
use super::marker::MarkerCache;
use super::table::Table;
use super::tree::Tree;

/// Remembers the ports of trees, because looking through the descriptors of a process is dear: it is done again only when
/// the listening sockets of the host or the processes of the tree have changed.
#[derive(Debug, Default)]
pub struct Ports {
    /// Where each listening socket listens, by its inode.
    listening: HashMap<u64, SocketAddr>,
    changes: u64,
    known: HashMap<u32, Known>,
}

#[derive(Debug, Default)]
struct Known {
    changes: u64,
    pids: Vec<u32>,
    ports: BTreeSet<u16>,
}

impl Ports {
    /// Reads the listening sockets of the host.
    pub fn refresh(&mut self) {
        let listening = listening();
        if listening != self.listening {
            self.listening = listening;
            self.changes += 1;
        }
    }

    /// The port of a tree, which the caller names by a number of its own: the expected one if it listens there, else the lowest.
    pub fn of(&mut self, tree: u32, pids: &[u32], expected: Option<u16>) -> Option<u16> {
        let known = self.known.entry(tree).or_default();
        if known.changes != self.changes || known.pids != pids {
            let sockets = pids.iter().flat_map(|pid| sockets(*pid).unwrap_or_default());
            known.ports = sockets.filter_map(|inode| self.listening.get(&inode)).map(SocketAddr::port).collect();
            known.changes = self.changes;
            known.pids = pids.to_vec();
        }
        expected.filter(|port| known.ports.contains(port)).or_else(|| known.ports.first().copied())
    }

    /// Forgets trees that are gone.
    pub fn keep(&mut self, is_wanted: impl Fn(u32) -> bool) {
        self.known.retain(|tree, _| is_wanted(*tree));
    }
}

/// Every TCP port that one of these processes listens on.
#[must_use]
pub fn ports_of(pids: &[u32]) -> BTreeSet<u16> {
    let listening = listening();
    let sockets = pids.iter().flat_map(|pid| sockets(*pid).unwrap_or_default());
    sockets.filter_map(|inode| listening.get(&inode)).map(SocketAddr::port).collect()
}

/// Where somebody listens on a port, and can be reached from here, but for 127.0.0.1: what listens there alone, or at every address, is
/// reached there.
#[must_use]
pub fn other_addresses_of(port: u16) -> BTreeSet<SocketAddr> {
    let reachable = |mut at: SocketAddr| {
        if at.ip() == Ipv6Addr::UNSPECIFIED {
            at.set_ip(Ipv6Addr::LOCALHOST.into());
        }
        // Of these it is not known which interface is meant.
        let is_local = matches!(at, SocketAddr::V6(at) if at.ip().is_unicast_link_local());
        (!at.ip().is_unspecified() && !is_local && at.ip() != std::net::Ipv4Addr::LOCALHOST).then_some(at)
    };
    listening().into_values().filter(|at| at.port() == port).filter_map(reachable).collect()
}

/// Who listens on a port: processes that have it open. None of those that may not be looked into.
#[must_use]
pub fn listeners_of(port: u16, table: &Table) -> Vec<u32> {
    let listening = listening_on(port);
    let holds = |pid: &u32| !listening.is_empty() && hold(*pid, &listening).unwrap_or(false);
    table.processes().iter().map(|process| process.pid).filter(holds).collect()
}

/// Who listens on a port where none of these trees does, and this process neither. None also where that cannot be told.
#[must_use]
pub fn stranger_on(port: u16, trees: &[Tree]) -> Option<u32> {
    let (table, listening) = (Table::read().ok()?, listening_on(port));
    let (mut cache, mut own) = (MarkerCache::default(), vec![std::process::id()]);
    for tree in trees {
        own.extend(table.members(tree, &mut cache).ok()?.iter().map(|process| process.pid));
    }
    // Who may not be looked into may listen there; who is gone does not.
    let may_hold = |pid: &u32| hold(*pid, &listening).unwrap_or_else(|error| error.kind() != std::io::ErrorKind::NotFound);
    if own.iter().any(may_hold) {
        return None;
    }
    table.processes().iter().map(|process| process.pid).find(|pid| hold(*pid, &listening).unwrap_or(false))
}

/// Inodes of the sockets that listen on a port.
fn listening_on(port: u16) -> BTreeSet<u64> {
    listening().into_iter().filter(|(_, at)| at.port() == port).map(|(inode, _)| inode).collect()
}

/// Does a process hold one of these sockets?
fn hold(pid: u32, inodes: &BTreeSet<u64>) -> std::io::Result<bool> {
    Ok(sockets(pid)?.iter().any(|inode| inodes.contains(inode)))
}

/// Inodes of the sockets that a process holds.
///
/// # Errors
/// It is gone, or we may not see them.
fn sockets(pid: u32) -> std::io::Result<Vec<u64>> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd"))?;
    let targets = entries.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
    Ok(targets.filter_map(|target| target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn port(listener: &TcpListener) -> u16 {
        listener.local_addr().unwrap().port()
    }

    #[test]
    fn our_own_listeners_are_found() {
        let listeners = [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
        let (mut ports, own) = (Ports::default(), [std::process::id()]);
        ports.refresh();
        assert!(listeners.iter().all(|one| ports.listening.values().any(|known| known.port() == port(one))));
        for one in &listeners {
            assert_eq!(ports.of(1, &own, Some(port(one))), Some(port(one)));
            assert!(listeners_of(port(one), &Table::read().unwrap()).contains(&own[0]));
        }
        assert_eq!(ports.of(1, &own, Some(0)), ports.known[&1].ports.first().copied(), "else the lowest");
        assert_eq!(ports.of(2, &[], None), None);
    }

    #[test]
    fn what_is_closed_is_forgotten_and_what_is_new_is_seen() {
        let (mut ports, own) = (Ports::default(), [std::process::id()]);
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        ports.refresh();
        assert_eq!(ports.of(1, &own, Some(port(&first))), Some(port(&first)));
        let closed = port(&first);
        drop(first);
        let second = TcpListener::bind("127.0.0.1:0").unwrap();
        ports.refresh();
        assert_eq!(ports.of(1, &own, Some(port(&second))), Some(port(&second)));
        // Another test may have been given the same number meanwhile, as may `second`.
        assert!(
            closed == port(&second)
                || !ports.known[&1].ports.contains(&closed)
                || TcpListener::bind(("127.0.0.1", closed)).is_err()
        );
        ports.keep(|tree| tree != 1);
        assert!(ports.known.is_empty());
    }

    #[test]
    fn descriptors_are_looked_through_only_after_a_change() {
        let mut ports =
            Ports { listening: HashMap::from([(1, "127.0.0.1:80".parse().unwrap())]), changes: 1, known: HashMap::new() };
        let known = Known { changes: 1, pids: vec![4_000_000_001], ports: BTreeSet::from([80]) };
        ports.known.insert(1, known);
        assert_eq!(ports.of(1, &[4_000_000_001], None), Some(80), "from memory: there is no such process");
        ports.changes += 1;
        assert_eq!(ports.of(1, &[4_000_000_001], None), None);
    }
}
