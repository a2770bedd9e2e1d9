//! Which calls may fail, and how.

use std::path::Path;

use libc::c_long;

/// A call that a thread is about to make.
pub(super) struct Call {
    pub(super) number: c_long,
    pub(super) args: [u64; 6],
    pub(super) thread: u32,
}

/// A way in which calls fail on real hosts.
pub(super) struct Fault {
    pub(super) name: &'static str,
    pub(super) calls: &'static [c_long],
    pub(super) errno: i32,
    /// Which of these calls it is about.
    only: Only,
}

enum Only {
    All,
    /// Those that may make a file.
    Creating,
    /// Those on a file of the home: a pipe or a socket does not fail like that.
    InHome,
    /// Those that lock.
    Locking,
}

#[cfg(target_arch = "x86_64")]
mod own {
    pub(super) use libc::{SYS_fork, SYS_mkdir, SYS_rename, SYS_unlink, SYS_vfork};
}

/// Other machines never had them.
#[cfg(not(target_arch = "x86_64"))]
mod own {
    pub(super) use libc::{
        SYS_clone as SYS_fork, SYS_clone as SYS_vfork, SYS_mkdirat as SYS_mkdir, SYS_renameat2 as SYS_rename,
        SYS_unlinkat as SYS_unlink,
    };
}

const PROCESSES: &[c_long] = &[libc::SYS_clone, libc::SYS_clone3, own::SYS_fork, own::SYS_vfork];
const DESCRIPTORS: &[c_long] = &[
    libc::SYS_openat,
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_accept4,
    libc::SYS_pipe2,
    libc::SYS_dup,
    libc::SYS_eventfd2,
    libc::SYS_epoll_create1,
    libc::SYS_inotify_init1,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
];
const FOLDERS: &[c_long] = &[own::SYS_mkdir, libc::SYS_mkdirat, libc::SYS_mknodat];
const WRITES: &[c_long] = &[libc::SYS_write, libc::SYS_writev, libc::SYS_pwrite64, libc::SYS_splice];
const READS: &[c_long] = &[libc::SYS_read, libc::SYS_pread64];
const SYNCS: &[c_long] = &[libc::SYS_fsync, libc::SYS_fdatasync];
const NAMES: &[c_long] = &[own::SYS_rename, libc::SYS_renameat, libc::SYS_renameat2];
const REMOVALS: &[c_long] = &[own::SYS_unlink, libc::SYS_unlinkat];
const LENGTHS: &[c_long] = &[libc::SYS_ftruncate, libc::SYS_fallocate];
const LOCKS: &[c_long] = &[libc::SYS_flock, libc::SYS_fcntl];

const fn fault(name: &'static str, calls: &'static [c_long], errno: i32, only: Only) -> Fault {
    Fault { name, calls, errno, only }
}

pub(super) static FAULTS: &[Fault] = &[
    fault("no more processes (EAGAIN)", PROCESSES, libc::EAGAIN, Only::All),
    fault("no memory for a process (ENOMEM)", PROCESSES, libc::ENOMEM, Only::All),
    fault("no memory for a program (ENOMEM)", &[libc::SYS_execve], libc::ENOMEM, Only::All),
    fault("no descriptors are left (EMFILE)", DESCRIPTORS, libc::EMFILE, Only::All),
    fault("no files are left on the host (ENFILE)", DESCRIPTORS, libc::ENFILE, Only::All),
    fault("no handle of a process (EMFILE)", &[libc::SYS_pidfd_open, libc::SYS_pidfd_getfd], libc::EMFILE, Only::All),
    fault("a signal is refused (EPERM)", &[libc::SYS_pidfd_send_signal, libc::SYS_kill], libc::EPERM, Only::All),
    fault("an exit cannot be taken (EINTR)", &[libc::SYS_waitid, libc::SYS_wait4], libc::EINTR, Only::All),
    fault("nothing more can be watched (ENOSPC)", &[libc::SYS_epoll_ctl], libc::ENOSPC, Only::All),
    fault("nothing more can be watched (ENOMEM)", &[libc::SYS_epoll_ctl], libc::ENOMEM, Only::All),
    fault("a connection is gone (ECONNABORTED)", &[libc::SYS_accept4], libc::ECONNABORTED, Only::All),
    fault("no room for a file (ENOSPC)", &[libc::SYS_openat], libc::ENOSPC, Only::Creating),
    fault("no room for a folder or FIFO (ENOSPC)", FOLDERS, libc::ENOSPC, Only::All),
    fault("the disk is full (ENOSPC)", WRITES, libc::ENOSPC, Only::InHome),
    fault("the disk is broken (EIO)", WRITES, libc::EIO, Only::InHome),
    fault("a write is interrupted (EINTR)", WRITES, libc::EINTR, Only::InHome),
    fault("it cannot be read (EIO)", READS, libc::EIO, Only::InHome),
    fault("what is written does not reach the disk (EIO)", SYNCS, libc::EIO, Only::All),
    fault("no room for a name (ENOSPC)", NAMES, libc::ENOSPC, Only::All),
    fault("a name stays (EIO)", REMOVALS, libc::EIO, Only::All),
    fault("a length cannot be changed (ENOSPC)", LENGTHS, libc::ENOSPC, Only::All),
    fault("no locks are left (ENOLCK)", LOCKS, libc::ENOLCK, Only::Locking),
];

impl Fault {
    /// Is this one of the calls that it is about?
    pub(super) fn is_about(&self, call: &Call, home: &Path) -> bool {
        self.calls.contains(&call.number)
            && match self.only {
                Only::All => true,
                // The kernel looks at the lower half alone.
                #[expect(clippy::cast_possible_truncation, reason = "flags are an int")]
                Only::Creating => call.args[2] as i32 & libc::O_CREAT != 0,
                Only::Locking => {
                    let locks = [libc::F_SETLK, libc::F_SETLKW, libc::F_OFD_SETLK];
                    call.number == libc::SYS_flock || locks.iter().any(|lock| call.args[1] == u64::from(lock.unsigned_abs()))
                }
                Only::InHome => {
                    // splice(2) has the one that it writes to as its third.
                    let fd = call.args[if call.number == libc::SYS_splice { 2 } else { 0 }];
                    let is_there = std::fs::read_link(format!("/proc/{}/fd/{fd}", call.thread));
                    is_there.is_ok_and(|path| path.starts_with(home) && !path.ends_with("qd.sock"))
                }
            }
    }
}
