//! Starting a process in a session of its own.

use std::ffi::CString;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use app::model::ListenAddress;
use thiserror::Error;

use super::born::{Born, Cradle, Failure, Plan, Stage, Texts};
use super::cgroup::Cgroup;
use super::command::{Program, Variables};
use super::conditions::Conditions;
use super::pidfd::PidFd;
use super::reaper::Reaper;
use super::user::UserError;

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
    /// It may not have so many files open.
    #[error(
        "`limits.nofile` cannot be {0}: without root it is {1} at most, and never above fs.nr_open of sysctl; lower it, or raise the \
         limit of qd (LimitNOFILE under systemd)"
    )]
    OpenFiles(u32, u64),
    /// It may not go ahead of others.
    #[error("`nice` cannot be {0}: to go ahead of others needs qd to run as root; raise it, or leave it out")]
    Nice(i32),
    /// Where it is to listen, somebody else does, or nobody can.
    #[error("nobody can listen on {0} for it: {1}; end what listens there (ss -ltnp shows it), or change `listen`")]
    Listen(ListenAddress, String),
    /// Processes of an earlier run have its lock.
    #[error("processes of an earlier run still live{0}; they are being killed, and then it is started")]
    StillRuns(String),
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
    /// The whole environment (see [`Launch::env`]).
    pub env: Texts,
    /// Standard output.
    pub stdout: OwnedFd,
    /// Standard error.
    pub stderr: OwnedFd,
    /// What else it is to have open, from 3 on.
    pub more: Vec<OwnedFd>,
    /// Is it told its own number, as who inherits sockets has to be (`LISTEN_PID`, sd_listen_fds(3))?
    pub listens: bool,
    /// What it may do and use.
    pub conditions: Conditions,
    /// Where it is born.
    pub cgroup: Option<Cgroup>,
}

impl Launch {
    /// An environment as it is handed over.
    ///
    /// # Errors
    /// A variable holds a NUL byte.
    pub fn env(variables: &Variables<'_>) -> Result<Texts, SpawnError> {
        Texts::new(variables.iter().map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()])).ok_or_else(nul)
    }
}

/// A process that was started.
#[derive(Debug)]
pub struct Child {
    /// Its handle.
    pub pidfd: PidFd,
    /// When it started, in clock ticks since boot: with the pid it names the process (proc_pid_stat(5), field 22).
    pub start_ticks: u64,
    /// Why it is not in the cgroup where it should be.
    pub outside: Option<io::Error>,
}

/// Starts it: a session of its own, signals at their defaults, nothing open but the standard streams and what it is given.
///
/// # Errors
/// Nothing runs then.
pub(super) fn spawn(launch: Launch, reaper: &Reaper, cradle: &mut Cradle) -> Result<Child, SpawnError> {
    let path = text(launch.program.path.as_os_str().as_bytes())?;
    let args = [path.as_bytes()].into_iter().chain(launch.program.args.iter().map(String::as_bytes));
    let args = Texts::new(args.map(|arg| [arg])).ok_or_else(nul)?;
    let nothing = std::fs::File::open("/dev/null").map_err(|error| SpawnError::Other(format!("/dev/null: {error}")))?.into();
    let cgroup = launch.cgroup.as_ref().map(Cgroup::open).transpose();
    let plan = Plan {
        args,
        env: launch.env,
        path,
        cwd: text(launch.cwd.as_os_str().as_bytes())?,
        files: [&nothing, &launch.stdout, &launch.stderr].into_iter().chain(&launch.more).collect(),
        listens: launch.listens,
        cgroup: cgroup.as_ref().ok().and_then(Option::as_ref),
        identity: launch.conditions.identity.as_ref(),
        umask: launch.conditions.umask(),
        open_files: launch.conditions.open_files(),
        nice: launch.conditions.nice,
        no_new_privs: launch.conditions.no_new_privs,
    };
    let started = reaper.keep(|| plan.carry_out(cradle), |born| born.pid);
    let Born { pid, handle, outside } =
        started.map_err(|failure| explain(&failure, launch.program.path, &launch.cwd, &launch.conditions))?;
    launch.conditions.give_to_session(pid);
    // It is not reaped yet, so its number cannot mean another process.
    Ok(Child {
        pidfd: PidFd::of(handle, pid),
        start_ticks: super::start_time(pid).unwrap_or(0),
        outside: cgroup.err().or(outside),
    })
}

fn text(bytes: &[u8]) -> Result<CString, SpawnError> {
    CString::new(bytes).map_err(|_| nul())
}

fn nul() -> SpawnError {
    SpawnError::Other("an argument or a variable holds a NUL byte; mend it in the config".into())
}

fn explain(Failure { stage, error }: &Failure, path: PathBuf, cwd: &Path, conditions: &Conditions) -> SpawnError {
    match (stage, error.raw_os_error()) {
        (Stage::OpenFiles, Some(libc::EPERM)) => {
            let most = conditions.most_open_files().unwrap_or(u64::MAX);
            SpawnError::OpenFiles(conditions.nofile.unwrap_or_default(), most)
        }
        (Stage::Nice, Some(libc::EACCES | libc::EPERM)) => SpawnError::Nice(conditions.nice.unwrap_or_default()),
        (Stage::Clone, _) => SpawnError::Other(format!("no new process can be made: {error}; are there too many?")),
        (Stage::Folder, Some(libc::ENOENT | libc::ENOTDIR)) => SpawnError::NoFolder(cwd.to_owned()),
        (Stage::Folder, _) => SpawnError::Other(format!("the working directory {} cannot be entered: {error}", cwd.display())),
        (Stage::Execute, Some(libc::ENOENT)) if ends_as_on_windows(&path) => SpawnError::NotFound(format!(
            "the interpreter of {}, because its lines end with CR LF and the CR counts as part of the name; save it with LF alone",
            path.display()
        )),
        (Stage::Execute, Some(libc::ENOENT)) if path.exists() => {
            SpawnError::NotFound(format!("{} exists, but the interpreter that its first line names does not", path.display()))
        }
        (Stage::Execute, Some(libc::ENOENT)) => SpawnError::NotFound(format!("there is no file {}", path.display())),
        (Stage::Execute, Some(libc::ENOEXEC)) => SpawnError::WrongFormat(path),
        (Stage::Execute | Stage::Identity, Some(libc::EACCES | libc::EPERM)) => SpawnError::NotPermitted(path),
        _ => SpawnError::Other(format!("{}: {error}", path.display())),
    }
}

/// Does the line that names its interpreter end with CR LF?
fn ends_as_on_windows(path: &std::path::Path) -> bool {
    // The kernel reads no more of it (`BINPRM_BUF_SIZE`).
    let mut head = Vec::with_capacity(256);
    let read = std::fs::File::open(path).and_then(|file| file.take(256).read_to_end(&mut head));
    read.is_ok() && head.starts_with(b"#!") && head.split(|byte| *byte == b'\n').next().is_some_and(|line| line.ends_with(b"\r"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::process::Cgroups;
    use crate::process::RawExit;
    use std::os::fd::AsFd;

    pub(in crate::process) fn launch(path: &str, args: &[&str]) -> Launch {
        let null = || std::fs::OpenOptions::new().write(true).open("/dev/null").unwrap().into();
        Launch {
            program: Program { path: path.into(), args: args.iter().map(|arg| (*arg).to_owned()).collect() },
            cwd: "/".into(),
            env: Launch::env(&Variables::new()).unwrap(),
            stdout: null(),
            stderr: null(),
            more: Vec::new(),
            listens: false,
            conditions: Conditions::default(),
            cgroup: None,
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
            let child = spawn(launch("/bin/sh", &["-c", line]), &reaper, &mut Cradle::default()).unwrap();
            assert_eq!(wait(&child), exit, "{line}");
            reaper.forget(child.pidfd.pid());
        }
    }

    /// Of what we ignore, SIGPIPE at least: the Rust runtime does. With a cgroup another call makes the process.
    #[test]
    fn no_signal_is_ignored() {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        assert!(!status.contains("SigIgn:\t0000000000000000"), "{status}");
        let reaper = Reaper::default();
        let cgroups = Cgroups::find(None, "spawn-signals").ok();
        let cgroup = cgroups.and_then(|all| all.make(&format!("spawn-signals.{}", std::process::id())).ok());
        for place in [None, cgroup.clone()] {
            let mut plain = launch("/bin/sh", &["-c", "grep -q '^SigIgn:\t0000000000000000$' /proc/self/status"]);
            plain.cgroup = place;
            let child = spawn(plain, &reaper, &mut Cradle::default()).unwrap();
            assert_eq!(wait(&child), RawExit::Code(0));
            reaper.forget(child.pidfd.pid());
        }
        assert!(cgroup.is_none_or(|cgroup| cgroup.remove()));
    }

    /// In a cgroup, errors come back too, and what cannot be entered keeps nobody from running.
    #[test]
    fn with_a_cgroup_and_with_one_that_cannot_be_entered() {
        let folder = tempfile::tempdir().unwrap();
        let reaper = Reaper::default();
        let mut outside = launch("/bin/sh", &["-c", "exit 7"]);
        outside.cgroup = Some(Cgroup::at(folder.path()));
        let child = spawn(outside, &reaper, &mut Cradle::default()).unwrap();
        assert!(child.outside.is_some());
        assert_eq!(wait(&child), RawExit::Code(7));
        reaper.forget(child.pidfd.pid());
        let marker = format!("spawn-test.{}", std::process::id());
        let Ok(cgroup) = Cgroups::find(None, "spawn-test").and_then(|all| all.make(&marker).map_err(|error| error.to_string()))
        else {
            return;
        };
        let mut gone = launch("/no/such/program", &[]);
        gone.cgroup = Some(cgroup.clone());
        assert!(matches!(spawn(gone, &reaper, &mut Cradle::default()), Err(SpawnError::NotFound(_))));
        let mut inside = launch("/bin/sleep", &["60"]);
        inside.cgroup = Some(cgroup.clone());
        let child = spawn(inside, &reaper, &mut Cradle::default()).unwrap();
        let mut one = (cgroup.pids().unwrap(), child.outside.is_none());
        one.0.retain(|pid| *pid != child.pidfd.pid());
        child.pidfd.send(9).unwrap();
        assert_eq!(wait(&child), RawExit::Signal(9));
        reaper.forget(child.pidfd.pid());
        assert_eq!(one, (Vec::new(), true));
        assert!(cgroup.remove());
    }

    #[test]
    fn it_leads_a_session_of_its_own() {
        let child = spawn(launch("/bin/sleep", &["60"]), &Reaper::default(), &mut Cradle::default()).unwrap();
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
        let try_it = |path: &std::path::Path| {
            spawn(launch(path.to_str().unwrap(), &[]), &Reaper::default(), &mut Cradle::default()).unwrap_err()
        };
        assert_eq!(try_it(&file), SpawnError::NotPermitted(file.clone()));
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        assert_eq!(try_it(&file), SpawnError::WrongFormat(file.clone()));
        assert!(matches!(try_it(&folder.path().join("gone")), SpawnError::NotFound(_)));
        std::fs::write(&file, "#!/no/such/interpreter\n").unwrap();
        assert!(matches!(try_it(&file), SpawnError::NotFound(_)));
        std::fs::write(&file, "#!/bin/sh\r\nexit 0\r\n").unwrap();
        assert!(matches!(try_it(&file), SpawnError::NotFound(why) if why.contains("CR LF")));
        let _written = std::fs::OpenOptions::new().append(true).open(&file).unwrap();
        assert!(matches!(try_it(&file), SpawnError::Other(why) if why.contains("busy")));
        let mut elsewhere = launch("/bin/true", &[]);
        elsewhere.cwd = folder.path().join("gone");
        assert!(matches!(spawn(elsewhere, &Reaper::default(), &mut Cradle::default()), Err(SpawnError::NoFolder(_))));
    }
}
