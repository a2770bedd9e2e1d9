//! `READY=1` of programs that speak to systemd (sd_notify(3)).

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketAddrUnix, SocketFlags, SocketType, bind, recvmsg,
    socket_with, sockopt,
};
use tokio::io::Interest;
use tokio::net::UnixDatagram;

/// Where programs say how they are.
pub struct Notices {
    socket: UnixDatagram,
    name: String,
}

impl Notices {
    /// Listens under a name of this home. A name without a file, so that apps of other users reach it too; the kernel tells
    /// who sends (unix(7), `SCM_CREDENTIALS`).
    ///
    /// # Errors
    /// The name is taken, or no descriptors are left.
    pub fn listen(home_id: &str) -> io::Result<Self> {
        let name = format!("quarterdeck/{home_id}/notify");
        let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
        sockopt::set_socket_passcred(&socket, true)?;
        bind(&socket, &SocketAddrUnix::new_abstract_name(name.as_bytes())?)?;
        Ok(Self { socket: UnixDatagram::from_std(socket.into())?, name })
    }

    /// The value of `NOTIFY_SOCKET`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("@{}", self.name)
    }

    /// The next process that says that it is ready.
    ///
    /// # Errors
    /// The kernel refused.
    pub async fn ready(&self) -> io::Result<u32> {
        loop {
            self.socket.readable().await?;
            match self.socket.try_io(Interest::READABLE, || receive(self.socket.as_fd())) {
                Ok(Some(pid)) => return Ok(pid),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                Ok(None) | Err(_) => {}
            }
        }
    }
}

fn receive(socket: BorrowedFd<'_>) -> io::Result<Option<u32>> {
    let mut text = [0; 4096];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let message = recvmsg(socket, &mut [io::IoSliceMut::new(&mut text)], &mut ancillary, RecvFlags::DONTWAIT)?;
    let sender = ancillary.drain().find_map(|one| match one {
        RecvAncillaryMessage::ScmCredentials(who) => Some(who.pid.as_raw_nonzero().get().unsigned_abs()),
        _ => None,
    });
    let text = text.get(..message.bytes).unwrap_or_default();
    Ok(sender.filter(|_| text.split(|byte| *byte == b'\n').any(|line| line == b"READY=1")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    #[tokio::test]
    async fn who_is_ready() {
        let notices = Notices::listen(&format!("test-{}", std::process::id())).unwrap();
        let there = SocketAddr::from_abstract_name(notices.address().trim_start_matches('@')).unwrap();
        let program = UnixDatagram::unbound().unwrap();
        for text in ["STATUS=READY=1", "READY=0", "MAINPID=1\nREADY=1\n"] {
            program.send_to_addr(text.as_bytes(), &there).unwrap();
        }
        assert_eq!(notices.ready().await.unwrap(), std::process::id());
    }
}
