//! Leading new connections away from a process that is about to leave, where each process listens on a socket of its own at the same
//! address (`SO_REUSEPORT`): what a socket has not accepted when it is closed is lost, so it has to run dry first.

use std::collections::BTreeMap;
use std::io;
use std::mem::size_of_val;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::net::{AddressFamily, SocketAddrAny, getsockname, sockopt};

use super::sockets::{is_listening, sockets_of};

/// As long as this lives, new connections go to the process that began to listen last.
#[derive(Debug, Default)]
pub struct Steered {
    /// A socket of each group that was told.
    told: Vec<OwnedFd>,
    /// Sockets that are to run dry.
    old: Vec<OwnedFd>,
}

/// Leads new connections from the processes `old` to `new`. `all` are the processes of the app, both of these among them. What cannot be
/// led is left as it is.
#[must_use]
pub fn steer(new: &[u32], old: &[u32], all: &[u32]) -> Steered {
    let mut groups: BTreeMap<String, BTreeMap<u64, OwnedFd>> = BTreeMap::new();
    for (name, cookie, socket) in sharing(all) {
        groups.entry(name).or_default().insert(cookie, socket);
    }
    let mut steered = Steered::default();
    for (name, _, socket) in sharing(new) {
        // The kernel appends whoever begins to listen (net/core/sock_reuseport.c, `reuseport_add_sock`).
        let last = groups.get(&name).map_or(0, BTreeMap::len).checked_sub(1);
        match last.map(|last| attach(&socket, last)) {
            Some(Ok(())) => steered.told.push(socket),
            Some(Err(error)) => tracing::warn!(%name, %error, "failed to lead connections to a new process; some may be lost"),
            None => {}
        }
    }
    if !steered.told.is_empty() {
        steered.old = sharing(old).map(|(_, _, socket)| socket).collect();
    }
    steered
}

impl Steered {
    /// How many connections still wait to be accepted by those that are about to leave.
    #[must_use]
    pub fn waiting(&self) -> u32 {
        self.old.iter().filter_map(|socket| backlog(socket).ok()).sum()
    }

    /// Is anything led away?
    #[must_use]
    pub fn is_any(&self) -> bool {
        !self.told.is_empty()
    }
}

impl Drop for Steered {
    fn drop(&mut self) {
        // First of all: as long as we hold them they are open, and once all are chosen from, somebody would wait in them for nobody.
        self.old.clear();
        for socket in &self.told {
            let nothing: libc::c_int = 0;
            // Otherwise the kernel finds no such place in the group any more, and deals connections out as before.
            let _ = set(socket, libc::SO_DETACH_REUSEPORT_BPF, &nothing);
        }
    }
}

/// Listening TCP sockets that share their address, with its text and their cookie.
fn sharing(pids: &[u32]) -> impl Iterator<Item = (String, u64, OwnedFd)> {
    pids.iter().flat_map(|pid| sockets_of(*pid)).filter_map(|socket| {
        let is_tcp = matches!(sockopt::socket_domain(&socket), Ok(AddressFamily::INET | AddressFamily::INET6));
        if !is_tcp || !is_listening(&socket) || sockopt::socket_reuseport(&socket) != Ok(true) {
            return None;
        }
        let name: SocketAddrAny = getsockname(&socket).ok()?;
        Some((format!("{name:?}"), sockopt::socket_cookie(&socket).ok()?, socket))
    })
}

/// Has the group of this socket choose the one at this place for each new connection (socket(7), `SO_ATTACH_REUSEPORT_CBPF`).
fn attach(socket: &OwnedFd, place: usize) -> io::Result<()> {
    /// `BPF_RET | BPF_K`: gives a constant (Documentation/networking/filter.rst).
    const GIVE: u16 = 0x06;
    let place = u32::try_from(place).map_err(io::Error::other)?;
    let mut code = [libc::sock_filter { code: GIVE, jt: 0, jf: 0, k: place }];
    set(socket, libc::SO_ATTACH_REUSEPORT_CBPF, &libc::sock_fprog { len: 1, filter: code.as_mut_ptr() })
}

fn set<T>(socket: &OwnedFd, option: libc::c_int, value: &T) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of_val(value)).map_err(io::Error::other)?;
    #[expect(unsafe_code, reason = "rustix does not know these options")]
    // SAFETY: the kernel reads the value, and what it points to, during the call alone.
    let done =
        unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, std::ptr::from_ref(value).cast(), length) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Connections that wait to be accepted: of a listening socket, `tcpi_unacked` (net/ipv4/tcp.c, `tcp_get_info`).
fn backlog(socket: &OwnedFd) -> io::Result<u32> {
    /// Of `tcp_info` (include/uapi/linux/tcp.h): eight bytes, then numbers of four.
    const UNACKED_AT: usize = 24;
    let mut info = [0_u8; UNACKED_AT + 4];
    let mut length = libc::socklen_t::try_from(info.len()).map_err(io::Error::other)?;
    #[expect(unsafe_code, reason = "rustix does not know this option")]
    // SAFETY: the kernel writes no more than `length` bytes, which is what there is.
    let done = unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, info.as_mut_ptr().cast(), &raw mut length)
    };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    let [.., a, b, c, d] = info;
    Ok(u32::from_ne_bytes([a, b, c, d]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{SocketFlags, SocketType, bind, listen, socket_with};
    use std::net::{SocketAddr, TcpListener, TcpStream};

    fn share(address: SocketAddr) -> TcpListener {
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        sockopt::set_socket_reuseport(&socket, true).unwrap();
        bind(&socket, &address).unwrap();
        listen(&socket, 64).unwrap();
        socket.into()
    }

    /// Both are of this process, so that all of its sockets count as the new one's.
    #[test]
    fn connections_go_to_the_last_one_until_it_is_over() {
        let old = share("127.0.0.1:0".parse().unwrap());
        let address = old.local_addr().unwrap();
        let new = share(address);
        let own = [std::process::id()];
        let waiting = |listener: &TcpListener| backlog(&listener.try_clone().unwrap().into()).unwrap();
        let connect = || (0..32).map(|_| TcpStream::connect(address).unwrap()).collect::<Vec<_>>();
        let steered = steer(&own, &own, &own);
        assert!(steered.is_any());
        let connected = connect();
        assert_eq!((waiting(&old), waiting(&new)), (0, 32));
        assert!(steered.waiting() >= 32);
        drop((steered, connected));
        let _connected = connect();
        assert!(waiting(&old) > 0, "dealt out as before: one in 2^32 fails here");
    }
}
