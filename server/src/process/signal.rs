//! Signals by name and number.

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};

const NAMES: [(&str, i32); 28] = [
    ("SIGHUP", libc::SIGHUP),
    ("SIGINT", libc::SIGINT),
    ("SIGQUIT", libc::SIGQUIT),
    ("SIGILL", libc::SIGILL),
    ("SIGTRAP", libc::SIGTRAP),
    ("SIGABRT", libc::SIGABRT),
    ("SIGBUS", libc::SIGBUS),
    ("SIGFPE", libc::SIGFPE),
    ("SIGKILL", libc::SIGKILL),
    ("SIGUSR1", libc::SIGUSR1),
    ("SIGSEGV", libc::SIGSEGV),
    ("SIGUSR2", libc::SIGUSR2),
    ("SIGPIPE", libc::SIGPIPE),
    ("SIGALRM", libc::SIGALRM),
    ("SIGTERM", libc::SIGTERM),
    ("SIGCHLD", libc::SIGCHLD),
    ("SIGCONT", libc::SIGCONT),
    ("SIGSTOP", libc::SIGSTOP),
    ("SIGTSTP", libc::SIGTSTP),
    ("SIGTTIN", libc::SIGTTIN),
    ("SIGTTOU", libc::SIGTTOU),
    ("SIGXCPU", libc::SIGXCPU),
    ("SIGXFSZ", libc::SIGXFSZ),
    ("SIGVTALRM", libc::SIGVTALRM),
    ("SIGPROF", libc::SIGPROF),
    ("SIGWINCH", libc::SIGWINCH),
    ("SIGIO", libc::SIGIO),
    ("SIGSYS", libc::SIGSYS),
];

/// `SIGTERM` for 15; a number without a name is told as `signal 40`.
#[must_use]
pub fn signal_name(number: i32) -> String {
    NAMES.iter().find(|(_, known)| *known == number).map_or_else(|| format!("signal {number}"), |(name, _)| (*name).to_owned())
}

/// The number of `SIGTERM`, `TERM` or `15`.
#[must_use]
pub fn signal_number(name: &str) -> Option<i32> {
    let upper = name.trim().to_ascii_uppercase();
    let full = if upper.starts_with("SIG") { upper.clone() } else { format!("SIG{upper}") };
    let named = NAMES.iter().find(|(known, _)| *known == full).map(|(_, number)| *number);
    named.or_else(|| upper.parse().ok().filter(|number| NAMES.iter().any(|(_, known)| known == number)))
}

/// Sends a signal to a process by its number. The caller has made sure that the number still means the same process.
/// A process that is gone already is no error.
///
/// # Errors
/// The kernel refused: usually it belongs to another user.
pub fn send(pid: u32, number: i32) -> std::io::Result<()> {
    let (Some(pid), Some(signal)) = (pid_of(pid), Signal::from_named_raw(number)) else {
        return Ok(());
    };
    match kill_process(pid, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Is no process left in this process group, not even a zombie?
#[must_use]
pub fn group_is_empty(group: u32) -> bool {
    pid_of(group).is_none_or(|group| test_kill_process_group(group) == Err(rustix::io::Errno::SRCH))
}

/// Ends a process group that the caller has started and still waits for. That nothing is left of it is no error.
pub fn kill_group(group: u32) {
    if let Some(group) = pid_of(group) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

pub(super) fn pid_of(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        for (name, number) in NAMES {
            assert_eq!(signal_name(number), name);
            assert_eq!(signal_number(name), Some(number));
        }
        assert_eq!(signal_number("term"), Some(15));
        assert_eq!(signal_number(" 9 "), Some(9));
        assert_eq!(signal_number("SIGNOTHING"), None);
        assert_eq!(signal_number("0"), None);
        assert_eq!(signal_name(40), "signal 40");
    }
}
