//! Listening sockets that outlive a process: opened here, inherited by apps, and found again in them.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use app::model::ListenAddress;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType, bind, getsockname, listen, socket_with, sockopt,
};

use super::pidfd::PidFd;

/// How many connections wait to be accepted, at most; the kernel may allow less (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// Listens there, on a socket that blocks, as systemd hands them over (systemd.socket(5), `NonBlocking=`).
///
/// # Errors
/// As bind(2): above all, somebody else has the address.
pub fn listen_on(address: &ListenAddress) -> io::Result<OwnedFd> {
    let socket = match address {
        ListenAddress::Unix(path) => bind_path(Path::new(path), SocketFlags::CLOEXEC)?,
        ListenAddress::Tcp(address) => {
            let socket = socket_with(family(address), SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
            sockopt::set_socket_reuseaddr(&socket, true)?;
            bind(&socket, address)?;
            socket
        }
    };
    listen(&socket, BACKLOG)?;
    Ok(socket)
}

/// The socket that a process has for this address: after we have been away, the apps alone have them.
#[must_use]
pub fn find_listener(address: &ListenAddress, pid: u32) -> Option<OwnedFd> {
    let wanted: SocketAddrAny = match address {
        ListenAddress::Tcp(address) => (*address).into(),
        ListenAddress::Unix(path) => SocketAddrUnix::new(path.as_str()).ok()?.into(),
    };
    let is_it = |socket: &OwnedFd| is_listening(socket) && getsockname(socket).is_ok_and(|address| address == wanted);
    sockets_of(pid).into_iter().find(is_it)
}

pub(super) fn family(address: &SocketAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 }
}

pub(super) fn is_listening(socket: &OwnedFd) -> bool {
    sockopt::socket_acceptconn(socket) == Ok(true)
}

pub(super) fn bind_path(path: &Path, flags: SocketFlags) -> io::Result<OwnedFd> {
    let address = SocketAddrUnix::new(path)?;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    match bind(&socket, &address) {
        // A file that nobody listens at is left over from one that was killed.
        Err(Errno::ADDRINUSE)
            if UnixStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) =>
        {
            std::fs::remove_file(path)?;
            bind(&socket, &address)?;
        }
        bound => bound?,
    }
    Ok(socket)
}

/// Copies of the sockets that a process has open; none if it is gone or may not be looked into (pidfd_getfd(2)).
pub(super) fn sockets_of(pid: u32) -> Vec<OwnedFd> {
    let (Ok(process), Ok(entries)) = (PidFd::open(pid), std::fs::read_dir(format!("/proc/{pid}/fd"))) else {
        return Vec::new();
    };
    let is_socket =
        |path: &Path| std::fs::read_link(path).is_ok_and(|target| target.as_os_str().as_encoded_bytes().starts_with(b"socket:"));
    let numbers = entries.flatten().filter(|entry| is_socket(&entry.path()));
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let flags = rustix::process::PidfdGetfdFlags::empty();
    numbers.filter_map(|number| rustix::process::pidfd_getfd(process.as_fd(), number, flags).ok()).collect()
}

/// Can a second process listen beside these, on the same ports? Only if each of their listening sockets was opened for that
/// (`SO_REUSEPORT`, socket(7)), or is one of ours, which the second one inherits too. None if they do not listen, or may not be looked into.
#[must_use]
pub fn share_their_ports<'a>(pids: &[u32], ours: impl IntoIterator<Item = &'a OwnedFd>) -> Option<bool> {
    let ours: Vec<u64> = ours.into_iter().filter_map(|socket| sockopt::socket_cookie(socket).ok()).collect();
    let is_ours = |socket: &OwnedFd| sockopt::socket_cookie(socket).is_ok_and(|cookie| ours.contains(&cookie));
    let sockets = pids.iter().flat_map(|pid| sockets_of(*pid)).filter(is_listening);
    let shared: Vec<bool> = sockets
        .filter_map(|socket| match sockopt::socket_domain(&socket) {
            _ if is_ours(&socket) => Some(true),
            Ok(AddressFamily::UNIX) => None,
            _ => Some(sockopt::socket_reuseport(&socket).unwrap_or(false)),
        })
        .collect();
    (!shared.is_empty()).then(|| shared.iter().all(|shared| *shared))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    #[test]
    fn who_can_stand_beside_whom() {
        assert_eq!(share_their_ports(&[], []), None);
        // Of this process some test may listen at any time, without the option.
        let one = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(share_their_ports(&[std::process::id()], []), Some(false));
        drop(one);
    }

    #[test]
    fn one_that_was_opened_is_found_again() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = ListenAddress::Tcp(taken.local_addr().unwrap());
        assert_eq!(listen_on(&address).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let at_path = ListenAddress::Unix(path.to_str().unwrap().into());
        assert!(find_listener(&at_path, std::process::id()).is_none());
        let socket = listen_on(&at_path).unwrap();
        assert!(UnixStream::connect(&path).is_ok());
        assert!(find_listener(&at_path, std::process::id()).is_some());
        assert!(find_listener(&address, std::process::id()).is_some(), "whoever opened it");
        drop((socket, taken));
        let ListenAddress::Tcp(address) = address else { unreachable!() };
        let again = listen_on(&ListenAddress::Tcp(address));
        assert!(again.is_err() || TcpStream::connect(address).is_ok());
    }
}
