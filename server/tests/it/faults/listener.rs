//! Answers what the filter asks: most calls go on, those that were chosen fail.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use libc::{seccomp_notif, seccomp_notif_resp};

use super::filter;
use super::table::{Call, FAULTS, Fault};

#[derive(Clone)]
/// What is to fail: calls of one kind, from the first to the last of these, counted from now on. The first is 1.
pub(super) struct Plan {
    pub(super) fault: &'static Fault,
    pub(super) first: u64,
    pub(super) last: u64,
}

#[derive(Default)]
struct State {
    plan: Option<Plan>,
    /// Calls of `qd` since the count began, for each fault.
    counts: Vec<u64>,
    failed: u64,
}

/// Hears of the calls of `qd` and of all that it starts.
pub(super) struct Listener {
    state: Arc<Mutex<State>>,
}

impl Listener {
    /// Answers until nobody is left to ask.
    pub(super) fn start(socket: UnixStream, program: &Path, home: &Path, plan: Option<Plan>) -> Self {
        let state = Arc::new(Mutex::new(State { plan, counts: vec![0; FAULTS.len()], failed: 0 }));
        let answering = Answering { state: state.clone(), program: program.to_owned(), home: home.to_owned() };
        std::thread::spawn(move || {
            if let Ok(Some(listener)) = filter::receive(&socket) {
                answering.run(&listener);
            }
        });
        Self { state }
    }

    fn with<T>(&self, read: impl FnOnce(&mut State) -> T) -> T {
        read(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts anew, and makes these fail.
    pub(super) fn arm(&self, plan: Option<Plan>) {
        self.with(|state| (state.plan, state.counts) = (plan, vec![0; FAULTS.len()]));
    }

    /// How many calls of each kind there were.
    pub(super) fn counts(&self) -> Vec<u64> {
        self.with(|state| state.counts.clone())
    }

    /// How many calls have failed.
    pub(super) fn failed(&self) -> u64 {
        self.with(|state| state.failed)
    }
}

struct Answering {
    state: Arc<Mutex<State>>,
    program: PathBuf,
    home: PathBuf,
}

impl Answering {
    fn run(&self, listener: &OwnedFd) {
        while let Some(asked) = next(listener) {
            let call = Call { number: asked.data.nr.into(), args: asked.data.args, thread: asked.pid };
            // An app has the filter too, but another program.
            let is_ours = std::fs::read_link(format!("/proc/{}/exe", asked.pid)).is_ok_and(|exe| exe == self.program);
            let error = if is_ours { self.judge(&call) } else { 0 };
            // The kernel tells if the thread is no longer there to hear it.
            let _ = answer(listener, asked.id, error);
        }
    }

    /// The error with which it is to fail, or 0.
    fn judge(&self, call: &Call) -> i32 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        for (fault, count) in FAULTS.iter().zip(&mut state.counts).filter(|(fault, _)| fault.is_about(call, &self.home)) {
            *count += 1;
            if let Some(plan) = &state.plan
                && std::ptr::eq(plan.fault, fault)
                && (plan.first..=plan.last).contains(count)
            {
                state.failed += 1;
                return fault.errno;
            }
        }
        0
    }
}

/// The next call; none when nobody is left who could make one.
pub(super) fn next(listener: &OwnedFd) -> Option<seccomp_notif> {
    loop {
        let mut polled = [rustix::event::PollFd::new(listener, rustix::event::PollFlags::IN)];
        match rustix::event::poll(&mut polled, None) {
            Ok(_) if polled[0].revents().contains(rustix::event::PollFlags::IN) => {}
            Err(rustix::io::Errno::INTR) => continue,
            _ => return None,
        }
        #[expect(unsafe_code, reason = "no safe wrapper exists for this ioctl")]
        // SAFETY: zeros are valid for it and asked for (seccomp_unotify(2)); the kernel fills it.
        let (done, asked) = unsafe {
            let mut asked: seccomp_notif = std::mem::zeroed();
            (libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut asked), asked)
        };
        // Otherwise the one that asked was killed, or a signal woke it.
        if done == 0 {
            return Some(asked);
        }
    }
}

pub(super) fn answer(listener: &OwnedFd, id: u64, error: i32) -> io::Result<()> {
    let go_on = u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).unwrap();
    let mut answer = seccomp_notif_resp { id, val: 0, error: -error, flags: if error == 0 { go_on } else { 0 } };
    #[expect(unsafe_code, reason = "no safe wrapper exists for this ioctl")]
    // SAFETY: the kernel reads the answer, which lives until the call is over.
    let done = unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut answer) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
