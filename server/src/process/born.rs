//! From clone(2) to execve(2): what the new process does before it is the program.
//!
//! It borrows our memory until then (`CLONE_VM | CLONE_VFORK`, as posix_spawn(3) does), so that starting costs the same
//! however large we are, and so that it can leave word why it failed. The thread that starts it waits meanwhile. In return it
//! must not allocate, panic or take a lock, and calls the kernel directly where the C library would tell our other threads
//! (setuid(2), "C library/kernel differences").

use std::ffi::{CString, c_char, c_int, c_void};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use rustix::process::Rlimit;

use super::clone::{clone, clone_into};
use super::user::Identity;

/// The variable that says for whom inherited sockets are.
const LISTEN_PID: &[u8] = b"LISTEN_PID=";
/// Of the largest number of a process.
const DIGITS: usize = 10;
/// Room for the calls that the new process makes before it is the program.
const STACK: usize = 64 << 10;
/// Descriptors of ours are put out of the way of those that the program is to have, which begin at 0.
const OUT_OF_THE_WAY: c_int = 64;
/// Few programs are to have more files.
const BERTHS: usize = 8;

/// Texts as the kernel takes them, each with a NUL byte at its end. Made before the clone, because nothing may be allocated
/// after it; in one piece, because an environment has many.
#[derive(Debug)]
pub struct Texts {
    bytes: Vec<u8>,
    starts: Vec<usize>,
}

impl Texts {
    /// Each text is given in parts. None if one of them holds a NUL byte.
    pub(super) fn new<'t, const PARTS: usize>(texts: impl Iterator<Item = [&'t [u8]; PARTS]> + Clone) -> Option<Self> {
        let length = texts.clone().map(|parts| parts.iter().map(|part| part.len()).sum::<usize>() + 1).sum();
        let (mut bytes, mut starts) = (Vec::with_capacity(length), Vec::with_capacity(texts.clone().count()));
        for parts in texts {
            starts.push(bytes.len());
            parts.into_iter().for_each(|part| bytes.extend_from_slice(part));
            bytes.push(0);
        }
        (memchr::memchr_iter(0, &bytes).count() == starts.len()).then_some(Self { bytes, starts })
    }

    fn pointers(&self) -> impl Iterator<Item = *const c_char> {
        self.starts.iter().map(|start| self.bytes[*start..].as_ptr().cast())
    }
}

/// What becomes of the new process.
pub(super) struct Plan<'a> {
    pub(super) path: CString,
    pub(super) args: Texts,
    pub(super) env: Texts,
    pub(super) cwd: CString,
    /// What it is to have open, from 0 on.
    pub(super) files: Vec<&'a OwnedFd>,
    /// Is it told its number?
    pub(super) listens: bool,
    /// The folder of its cgroup.
    pub(super) cgroup: Option<&'a OwnedFd>,
    pub(super) identity: Option<&'a Identity>,
    pub(super) umask: Option<u32>,
    /// How many files it may have open.
    pub(super) open_files: Option<Rlimit>,
    pub(super) nice: Option<i32>,
    pub(super) no_new_privs: bool,
}

/// How far it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// There is no new process.
    Clone,
    /// Files and session.
    Setup,
    OpenFiles,
    Nice,
    /// Another user or group.
    Identity,
    /// The working directory.
    Folder,
    /// The program.
    Execute,
}

/// A process that has become the program.
#[derive(Debug)]
pub(super) struct Born {
    pub(super) pid: u32,
    pub(super) handle: OwnedFd,
    /// Why it is not in its cgroup, if it should be.
    pub(super) outside: Option<io::Error>,
}

/// Why it is not the program.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) stage: Stage,
    pub(super) error: io::Error,
}

/// What both sides know.
struct Shared<'a> {
    plan: &'a Plan<'a>,
    ignored: &'a [c_int],
    /// Where each file goes first.
    moved: Vec<c_int>,
    /// The number behind those of the berths, if the files are there.
    berths: Option<c_int>,
    /// Both end with a null pointer.
    args: Vec<*const c_char>,
    env: Vec<*const c_char>,
    /// Room for `LISTEN_PID`.
    number: [u8; LISTEN_PID.len() + DIGITS + 1],
    stage: Stage,
    errno: c_int,
    /// Was it born in its cgroup?
    inside: bool,
    /// Why it could not enter its cgroup.
    outside: c_int,
}

/// What new processes need of the thread that starts them, one after the other.
#[derive(Debug)]
pub(super) struct Cradle {
    /// For the stack of each, so that none has to be cleared for the next.
    stack: Vec<u8>,
    /// Signals that we ignore, as the Rust runtime does with SIGPIPE, and as `nohup` had us do.
    ignored: Vec<c_int>,
    berths: Berths,
}

impl Default for Cradle {
    fn default() -> Self {
        let ignored = ALL_SIGNALS.into_iter().filter(|signal| is_ignored(*signal)).collect();
        Self { stack: vec![0; STACK], ignored, berths: Berths::default() }
    }
}

/// Descriptors with low numbers, where the files of a new process are while it is made. It begins with our table of open files, of
/// which it takes a copy up to there (close_range(2), `CLOSE_RANGE_UNSHARE`): else it would copy and close all that we have
/// open, some for each app.
#[derive(Debug)]
struct Berths {
    /// What is in one that is free.
    nothing: Option<OwnedFd>,
    all: Vec<OwnedFd>,
}

impl Default for Berths {
    fn default() -> Self {
        let nothing = std::fs::File::open("/dev/null").ok().map(OwnedFd::from);
        // Behind the numbers that the files are to have in the end.
        let berth = |_| rustix::io::fcntl_dupfd_cloexec(nothing.as_ref()?, i32::try_from(BERTHS).ok()?).ok();
        let all = (0..BERTHS).map_while(berth).collect();
        Self { nothing, all }
    }
}

impl Berths {
    /// Puts the files there, and gives their numbers. None if they do not fit.
    fn fill(&mut self, files: &[&OwnedFd]) -> Option<Vec<c_int>> {
        let numbers = self.all.get(..files.len())?.iter().map(AsRawFd::as_raw_fd).collect();
        for (file, berth) in files.iter().zip(&mut self.all) {
            rustix::io::dup3(file, berth, rustix::io::DupFlags::CLOEXEC).ok()?;
        }
        Some(numbers)
    }

    fn end(&self) -> Option<c_int> {
        self.all.iter().map(AsRawFd::as_raw_fd).max().map(|last| last + 1)
    }

    fn clear(&mut self, count: usize) {
        for berth in self.all.iter_mut().take(count) {
            if let Some(nothing) = &self.nothing {
                // One that is open can always be replaced (dup(2)).
                let _ = rustix::io::dup3(nothing, berth, rustix::io::DupFlags::CLOEXEC);
            }
        }
    }
}

/// What is done at a signal, as the kernel takes it: first the handler, 0 for the default (`SIG_DFL`). The C library refuses to
/// speak of the two signals that it keeps to itself, which somebody may ignore all the same.
type Action = [usize; 4];
static DEFAULT: Action = [0; 4];
/// Of a set of signals, in bytes.
const SET: usize = 8;
/// All signals there are (signal(7)).
const ALL_SIGNALS: [c_int; 64] = {
    let mut all = [0; 64];
    let mut at = 0;
    while at < all.len() {
        all[at] = at as c_int + 1;
        at += 1;
    }
    all
};

fn is_ignored(signal: c_int) -> bool {
    let mut now: Action = [0; 4];
    #[expect(unsafe_code, reason = "what is done at a signal has no safe form")]
    // SAFETY: it asks and changes nothing, and the kernel writes no more than this.
    let asked = unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, std::ptr::null::<Action>(), &raw mut now, SET) };
    asked == 0 && now[0] == libc::SIG_IGN
}

impl Plan<'_> {
    /// Makes the process. Gives it once it is the program.
    pub(super) fn carry_out(&self, cradle: &mut Cradle) -> Result<Born, Failure> {
        let Cradle { stack, ignored, berths } = cradle;
        // Where it enters its cgroup by itself, it needs the folder of that too.
        let filled = self.cgroup.and_then(|_| berths.fill(&self.files));
        let end = filled.as_ref().and_then(|_| berths.end());
        let moved = filled.unwrap_or_else(|| vec![-1; self.files.len()]);
        // Its place is taken by what the new process alone can know.
        let number = self.listens.then_some(c"".as_ptr());
        let mut shared = Shared {
            plan: self,
            ignored,
            moved,
            berths: end,
            args: self.args.pointers().chain([std::ptr::null()]).collect(),
            env: number.into_iter().chain(self.env.pointers()).chain([std::ptr::null()]).collect(),
            number: [0; LISTEN_PID.len() + DIGITS + 1],
            stage: Stage::Clone,
            errno: 0,
            inside: true,
            outside: 0,
        };
        let masked = Masked::new();
        #[expect(unsafe_code, reason = "the new process shares our memory")]
        // SAFETY: it runs `begin` on this stack with `shared`, and this thread, which owns both, sleeps until it has ended or
        // become the program (CLONE_VFORK). All signals are blocked, so none of our handlers runs in it.
        let made = unsafe {
            let argument = (&raw mut shared).cast();
            let inside = self.cgroup.map(|cgroup| clone_into(cgroup, end.is_some(), stack, begin, argument));
            match inside {
                Some(Ok(made)) => Ok(made),
                Some(Err(_)) | None => {
                    shared.inside = false;
                    clone(stack, begin, (&raw mut shared).cast())
                }
            }
        };
        drop(masked);
        berths.clear(self.files.len());
        let (pid, handle) = made.map_err(|error| Failure { stage: Stage::Clone, error })?;
        let number = pid.unsigned_abs();
        #[expect(unsafe_code, reason = "the kernel hands over a new descriptor as a number")]
        // SAFETY: clone(2) opened it for us (CLONE_PIDFD), and nobody else knows it.
        let handle = unsafe { OwnedFd::from_raw_fd(handle) };
        if shared.errno == 0 {
            let outside = (shared.outside != 0).then(|| io::Error::from_raw_os_error(shared.outside));
            return Ok(Born { pid: number, handle, outside });
        }
        let pid = rustix::process::Pid::from_raw(pid);
        // It has ended already: it left word before.
        let _ = rustix::process::waitpid(pid, rustix::process::WaitOptions::empty());
        Err(Failure { stage: shared.stage, error: io::Error::from_raw_os_error(shared.errno) })
    }
}

/// All signals of this thread are blocked until this is dropped.
struct Masked(libc::sigset_t);

impl Masked {
    fn new() -> Self {
        #[expect(unsafe_code, reason = "signal masks have no safe form")]
        // SAFETY: both sets are plain memory that the calls fill; zeros are valid for them.
        unsafe {
            let (mut all, mut before) = (std::mem::zeroed(), std::mem::zeroed());
            libc::sigfillset(&raw mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
            Self(before)
        }
    }
}

impl Drop for Masked {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "signal masks have no safe form")]
        // SAFETY: the set was filled by the kernel.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut());
        }
    }
}

extern "C" fn begin(shared: *mut c_void) -> c_int {
    #[expect(unsafe_code, reason = "the argument of clone(2) is a bare pointer")]
    // SAFETY: it leads to the `Shared` of `carry_out`, which sleeps and does not touch it.
    let shared = unsafe { &mut *shared.cast::<Shared<'_>>() };
    shared.errno = shared.become_the_program();
    #[expect(unsafe_code, reason = "ends this process without running anything that belongs to the other one")]
    // SAFETY: _exit(2) runs no handlers.
    unsafe {
        libc::_exit(127)
    }
}

fn errno() -> c_int {
    #[expect(unsafe_code, reason = "io::Error would do as well, but may allocate some day")]
    // SAFETY: the thread's own variable.
    unsafe {
        *libc::__errno_location()
    }
}

macro_rules! attempt {
    ($call:expr) => {
        if $call < 0 {
            return errno();
        }
    };
}

impl Shared<'_> {
    /// Comes back only with the number of an error.
    fn become_the_program(&mut self) -> c_int {
        let plan = self.plan;
        self.stage = Stage::Setup;
        #[expect(unsafe_code, reason = "plain system calls between clone and execve")]
        // SAFETY: async-signal-safe calls with plain values and with pointers into `plan`, which outlives them.
        unsafe {
            // First of all, so that nothing it does is outside. Without it session and marker hold the tree: no reason to fail.
            if let Some(cgroup) = plan.cgroup.filter(|_| !self.inside) {
                let entrance = libc::openat(cgroup.as_raw_fd(), c"cgroup.procs".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
                if entrance < 0 || libc::write(entrance, c"0".as_ptr().cast(), 1) < 0 {
                    self.outside = errno();
                }
            }
            // Handlers are ours, which `clone_into` has taken away, and what a shell set to be ignored would stay so (execve(2)).
            let cleared = if self.inside { self.ignored } else { &ALL_SIGNALS };
            for signal in cleared {
                libc::syscall(libc::SYS_rt_sigaction, *signal, &raw const DEFAULT, std::ptr::null::<Action>(), SET);
            }
            match self.berths.filter(|_| self.inside) {
                Some(end) => {
                    let unshared = libc::syscall(libc::SYS_close_range, end, libc::c_uint::MAX, libc::CLOSE_RANGE_UNSHARE);
                    if unshared < 0 {
                        // Before Linux 5.9. Nothing may be changed while the files are ours.
                        attempt!(libc::unshare(libc::CLONE_FILES));
                    }
                }
                None => {
                    for (file, moved) in plan.files.iter().zip(&mut self.moved) {
                        *moved = libc::fcntl(file.as_raw_fd(), libc::F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
                        attempt!(*moved);
                    }
                }
            }
            attempt!(libc::setsid());
            for (moved, number) in self.moved.iter().zip(0..) {
                attempt!(libc::dup2(*moved, number));
            }
            // Until it is the program it has copies of all that we have open, locks of other apps among them. A kernel before
            // Linux 5.9 does not know how; then they are closed by becoming the program.
            let others = plan.files.len();
            libc::syscall(libc::SYS_close_range, others, libc::c_uint::MAX, 0);
            if let Some(umask) = plan.umask {
                libc::umask(umask);
            }
            self.stage = Stage::OpenFiles;
            // After the files, which may be out of reach then.
            if let Some(files) = &plan.open_files {
                let limit = libc::rlimit {
                    rlim_cur: files.current.unwrap_or(libc::RLIM_INFINITY),
                    rlim_max: files.maximum.unwrap_or(libc::RLIM_INFINITY),
                };
                attempt!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit));
            }
            self.stage = Stage::Nice;
            // Both before the identity: another user may neither raise a limit (getrlimit(2)) nor go ahead of others (setpriority(2)).
            if let Some(nice) = plan.nice {
                attempt!(libc::setpriority(libc::PRIO_PROCESS, 0, nice));
            }
            self.stage = Stage::Identity;
            if let Some(identity) = plan.identity {
                if libc::geteuid() == 0 {
                    attempt!(libc::syscall(libc::SYS_setgroups, identity.groups.len(), identity.groups.as_ptr()));
                }
                attempt!(libc::syscall(libc::SYS_setgid, identity.gid));
                attempt!(libc::syscall(libc::SYS_setuid, identity.uid));
            }
            if plan.no_new_privs {
                // It holds from the next execve on, and for all that is forked (PR_SET_NO_NEW_PRIVS(2const)).
                attempt!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
            }
            if plan.listens {
                self.tell_number(libc::getpid().unsigned_abs());
            }
            self.stage = Stage::Folder;
            attempt!(libc::chdir(plan.cwd.as_ptr()));
            self.stage = Stage::Execute;
            let mut none: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut none);
            libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
            // Directly, because execvp(3) hands a file of an unknown format to a shell instead of saying so.
            libc::execve(plan.path.as_ptr(), self.args.as_ptr(), self.env.as_ptr());
        }
        errno()
    }

    /// Puts the number of the new process into its environment, without allocating.
    fn tell_number(&mut self, pid: u32) {
        let digits = pid.checked_ilog10().unwrap_or(0) + 1;
        let ten_to = (0..digits).rev().map(|place| 10_u32.pow(place));
        let text = LISTEN_PID.iter().copied().chain(ten_to.map(|unit| b'0' + (pid / unit % 10) as u8));
        for (to, byte) in self.number.iter_mut().zip(text) {
            *to = byte;
        }
        if let Some(slot) = self.env.first_mut() {
            *slot = self.number.as_ptr().cast();
        }
    }
}
