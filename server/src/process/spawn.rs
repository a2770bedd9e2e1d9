//! Starting a process in a session of its own.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use thiserror::Error;

use super::command::Program;
use super::own;
use super::pidfd::PidFd;
use super::reaper::Reaper;
use super::user::{Identity, UserError};

/// Why a process could not be started. The text says what to do where something can be done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SpawnError {
    /// The program is nowhere.
    #[error("executable not found: {0}")]
    NotFound(String),
    /// The file is there, but nobody may execute it.
    #[error("{0} is not executable; run chmod +x on it, or set `interpreter`")]
    NotExecutable(PathBuf),
    /// The kernel does not know the format (`ENOEXEC`).
    #[error("{0} has a format that this machine cannot run; it needs a #! line, or an `interpreter`")]
    WrongFormat(PathBuf),
    /// The working directory is missing.
    #[error("the working directory {0} does not exist; make it, or mend `cwd`")]
    NoFolder(PathBuf),
    /// The user or group is missing.
    #[error(transparent)]
    User(#[from] UserError),
    /// We may not.
    #[error("no permission to run {0}, or to run it as that user; another `uid` needs qd to run as root")]
    NotPermitted(PathBuf),
    /// The logs could not be set up.
    #[error("its log files cannot be written: {0}")]
    Logs(String),
    /// Something else, in the kernel's words.
    #[error("{0}")]
    Other(String),
}

/// What to start, and how.
#[derive(Debug)]
pub struct Launch {
    /// The program.
    pub program: Program,
    /// Working directory.
    pub cwd: PathBuf,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    /// Standard output.
    pub stdout: OwnedFd,
    /// Standard error.
    pub stderr: OwnedFd,
    /// Whom it runs as, if not as we do.
    pub identity: Option<Identity>,
}

/// A process that was started.
#[derive(Debug)]
pub struct Child {
    /// Its handle.
    pub pidfd: PidFd,
    /// When it started, in clock ticks since boot: with the pid it names the process (proc_pid_stat(5), field 22).
    pub start_ticks: u64,
}

/// Starts it: a session of its own, signals at their defaults, nothing open but the three standard streams.
///
/// # Errors
/// Nothing runs then.
pub fn spawn(mut launch: Launch, reaper: &Reaper) -> Result<Child, SpawnError> {
    let path = launch.program.path.clone();
    if let Some(identity) = &launch.identity {
        for (name, value) in [("HOME", &identity.home), ("USER", &identity.name), ("LOGNAME", &identity.name)] {
            if let Some(value) = value {
                launch.env.insert(name.into(), value.clone());
            }
        }
    }
    let image = Image::new(&launch)?;
    let inherited = own::inherited();
    let mut command = Command::new(&path);
    command.current_dir(&launch.cwd);
    command.stdin(Stdio::null()).stdout(launch.stdout).stderr(launch.stderr);
    #[expect(unsafe_code, reason = "a session, another user and signals at their defaults need code between fork and exec")]
    // SAFETY: only async-signal-safe calls are made, and nothing is allocated (signal-safety(7)).
    unsafe {
        command.pre_exec(move || {
            if let Some(inherited) = inherited {
                rustix::process::umask(inherited.umask);
                rustix::process::setrlimit(rustix::process::Resource::Nofile, inherited.files)?;
            }
            prepare(launch.identity.as_ref())?;
            Err(image.execute())
        });
    }
    let started = reaper.keep(|| command.spawn(), std::process::Child::id);
    let mut child = started.map_err(|error| explain(&error, path, &launch.cwd))?;
    let pid = child.id();
    // The child is not reaped yet, so its number cannot mean another process.
    match PidFd::open(pid) {
        Ok(pidfd) => Ok(Child { pidfd, start_ticks: super::start_time(pid).unwrap_or(0) }),
        Err(error) => {
            // Nobody could notice its end: it must not run.
            let _ = child.kill();
            let _ = child.wait();
            reaper.forget(pid);
            Err(SpawnError::Other(format!("no handle of the new process: {error}; are too many files open?")))
        }
    }
}

/// What execve(2) takes. Made before the fork, because nothing may be allocated after it. Called directly, because
/// execvp(3), which the standard library uses, hands a file of an unknown format to a shell instead of saying so.
struct Image {
    path: CString,
    args: Pointers,
    env: Pointers,
}

struct Pointers {
    _strings: Vec<CString>,
    list: Vec<*const libc::c_char>,
}

#[expect(unsafe_code, reason = "raw pointers into strings that move along with them")]
// SAFETY: the pointers lead into heap memory that `_strings` owns and nobody changes.
unsafe impl Send for Pointers {}
#[expect(unsafe_code, reason = "raw pointers into strings that move along with them")]
// SAFETY: as above; shared access reads only.
unsafe impl Sync for Pointers {}

impl Pointers {
    fn new(strings: Vec<CString>) -> Self {
        let list = strings.iter().map(|one| one.as_ptr()).chain([std::ptr::null()]).collect();
        Self { _strings: strings, list }
    }
}

impl Image {
    fn new(launch: &Launch) -> Result<Self, SpawnError> {
        let text = |bytes: Vec<u8>| {
            CString::new(bytes)
                .map_err(|_| SpawnError::Other("an argument or a variable holds a NUL byte; mend it in the config".into()))
        };
        let path = text(launch.program.path.as_os_str().as_bytes().to_vec())?;
        let args = launch.program.args.iter().map(|arg| text(arg.clone().into_bytes()));
        let args = [Ok(path.clone())].into_iter().chain(args).collect::<Result<_, _>>()?;
        let env =
            launch.env.iter().map(|(name, value)| text(format!("{name}={value}").into_bytes())).collect::<Result<_, _>>()?;
        Ok(Self { path, args: Pointers::new(args), env: Pointers::new(env) })
    }

    /// Becomes the program; comes back only with an error.
    fn execute(&self) -> io::Error {
        #[expect(unsafe_code, reason = "the standard library has no plain execve")]
        // SAFETY: both lists end with a null pointer and lead to strings that live as long as `self`.
        unsafe {
            libc::execve(self.path.as_ptr(), self.args.list.as_ptr(), self.env.list.as_ptr());
        }
        io::Error::last_os_error()
    }
}

fn prepare(identity: Option<&Identity>) -> io::Result<()> {
    let check = |result: libc::c_int| if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
    #[expect(unsafe_code, reason = "plain system calls between fork and exec")]
    // SAFETY: async-signal-safe calls with plain values; `identity` was made before the fork.
    unsafe {
        check(libc::setsid())?;
        // A shell that starts qd in the background sets SIGINT and SIGQUIT to be ignored, and exec(2) would keep that.
        for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGUSR1, libc::SIGUSR2, libc::SIGCHLD] {
            libc::signal(signal, libc::SIG_DFL);
        }
        if let Some(identity) = identity {
            if libc::geteuid() == 0 {
                check(libc::setgroups(identity.groups.len(), identity.groups.as_ptr()))?;
            }
            check(libc::setgid(identity.gid))?;
            check(libc::setuid(identity.uid))?;
        }
    }
    Ok(())
}

fn explain(error: &io::Error, path: PathBuf, cwd: &std::path::Path) -> SpawnError {
    match error.raw_os_error() {
        Some(libc::ENOENT) if !cwd.is_dir() => SpawnError::NoFolder(cwd.to_owned()),
        Some(libc::ENOENT) if path.exists() => {
            SpawnError::NotFound(format!("{} exists, but the interpreter that its first line names does not", path.display()))
        }
        Some(libc::ENOENT) => SpawnError::NotFound(format!("there is no file {}", path.display())),
        Some(libc::ENOEXEC) => SpawnError::WrongFormat(path),
        Some(libc::EACCES | libc::EPERM) => SpawnError::NotPermitted(path),
        _ => SpawnError::Other(format!("{}: {error}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::RawExit;
    use std::os::fd::AsFd;

    fn launch(path: &str, args: &[&str]) -> Launch {
        let null = || std::fs::OpenOptions::new().write(true).open("/dev/null").unwrap().into();
        Launch {
            program: Program { path: path.into(), args: args.iter().map(|arg| (*arg).to_owned()).collect() },
            cwd: "/".into(),
            env: BTreeMap::new(),
            stdout: null(),
            stderr: null(),
            identity: None,
        }
    }

    fn wait(child: &Child) -> RawExit {
        let mut polled = [rustix::event::PollFd::from_borrowed_fd(child.pidfd.as_fd(), rustix::event::PollFlags::IN)];
        rustix::event::poll(&mut polled, None).unwrap();
        child.pidfd.reap().unwrap().unwrap()
    }

    #[test]
    fn exit_codes_and_signals_are_told_apart() {
        let reaper = Reaper::default();
        for (line, exit) in [("exit 7", RawExit::Code(7)), ("kill -9 $$", RawExit::Signal(9))] {
            let child = spawn(launch("/bin/sh", &["-c", line]), &reaper).unwrap();
            assert_eq!(wait(&child), exit, "{line}");
            reaper.forget(child.pidfd.pid());
        }
    }

    #[test]
    fn it_leads_a_session_of_its_own() {
        let child = spawn(launch("/bin/sleep", &["60"]), &Reaper::default()).unwrap();
        let pid = rustix::process::Pid::from_raw(child.pidfd.pid() as i32);
        assert_eq!(rustix::process::getsid(pid).unwrap(), pid.unwrap());
        child.pidfd.send(9).unwrap();
        assert_eq!(wait(&child), RawExit::Signal(9));
    }

    #[test]
    fn errors_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tool");
        std::fs::write(&file, "no format at all").unwrap();
        let try_it = |path: &std::path::Path| spawn(launch(path.to_str().unwrap(), &[]), &Reaper::default()).unwrap_err();
        assert_eq!(try_it(&file), SpawnError::NotPermitted(file.clone()));
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        assert_eq!(try_it(&file), SpawnError::WrongFormat(file.clone()));
        assert!(matches!(try_it(&folder.path().join("gone")), SpawnError::NotFound(_)));
        std::fs::write(&file, "#!/no/such/interpreter\n").unwrap();
        assert!(matches!(try_it(&file), SpawnError::NotFound(_)));
        let mut elsewhere = launch("/bin/true", &[]);
        elsewhere.cwd = folder.path().join("gone");
        assert!(matches!(spawn(elsewhere, &Reaper::default()), Err(SpawnError::NoFolder(_))));
    }
}
