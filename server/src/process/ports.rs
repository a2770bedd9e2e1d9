//! Which TCP port a tree of processes listens on (proc_pid_net(5), proc_pid_fd(5)).

use std::collections::{BTreeSet, HashMap};

/// `TCP_LISTEN` of include/net/tcp_states.h, as `/proc/net/tcp` writes it.
const LISTEN: &str = "0A";

/// Remembers the ports of trees, because looking through the descriptors of a process is dear: it is done again only when
/// the listening sockets of the host or the processes of the tree have changed.
#[derive(Debug, Default)]
pub struct Ports {
    /// Port by the inode of its listening socket.
    listening: HashMap<u64, u16>,
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
        let mut listening = HashMap::new();
        for path in ["/proc/net/tcp", "/proc/net/tcp6"] {
            if let Ok(text) = std::fs::read_to_string(path) {
                listening.extend(text.lines().skip(1).filter_map(parse_line));
            }
        }
        if listening != self.listening {
            self.listening = listening;
            self.changes += 1;
        }
    }

    /// The port of a tree, which the caller names by a number of its own: the expected one if it listens there, else the lowest.
    pub fn of(&mut self, tree: u32, pids: &[u32], expected: Option<u16>) -> Option<u16> {
        let known = self.known.entry(tree).or_default();
        if known.changes != self.changes || known.pids != pids {
            let sockets = pids.iter().flat_map(|pid| sockets(*pid));
            known.ports = sockets.filter_map(|inode| self.listening.get(&inode).copied()).collect();
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

/// Inode and port of a line of `/proc/net/tcp`, if it is of a listening socket.
fn parse_line(line: &str) -> Option<(u64, u16)> {
    let mut fields = line.split_ascii_whitespace();
    let local = fields.nth(1)?;
    if fields.nth(1)? != LISTEN {
        return None;
    }
    let port = u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()?;
    Some((fields.nth(5)?.parse().ok()?, port))
}

fn sockets(pid: u32) -> Vec<u64> {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    let targets = entries.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
    targets.filter_map(|target| target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_kernel() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 0000 100 0 0 10 0";
        assert_eq!(parse_line(line), Some((12345, 8080)));
        assert_eq!(parse_line(&line.replace(" 0A ", " 01 ")), None);
        assert_eq!(parse_line("torn"), None);
    }

    #[test]
    fn our_own_listener_is_found_and_forgotten() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = |listener: &std::net::TcpListener| listener.local_addr().unwrap().port();
        let (mut ports, own) = (Ports::default(), [std::process::id()]);
        ports.refresh();
        assert_eq!(ports.of(1, &own, Some(port(&listener))), Some(port(&listener)));
        assert_eq!(ports.of(1, &own, Some(port(&other))), Some(port(&other)));
        assert_eq!(ports.of(2, &[], None), None);
    }
}
