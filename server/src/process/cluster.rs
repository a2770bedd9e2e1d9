//! The primary's side of Node's `cluster`: what its workers ask over their channel, and the sockets that they share
//! (`lib/internal/cluster/child.js` and `shared_handle.js` of Node; the same from Node 12 on).
//!
//! A worker never opens a socket itself. It asks for one, gets it with the answer, and calls listen(2) on it: all workers
//! accept from one queue, which stays when one of them goes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType, bind, getsockname, socket_with, sockopt,
};
use serde::Deserialize;
use serde_json::Value;

use super::sockets::{bind_path, family, is_listening, sockets_of};

/// Whoever takes a socket over expects that it never blocks.
const FLAGS: SocketFlags = SocketFlags::CLOEXEC.union(SocketFlags::NONBLOCK);
/// Flag of a query: not for IPv4 too (`UV_TCP_IPV6ONLY`, `UV_UDP_IPV6ONLY`).
const IPV6_ONLY: u32 = 1;
/// Flag of a query: others may bind the same address (`UV_UDP_REUSEADDR`).
const UDP_REUSE: u32 = 4;

/// What a worker says.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "act", rename_all = "camelCase")]
pub enum ClusterWord {
    /// It wants a socket.
    QueryServer(Query),
    /// It has closed one.
    Close {
        /// The key that the answer named.
        key: String,
    },
    /// It is about to leave, and waits for an answer.
    ExitedAfterDisconnect {
        /// Number of the message.
        seq: u64,
    },
    /// Something that needs no answer.
    #[serde(other)]
    Other,
}

/// A socket that a worker wants.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Query {
    /// Number of the message.
    pub seq: u64,
    /// What workers of the same app tell each other over their primary: the keys of TLS tickets.
    #[serde(default)]
    pub data: Value,
    address: Option<String>,
    #[serde(default)]
    port: i64,
    address_type: Value,
    fd: Option<i64>,
    flags: Option<u32>,
    #[serde(default)]
    index: u64,
}

/// The socket that is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Tcp(AddressFamily),
    Udp(AddressFamily),
    Path,
}

impl Query {
    /// What is the same for all workers that want to share this socket.
    #[must_use]
    pub fn key(&self) -> String {
        let address = self.address.as_deref().unwrap_or_default();
        let kind = self.address_type.as_str().map_or_else(|| self.address_type.to_string(), str::to_owned);
        format!("{address}:{}:{kind}:{}:{}", self.port, self.fd.unwrap_or(-1), self.index)
    }

    /// Is a datagram socket wanted? Node takes these under another name.
    #[must_use]
    pub fn is_udp(&self) -> bool {
        matches!(self.kind(), Ok(Kind::Udp(_)))
    }

    fn kind(&self) -> io::Result<Kind> {
        if self.fd.is_some_and(|fd| fd >= 0) {
            // The number means a file of the primary: there is none that an app could know.
            return Err(Errno::BADF.into());
        }
        match (self.address_type.as_i64(), self.address_type.as_str()) {
            (Some(4), _) => Ok(Kind::Tcp(AddressFamily::INET)),
            (Some(6), _) => Ok(Kind::Tcp(AddressFamily::INET6)),
            (Some(-1), _) => Ok(Kind::Path),
            (_, Some("udp4")) => Ok(Kind::Udp(AddressFamily::INET)),
            (_, Some("udp6")) => Ok(Kind::Udp(AddressFamily::INET6)),
            _ => Err(Errno::INVAL.into()),
        }
    }

    /// Where it is to be bound: the first that works.
    fn addresses(&self, kind: Kind) -> io::Result<Vec<SocketAddr>> {
        let port = u16::try_from(self.port).map_err(|_| Errno::INVAL)?;
        let family = if let Kind::Tcp(family) | Kind::Udp(family) = kind { family } else { AddressFamily::INET };
        let (any4, any6) = (IpAddr::from(Ipv4Addr::UNSPECIFIED), IpAddr::from(Ipv6Addr::UNSPECIFIED));
        let addresses = match (self.address.as_deref(), kind) {
            // Node listens on both kinds of addresses where there is none (net.js, `createServerHandle`).
            (None | Some(""), Kind::Tcp(_)) => vec![any6, any4],
            (None | Some(""), _) => vec![if family == AddressFamily::INET { any4 } else { any6 }],
            (Some(address), _) => vec![address.parse().map_err(|_| Errno::INVAL)?],
        };
        Ok(addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    }

    /// Makes the socket.
    ///
    /// # Errors
    /// As bind(2): above all, somebody else has the address.
    pub fn bind(&self) -> io::Result<OwnedFd> {
        match self.kind()? {
            Kind::Path => bind_path(Path::new(self.address.as_deref().unwrap_or_default()), FLAGS),
            kind => {
                let mut last = Errno::INVAL.into();
                for address in self.addresses(kind)? {
                    match self.bind_to(kind, address) {
                        Ok(socket) => return Ok(socket),
                        Err(error) => last = error,
                    }
                    // A host may have no IPv6. Whoever has the address keeps it.
                    if last.raw_os_error() == Some(Errno::ADDRINUSE.raw_os_error()) {
                        break;
                    }
                }
                Err(last)
            }
        }
    }

    fn bind_to(&self, kind: Kind, address: SocketAddr) -> io::Result<OwnedFd> {
        let family = family(&address);
        let is_udp = matches!(kind, Kind::Udp(_));
        let socket = socket_with(family, if is_udp { SocketType::DGRAM } else { SocketType::STREAM }, FLAGS, None)?;
        let flags = self.flags.unwrap_or(0);
        if !is_udp || flags & UDP_REUSE != 0 {
            sockopt::set_socket_reuseaddr(&socket, true)?;
        }
        if family == AddressFamily::INET6 {
            sockopt::set_ipv6_v6only(&socket, flags & IPV6_ONLY != 0)?;
        }
        bind(&socket, &address)?;
        Ok(socket)
    }

    /// The socket, from another process that has it already: after we have been away, the workers alone do. None if that
    /// process has no such socket, or the kernel does not hand it over.
    #[must_use]
    pub fn find_in(&self, pid: u32) -> Option<OwnedFd> {
        let kind = self.kind().ok()?;
        // Any port is another one for each socket.
        if self.port == 0 {
            return None;
        }
        let wanted: Vec<SocketAddrAny> = if kind == Kind::Path {
            vec![SocketAddrUnix::new(self.address.as_deref()?).ok()?.into()]
        } else {
            self.addresses(kind).ok()?.into_iter().map(SocketAddrAny::from).collect()
        };
        let kind = if matches!(kind, Kind::Udp(_)) { SocketType::DGRAM } else { SocketType::STREAM };
        sockets_of(pid).into_iter().find(|socket| {
            sockopt::socket_type(socket) == Ok(kind)
                && (kind == SocketType::DGRAM || is_listening(socket))
                && getsockname(socket).is_ok_and(|address| wanted.contains(&address))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::testing::wait_for;
    use rustix::net::listen;
    use std::net::TcpStream;

    fn query(text: &str) -> Query {
        let ClusterWord::QueryServer(query) = serde_json::from_str(text).unwrap() else { panic!("{text}") };
        query
    }

    fn port_of(socket: &OwnedFd) -> u16 {
        SocketAddr::try_from(getsockname(socket).unwrap()).unwrap().port()
    }

    #[test]
    fn words_of_a_worker() {
        let text = r#"{"cmd":"NODE_CLUSTER","act":"queryServer","index":0,"data":null,"address":null,"port":3000,"addressType":4,"backlog":511,"seq":1}"#;
        let asked = query(text);
        assert_eq!((asked.seq, asked.key().as_str(), asked.is_udp()), (1, ":3000:4:-1:0", false));
        let read = |text: &str| serde_json::from_str::<ClusterWord>(text).unwrap();
        assert_eq!(read(r#"{"cmd":"NODE_CLUSTER","act":"close","key":"k","seq":4}"#), ClusterWord::Close { key: "k".into() });
        assert_eq!(read(r#"{"act":"exitedAfterDisconnect","seq":7}"#), ClusterWord::ExitedAfterDisconnect { seq: 7 });
        for other in [r#"{"act":"online","seq":0}"#, r#"{"act":"listening","address":null,"port":1,"seq":2}"#] {
            assert_eq!(read(other), ClusterWord::Other);
        }
    }

    #[test]
    fn a_socket_is_bound_listens_and_is_found_again() {
        let asked = query(r#"{"act":"queryServer","address":"127.0.0.1","port":0,"addressType":4,"seq":1}"#);
        let socket = asked.bind().unwrap();
        listen(&socket, 5).unwrap();
        let port = port_of(&socket);
        let text = format!(r#"{{"act":"queryServer","address":"127.0.0.1","port":{port},"addressType":4,"seq":1}}"#);
        let again = query(&text);
        let error = again.bind().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        let found = again.find_in(std::process::id()).expect("our own socket");
        drop(socket);
        assert!(TcpStream::connect(("127.0.0.1", port)).is_ok(), "the copy holds it open");
        drop(found);
        assert!(again.find_in(std::process::id()).is_none());
    }

    #[test]
    fn any_address_is_both_kinds() {
        let socket = query(r#"{"act":"queryServer","address":null,"port":0,"addressType":4,"seq":1}"#).bind().unwrap();
        listen(&socket, 5).unwrap();
        assert!(TcpStream::connect(("127.0.0.1", port_of(&socket))).is_ok());
    }

    #[test]
    fn datagrams() {
        let asked = query(r#"{"act":"queryServer","address":"127.0.0.1","port":0,"addressType":"udp4","flags":0,"seq":1}"#);
        assert!(asked.is_udp());
        assert_eq!(sockopt::socket_type(asked.bind().unwrap()).unwrap(), SocketType::DGRAM);
    }

    #[test]
    fn a_path_that_a_killed_one_left_behind_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let text = serde_json::json!({ "act": "queryServer", "address": path, "port": -1, "addressType": -1, "seq": 1 });
        let asked = query(&text.to_string());
        let first = asked.bind().unwrap();
        listen(&first, 5).unwrap();
        assert_eq!(asked.bind().unwrap_err().kind(), io::ErrorKind::AddrInUse, "somebody listens there");
        assert!(asked.find_in(std::process::id()).is_some());
        drop(first);
        // What another test starts at this moment holds a copy until it is another program.
        wait_for("the place of the one that is gone", || asked.bind().ok());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in [
            r#"{"act":"queryServer","address":"not an address","port":1,"addressType":4,"seq":1}"#,
            r#"{"act":"queryServer","address":"127.0.0.1","port":70000,"addressType":4,"seq":1}"#,
            r#"{"act":"queryServer","address":"127.0.0.1","port":1,"addressType":5,"seq":1}"#,
            r#"{"act":"queryServer","address":null,"port":-1,"addressType":4,"fd":3,"seq":1}"#,
        ] {
            assert!(query(text).bind().is_err(), "{text}");
        }
    }
}
