//! Every TCP socket of the host that listens. The kernel is asked over netlink (sock_diag(7)), which takes microseconds: the
//! files in `/proc/net` cost it a walk over the table of all connections, some milliseconds on a large host.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::{IpAddr, SocketAddr};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with};

/// Room for one batch of answers; netlink(7) asks for 32 KiB at least.
const BATCH: usize = 32 * 1024;
/// `nlmsghdr`: length, type, flags, sequence number, port (include/uapi/linux/netlink.h).
const HEADER: usize = 16;
/// Of `inet_diag_msg` (include/uapi/linux/inet_diag.h): the family, the port and the address in network order, and the inode.
const FAMILY_AT: usize = 0;
const PORT_AT: usize = 4;
const ADDRESS_AT: usize = 8;
const INODE_AT: usize = 68;
/// `TCP_LISTEN` of include/net/tcp_states.h.
const LISTEN: u8 = 10;

/// Where each listening socket listens, by its inode.
pub(super) fn listening() -> HashMap<u64, SocketAddr> {
    let mut found = HashMap::new();
    let asked = [AddressFamily::INET, AddressFamily::INET6].into_iter().try_for_each(|family| ask(family, &mut found));
    // A sandbox may forbid netlink, and some kernels come without it.
    if asked.is_err() {
        for path in ["/proc/net/tcp", "/proc/net/tcp6"] {
            // A kernel without IPv6 has no second file.
            if let Ok(file) = File::open(path) {
                read_file(BufReader::new(file), &mut found);
            }
        }
    }
    found
}

fn ask(family: AddressFamily, found: &mut HashMap<u64, SocketAddr>) -> io::Result<()> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(netlink::SOCK_DIAG))?;
    send(&socket, &request(family), SendFlags::empty())?;
    let mut batch = vec![0; BATCH];
    loop {
        let (count, _) = recv(&socket, &mut batch[..], RecvFlags::empty())?;
        if read_batch(&batch[..count.min(BATCH)], found)? {
            return Ok(());
        }
    }
}

/// `inet_diag_req_v2` for all sockets of one family that listen.
fn request(family: AddressFamily) -> [u8; 72] {
    const SOCK_DIAG_BY_FAMILY: u16 = 20;
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16;
    let mut request = [0; 72];
    request[0..4].copy_from_slice(&72_u32.to_ne_bytes());
    request[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    request[6..8].copy_from_slice(&flags.to_ne_bytes());
    request[16] = family.as_raw() as u8;
    request[17] = libc::IPPROTO_TCP as u8;
    request[20..24].copy_from_slice(&(1_u32 << LISTEN).to_ne_bytes());
    request
}

/// Reads answers. Says whether they were the last ones.
fn read_batch(mut batch: &[u8], found: &mut HashMap<u64, SocketAddr>) -> io::Result<bool> {
    let torn = || io::Error::new(io::ErrorKind::InvalidData, "an answer of the kernel is cut off");
    while !batch.is_empty() {
        let header = batch.get(..HEADER).ok_or_else(torn)?;
        let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let message = batch.get(HEADER..length).ok_or_else(torn)?;
        match i32::from(u16::from_ne_bytes([header[4], header[5]])) {
            libc::NLMSG_DONE => return Ok(true),
            libc::NLMSG_ERROR => return Err(io::Error::other("the kernel does not tell its listening sockets")),
            _ => {
                let field = |at: usize, length: usize| message.get(at..at + length).ok_or_else(torn);
                let inode = field(INODE_AT, 4)?;
                let inode = u32::from_ne_bytes([inode[0], inode[1], inode[2], inode[3]]);
                let port = field(PORT_AT, 2)?;
                let port = u16::from_be_bytes([port[0], port[1]]);
                let length = if i32::from(field(FAMILY_AT, 1)?[0]) == libc::AF_INET6 { 16 } else { 4 };
                let address = ip(field(ADDRESS_AT, length)?).ok_or_else(torn)?;
                found.insert(inode.into(), SocketAddr::new(address, port));
            }
        }
        // Messages begin at multiples of four bytes.
        batch = batch.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

/// Listening sockets come before all others (Documentation/networking/proc_net_tcp.rst): the rest is not read.
fn read_file(mut file: impl BufRead, found: &mut HashMap<u64, SocketAddr>) {
    let mut line = String::with_capacity(160);
    let mut next = |line: &mut String| {
        line.clear();
        file.read_line(line).is_ok_and(|count| count > 0)
    };
    // The first line names the columns.
    if !next(&mut line) {
        return;
    }
    while next(&mut line) {
        let Some((inode, address)) = read_line(&line) else { return };
        found.insert(inode, address);
    }
}

/// Inode and address of a line of `/proc/net/tcp`, if it is of a listening socket.
fn read_line(line: &str) -> Option<(u64, SocketAddr)> {
    let mut fields = line.split_ascii_whitespace();
    let local = fields.nth(1)?;
    if u8::from_str_radix(fields.nth(1)?, 16) != Ok(LISTEN) {
        return None;
    }
    let (address, port) = local.rsplit_once(':')?;
    // Words of 32 bits, each written as this machine keeps it.
    let words = (0..address.len()).step_by(8).map(|at| u32::from_str_radix(address.get(at..at + 8)?, 16).ok());
    let words: Option<Vec<[u8; 4]>> = words.map(|word| word.map(u32::to_ne_bytes)).collect();
    let address = SocketAddr::new(ip(words?.as_flattened())?, u16::from_str_radix(port, 16).ok()?);
    Some((fields.nth(5)?.parse().ok()?, address))
}

/// Of 4 bytes or of 16.
fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
    const FIRST: &str =
        "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 0000 100 0 0 10 0\n";

    fn of_file(text: &str) -> HashMap<u64, SocketAddr> {
        let mut found = HashMap::new();
        read_file(text.as_bytes(), &mut found);
        found
    }

    #[test]
    fn lines_of_the_file() {
        let six = FIRST.replace("0100007F:1F90", "00000000000000000000000001000000:0050").replace("12345", "7");
        let connected = FIRST.replace(" 0A ", " 01 ").replace("12345", "8");
        assert_eq!(
            of_file(&format!("{HEAD}{FIRST}{six}{connected}{FIRST}")),
            HashMap::from([(12345, at("127.0.0.1:8080")), (7, at("[::1]:80"))])
        );
        for none in [HEAD, "", "torn", &format!("{HEAD}torn")] {
            assert_eq!(of_file(none), HashMap::new());
        }
    }

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(HEADER + body.len()).unwrap();
        let mut message = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &[0; 10], body].concat();
        message.resize(message.len().next_multiple_of(4), 0);
        message
    }

    #[test]
    fn answers_of_the_kernel() {
        let mut socket = [0; 74];
        socket[FAMILY_AT] = u8::try_from(libc::AF_INET).unwrap();
        socket[ADDRESS_AT..ADDRESS_AT + 4].copy_from_slice(&[192, 0, 2, 7]);
        socket[PORT_AT..PORT_AT + 2].copy_from_slice(&8080_u16.to_be_bytes());
        socket[INODE_AT..INODE_AT + 4].copy_from_slice(&12345_u32.to_ne_bytes());
        let (one, done, error) = (message(20, &socket), message(3, &[0; 4]), message(2, &[0; 20]));
        let mut found = HashMap::new();
        assert!(!read_batch(&one, &mut found).unwrap());
        assert!(read_batch(&[&one[..], &done].concat(), &mut found).unwrap());
        assert_eq!(found, HashMap::from([(12345, at("192.0.2.7:8080"))]));
        assert!(read_batch(&error, &mut found).is_err());
        assert!(read_batch(&one[..40], &mut found).is_err());
        assert!(read_batch(&[0; 16], &mut found).is_err(), "a length of 0 would never end");
    }

    #[test]
    fn both_ways_know_our_listeners() {
        let listeners: Vec<TcpListener> = ["127.0.0.1:0", "[::1]:0"].iter().filter_map(|at| TcpListener::bind(at).ok()).collect();
        assert!(!listeners.is_empty());
        let mut of_files = HashMap::new();
        for path in ["/proc/net/tcp", "/proc/net/tcp6"] {
            read_file(BufReader::new(File::open(path).unwrap()), &mut of_files);
        }
        for listener in listeners {
            let address = listener.local_addr().unwrap();
            assert!(listening().values().any(|known| *known == address), "{address}");
            assert!(of_files.values().any(|known| *known == address), "{address}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(batch in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_batch(&batch, &mut HashMap::new());
        }
    }
}
