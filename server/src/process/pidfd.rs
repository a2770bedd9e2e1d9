//! A process by a handle that cannot come to mean another process (pidfd_open(2), Linux 5.3).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use rustix::process::{PidfdFlags, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::signal::pid_of;

/// How a process ended, as far as the kernel told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawExit {
    /// Exit code.
    Code(i32),
    /// Number of the signal that ended it.
    Signal(i32),
    /// The process was not our child, and this kernel does not tell others.
    Unknown,
}

/// A process. Readable once it has ended.
#[derive(Debug)]
pub struct PidFd {
    fd: OwnedFd,
    pid: u32,
}

impl PidFd {
    /// A handle of the process that has this number now.
    ///
    /// # Errors
    /// There is none, or no descriptors are left.
    pub fn open(pid: u32) -> io::Result<Self> {
        let number = pid_of(pid).ok_or(io::ErrorKind::NotFound)?;
        Ok(Self { fd: pidfd_open(number, PidfdFlags::NONBLOCK)?, pid })
    }

    /// What clone(2) gave for the process that it made.
    pub(super) fn of(fd: OwnedFd, pid: u32) -> Self {
        Self { fd, pid }
    }

    /// Another handle of the same process.
    ///
    /// # Errors
    /// No descriptors are left.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { fd: self.fd.try_clone()?, pid: self.pid })
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Makes the runtime tell when the process has ended.
    ///
    /// # Errors
    /// The runtime cannot watch it: no descriptors or memory are left.
    pub fn watched(self) -> io::Result<AsyncFd<Self>> {
        #[expect(unsafe_code, reason = "tokio asks for a promise about the descriptor")]
        // SAFETY: the descriptor belongs to `self`, is never replaced, and stays open until `self` is dropped.
        let watched = unsafe { AsyncFd::register_with_interest(self, Interest::READABLE) };
        watched.map_err(Into::into)
    }

    /// Sends a signal; a process that has ended is no error.
    ///
    /// # Errors
    /// The kernel refused: usually it belongs to another user.
    pub fn send(&self, number: i32) -> io::Result<()> {
        let Some(signal) = rustix::process::Signal::from_named_raw(number) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        match pidfd_send_signal(&self.fd, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the exit of the ended process, so that it is no zombie any more. None while it runs.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn reap(&self) -> io::Result<Option<RawExit>> {
        match waitid(WaitId::PidFd(self.fd.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
            Ok(None) => Ok(None),
            Ok(Some(status)) => Ok(Some(match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => RawExit::Code(code),
                (_, Some(signal)) => RawExit::Signal(signal),
                _ => RawExit::Unknown,
            })),
            // Not our child: it was taken over from an earlier supervisor.
            Err(rustix::io::Errno::CHILD) => Ok(Some(self.exit_of_other())),
            Err(rustix::io::Errno::AGAIN) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The exit of a process that is no child of ours (`PIDFD_GET_INFO` with `PIDFD_INFO_EXIT`, Linux 6.15; fs/pidfs.c).
    fn exit_of_other(&self) -> RawExit {
        const PIDFD_INFO_EXIT: u64 = 1 << 3;
        /// `struct pidfd_info` of include/uapi/linux/pidfd.h as of Linux 6.13 to 6.15: 64 bytes.
        #[repr(C)]
        #[derive(Default)]
        struct Info {
            mask: u64,
            cgroup: u64,
            ids: [u32; 11],
            exit_code: i32,
        }
        const SIZE: libc::c_ulong = size_of::<Info>() as libc::c_ulong;
        // _IOWR(0xFF, 11, struct pidfd_info)
        const PIDFD_GET_INFO: libc::c_ulong = (3 << 30) | (SIZE << 16) | (0xff << 8) | 11;
        let mut info = Info { mask: PIDFD_INFO_EXIT, ..Info::default() };
        #[expect(unsafe_code, reason = "no safe wrapper exists for this ioctl")]
        // SAFETY: the descriptor is open, and the kernel writes at most SIZE bytes, which the request number tells it.
        let done = unsafe { libc::ioctl(self.fd.as_raw_fd(), PIDFD_GET_INFO as _, &raw mut info) };
        if done != 0 || info.mask & PIDFD_INFO_EXIT == 0 {
            return RawExit::Unknown;
        }
        let status = info.exit_code;
        if libc::WIFSIGNALED(status) { RawExit::Signal(libc::WTERMSIG(status)) } else { RawExit::Code(libc::WEXITSTATUS(status)) }
    }
}

impl From<PidFd> for OwnedFd {
    fn from(process: PidFd) -> Self {
        process.fd
    }
}

impl AsRawFd for PidFd {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
