//! Making a process on borrowed memory: clone3(2) where it is born into a cgroup, clone(2) elsewhere.

use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// What the new process runs; it must not come back.
pub(super) type Begin = extern "C" fn(*mut c_void) -> c_int;

/// The memory is shared and the caller sleeps until the new process has ended or become a program, of which it gets a handle.
const FLAGS: c_int = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD;

/// Makes a process that runs `begin` on this stack. Gives its number and a handle of it.
///
/// # Safety
/// `begin` and what `argument` leads to must be fit for a process that shares our memory: see [`super::born`].
#[expect(unsafe_code, reason = "clone(2) has no safe form")]
pub(super) unsafe fn clone(stack: &mut [u8], begin: Begin, argument: *mut c_void) -> io::Result<(c_int, RawFd)> {
    let mut handle: RawFd = -1;
    // SAFETY: the stack is the caller's alone, and grows down as on every machine that Rust knows Linux for.
    let pid = unsafe {
        let end = stack.as_mut_ptr().add(stack.len());
        let top = end.sub(end as usize % 16).cast::<c_void>();
        libc::clone(begin, top, FLAGS | libc::SIGCHLD, argument, &raw mut handle)
    };
    if pid < 0 { Err(io::Error::last_os_error()) } else { Ok((pid, handle)) }
}

/// The same, born into the cgroup of this folder (`CLONE_INTO_CGROUP`, Linux 5.7), and with our handlers of signals taken away
/// (`CLONE_CLEAR_SIGHAND`, Linux 5.5); what we ignore it still ignores. To enter one later costs milliseconds: the
/// kernel waits until no processor is in the midst of a fork (`cgroup_threadgroup_rwsem`). With `shares_files` it begins with our open
/// files themselves instead of copies of them.
///
/// # Errors
/// The kernel refuses or does not know how, or this kind of machine is none that we know the call for: then there is no process.
///
/// # Safety
/// The same.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[expect(unsafe_code, reason = "the C library has no function for clone3(2)")]
pub(super) unsafe fn clone_into(
    cgroup: &OwnedFd,
    shares_files: bool,
    stack: &mut [u8],
    begin: Begin,
    argument: *mut c_void,
) -> io::Result<(c_int, RawFd)> {
    /// Not among the flags of clone(2), which has no room for them (include/uapi/linux/sched.h).
    const INTO_CGROUP: u64 = 0x2_0000_0000;
    const CLEAR_SIGHAND: u64 = 0x1_0000_0000;
    /// `clone_args`, of the version that has the cgroup.
    #[repr(C, align(8))]
    #[derive(Default)]
    struct Arguments {
        flags: u64,
        pidfd: u64,
        child_tid: u64,
        parent_tid: u64,
        exit_signal: u64,
        stack: u64,
        stack_size: u64,
        tls: u64,
        set_tid: u64,
        set_tid_size: u64,
        cgroup: u64,
    }
    let mut handle: RawFd = -1;
    let bottom = stack.as_mut_ptr() as u64;
    let top = (bottom + stack.len() as u64) & !15;
    let files = if shares_files { libc::CLONE_FILES } else { 0 };
    let arguments = Arguments {
        flags: u64::from((FLAGS | files).unsigned_abs()) | INTO_CGROUP | CLEAR_SIGHAND,
        pidfd: (&raw mut handle) as u64,
        exit_signal: u64::from(libc::SIGCHLD.unsigned_abs()),
        stack: bottom,
        stack_size: top - bottom,
        cgroup: u64::from(cgroup.as_raw_fd().unsigned_abs()),
        ..Arguments::default()
    };
    let result: i64;
    // SAFETY: the kernel reads the arguments and writes the handle. The new process goes on behind the call with the registers
    // that it had and the stack that it was given, calls `begin` with `argument`, and never comes back from there; we go on
    // behind that, with nothing changed but what is named here.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r12",
            "call r13",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_clone3 => result,
            in("rdi") &raw const arguments,
            in("rsi") size_of::<Arguments>(),
            in("r12") argument,
            in("r13") begin,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    // SAFETY: the same.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!(
            "svc #0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x0, x20",
            "blr x21",
            "brk #1",
            "2:",
            inlateout("x0") &raw const arguments => result,
            in("x1") size_of::<Arguments>(),
            in("x8") libc::SYS_clone3,
            in("x20") argument,
            in("x21") begin,
        );
    }
    match c_int::try_from(result) {
        Ok(pid) if pid > 0 => Ok((pid, handle)),
        _ => Err(io::Error::from_raw_os_error(i32::try_from(-result).unwrap_or(libc::ENOSYS))),
    }
}

/// There is none for this kind of machine.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[expect(unsafe_code, reason = "as where it exists")]
pub(super) unsafe fn clone_into(_: &OwnedFd, _: bool, _: &mut [u8], _: Begin, _: *mut c_void) -> io::Result<(c_int, RawFd)> {
    Err(io::ErrorKind::Unsupported.into())
}
