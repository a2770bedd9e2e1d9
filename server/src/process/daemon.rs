//! Cuts a program loose from the one who starts it.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Gives the program a session of its own, and none of the caller's open files but its stdin, stdout and stderr: so no
/// terminal can hang it up (setsid(2)), and no pipe of the caller is held open by it.
pub fn detach(command: &mut Command) {
    let cut = || {
        #[expect(unsafe_code, reason = "the standard library has no stable setsid, and rustix no close_range")]
        // SAFETY: plain system calls. close_range(2) only marks descriptors, so none is closed under its owner before exec.
        let (session, closed) =
            unsafe { (libc::setsid(), libc::close_range(3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC as libc::c_int)) };
        if session < 0 || closed < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    };
    #[expect(unsafe_code, reason = "what runs between fork and exec is the caller's promise")]
    // SAFETY: the closure makes two system calls that are safe in a forked child, and allocates nothing.
    unsafe {
        command.pre_exec(cut);
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn a_session_of_its_own_and_no_inherited_files() {
        let (_reader, writer) = io::pipe().unwrap();
        // A caller may have files open that are inherited.
        rustix::io::fcntl_setfd(&writer, rustix::io::FdFlags::empty()).unwrap();
        let look = format!("[ $(cut -d' ' -f6 /proc/$$/stat) = $$ ] && [ ! -e /proc/$$/fd/{} ]", writer.as_raw_fd());
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &look]);
        detach(&mut command);
        assert!(command.status().unwrap().success(), "{look}");
    }
}
