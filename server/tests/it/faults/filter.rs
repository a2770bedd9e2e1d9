//! A filter of system calls that asks this process what is to become of each (seccomp(2), `SECCOMP_RET_USER_NOTIF`).

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;

use libc::{c_int, c_long, c_ulong, sock_filter, sock_fprog};

/// Room for one descriptor in a control message, aligned as the kernel wants it.
#[repr(C)]
struct Control {
    header: libc::cmsghdr,
    fd: c_int,
}

/// Makes the program ask about these calls, and all that it starts. The listener comes through the socket once it runs.
pub(super) fn ask_about(command: &mut Command, calls: &[c_long]) -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut filter = program(calls);
    let begin = move || {
        let listener = install(&mut filter)?;
        send(theirs.as_raw_fd(), listener)
    };
    #[expect(unsafe_code, reason = "what runs between fork and execve has to be fit for it")]
    // SAFETY: plain system calls on memory that was made before; nothing is allocated and no lock is taken.
    unsafe {
        command.pre_exec(begin);
    }
    Ok(ours)
}

fn program(calls: &[c_long]) -> Vec<sock_filter> {
    #[expect(clippy::cast_possible_truncation, reason = "codes of the classic packet filter have 16 bits")]
    let line = |code: u32, jt, jf, k| sock_filter { code: code as u16, jt, jf, k };
    // The number of the call is what `seccomp_data` begins with.
    let mut lines = vec![line(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0)];
    for call in calls {
        let number = u32::try_from(*call).unwrap();
        lines.push(line(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, number));
        lines.push(line(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_USER_NOTIF));
    }
    lines.push(line(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW));
    lines
}

#[expect(unsafe_code, reason = "seccomp(2) has no safe form")]
fn install(filter: &mut [sock_filter]) -> io::Result<RawFd> {
    let program = sock_fprog { len: filter.len().try_into().unwrap_or(0), filter: filter.as_mut_ptr() };
    // SAFETY: the kernel copies the program, which lives until the call is over.
    let listener = unsafe {
        // Without it only root may install a filter.
        if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 {
            return Err(io::Error::last_os_error());
        }
        let flags: c_ulong = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
    };
    RawFd::try_from(listener).ok().filter(|fd| *fd >= 0).ok_or_else(io::Error::last_os_error)
}

#[expect(unsafe_code, reason = "a descriptor is sent by sendmsg(2)")]
fn send(socket: RawFd, fd: RawFd) -> io::Result<()> {
    with_message(|message, control| {
        control.header.cmsg_level = libc::SOL_SOCKET;
        control.header.cmsg_type = libc::SCM_RIGHTS;
        // SAFETY: plain arithmetic.
        control.header.cmsg_len = unsafe { libc::CMSG_LEN(size_of::<c_int>() as u32) } as _;
        control.fd = fd;
        // SAFETY: all that the message leads to is in the frame of `with_message`.
        unsafe { libc::sendmsg(socket, message, 0) }
    })
    .map(|_| ())
}

/// The listener that the program has sent. None if it ended before.
#[expect(unsafe_code, reason = "a descriptor is received by recvmsg(2)")]
pub(super) fn receive(socket: &UnixStream) -> io::Result<Option<OwnedFd>> {
    // SAFETY: all that the message leads to is in the frame of `with_message`.
    let receive = |message: &mut libc::msghdr| unsafe { libc::recvmsg(socket.as_raw_fd(), message, libc::MSG_CMSG_CLOEXEC) };
    let (count, fd) = with_message(|message, _| receive(message))?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok((count > 0 && fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(fd) }))
}

/// A message of one byte with room for a descriptor. Gives what the call gave, and the descriptor.
fn with_message(call: impl FnOnce(&mut libc::msghdr, &mut Control) -> isize) -> io::Result<(isize, RawFd)> {
    let mut byte = 0_u8;
    let mut part = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    #[expect(unsafe_code, reason = "these have private fields on some systems")]
    // SAFETY: zeros are valid for both.
    let (mut message, mut control): (libc::msghdr, Control) = unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
    control.fd = -1;
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut control).cast();
    message.msg_controllen = size_of::<Control>() as _;
    let count = call(&mut message, &mut control);
    if count < 0 { Err(io::Error::last_os_error()) } else { Ok((count, control.fd)) }
}
