//! Becoming another program without ending: same process, same children, some files kept open (execve(2)).

use std::ffi::OsString;
use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rustix::io::{FdFlags, fcntl_setfd};

use super::own;

/// Becomes `program`, with these words and this environment. `kept` stay open under their numbers. Whatever the process set
/// for itself at its start is undone, so that the new program finds what the old one had found.
///
/// Comes back only with the reason why not; the files are closed at the next try then as well.
pub fn replace(program: &Path, words: &[OsString], kept: &[BorrowedFd<'_>]) -> io::Error {
    for fd in kept {
        if let Err(error) = fcntl_setfd(fd, FdFlags::empty()) {
            return error.into();
        }
    }
    own::restore();
    let error = Command::new(program).args(words).exec();
    own::take_ours();
    for fd in kept {
        let _ = fcntl_setfd(fd, FdFlags::CLOEXEC);
    }
    error
}

/// A socket that the program before us kept open.
///
/// # Errors
/// Nothing, or no socket, has this number.
pub fn inherited_socket(number: i32) -> io::Result<OwnedFd> {
    if number <= 2 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    #[expect(unsafe_code, reason = "a descriptor that comes as a number")]
    // SAFETY: borrowed for one call, which fails if it is not open.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    rustix::net::sockopt::socket_type(fd)?;
    fcntl_setfd(fd, FdFlags::CLOEXEC)?;
    #[expect(unsafe_code, reason = "a descriptor that comes as a number")]
    // SAFETY: it is an open socket, which came through execve(2) and belongs to nobody else: nothing was opened under its
    // number, because it was in use.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
