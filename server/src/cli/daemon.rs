//! A daemon in the background: starts one where none runs, and waits for the end of one.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::time::{Instant, sleep};

use super::context::Context;
use super::{Failure, Home, login_link};
use crate::process::{PidFd, detach};

/// How long a daemon may take until it answers. It may have apps to take back, and a slow disk.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long a daemon may take to stop its apps.
const END_LIMIT: Duration = Duration::from_secs(300);
/// Between two looks whether it answers.
const LOOK: Duration = Duration::from_millis(25);
/// A log longer than this is put aside when a daemon starts. It holds warnings alone, so it grows slowly.
const LOG_LIMIT: u64 = 10 << 20;
/// So much of its log is shown when it did not start.
const LOG_TAIL: u64 = 2000;

/// Starts a daemon if none runs, and tells where its dashboard is.
pub(super) async fn ensure(context: &Context) -> Result<(), Failure> {
    match context.client.get_bytes("/api/health/live").await {
        Err(Failure::NoDaemon(_)) => {}
        other => return other.map(drop),
    }
    let home = &context.home;
    let is_first = !home.path().join("state.db").exists();
    start(context).await?;
    context.screen.say(&format!("Quarterdeck runs in the background, with its dashboard at {}", home.address()))?;
    if is_first {
        let link = login_link::fresh(context).await?;
        context.screen.say(&format!("Log in with this link, once, within 15 minutes: {link}"))?;
    }
    Ok(())
}

/// Starts a daemon, and waits until it answers.
pub(super) async fn start(context: &Context) -> Result<(), Failure> {
    let home = &context.home;
    let (mut child, logged) = spawn(home).map_err(|error| {
        Failure::failed(format!(
            "the daemon could not be started in {}: {error}; look at the folder, or name another with --home",
            home.path().display()
        ))
    })?;
    until_live(context, &mut child, logged).await
}

/// Waits for one that somebody else starts.
pub(super) async fn until_answer(context: &Context) -> Result<(), Failure> {
    let until = Instant::now() + START_LIMIT;
    while let Err(error) = context.client.get_bytes("/api/health/live").await {
        if Instant::now() > until {
            return Err(error);
        }
        sleep(LOOK).await;
    }
    Ok(())
}

/// The process, and where in the log it begins to write.
fn spawn(home: &Home) -> std::io::Result<(Child, u64)> {
    home.create()?;
    let path = home.daemon_log();
    if path.metadata().is_ok_and(|meta| meta.len() > LOG_LIMIT) {
        std::fs::rename(&path, path.with_extension("log.old"))?;
    }
    let log = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    let logged = log.metadata()?.len();
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("serve").arg("--home").arg(home.path());
    // Not in the caller's folder: it would hold that file system, and read the ecosystem file in it.
    command.current_dir("/").stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    detach(&mut command);
    Ok((command.spawn()?, logged))
}

async fn until_live(context: &Context, child: &mut Child, logged: u64) -> Result<(), Failure> {
    let until = Instant::now() + START_LIMIT;
    let log = context.home.daemon_log();
    loop {
        match context.client.get_bytes("/api/health/live").await {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > until => {
                tracing::debug!(?error, "the daemon does not answer");
                return Err(Failure::failed(format!(
                    "the daemon was started but gave no answer within {} s; its log is {}",
                    START_LIMIT.as_secs(),
                    log.display()
                )));
            }
            // Another one may have been quicker: then that one answers soon.
            Err(_) => {}
        }
        if let Ok(Some(status)) = child.try_wait()
            && !context.home.socket().exists()
        {
            let told = last_words(context, logged).map(|words| format!(": {words}")).unwrap_or_default();
            return Err(Failure::failed(format!("the daemon ended at once ({status}){told}; its log is {}", log.display())));
        }
        sleep(LOOK).await;
    }
}

/// What the daemon wrote since it was started, as one line.
fn last_words(context: &Context, logged: u64) -> Option<String> {
    let mut log = File::open(context.home.daemon_log()).ok()?;
    let end = log.metadata().ok()?.len();
    log.seek(SeekFrom::Start(logged.max(end.saturating_sub(LOG_TAIL)))).ok()?;
    let mut bytes = Vec::new();
    log.take(LOG_TAIL).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> =
        text.lines().map(|line| line.trim().trim_start_matches("error: ")).filter(|line| !line.is_empty()).collect();
    (!lines.is_empty()).then(|| super::format::plain(&lines.join(" | ")))
}

/// The end of a process, whoever its parent is.
pub(super) struct End(Option<OwnedFd>);

impl End {
    /// Begins to watch a process. One that cannot be found has ended.
    pub(super) fn of(pid: i32) -> Self {
        Self(Pid::from_raw(pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()))
    }

    /// The same of one that was found.
    pub(super) fn of_handle(process: PidFd) -> Self {
        Self(Some(process.into()))
    }

    /// Has a daemon end at once; its apps run on, for the next one to take back.
    pub(super) fn quit(&self) -> Result<(), Failure> {
        let Some(fd) = &self.0 else { return Ok(()) };
        match pidfd_send_signal(fd, Signal::QUIT) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(Failure::failed(format!(
                "the daemon could not be told to leave its apps to another: {error}; run this as its user, or as root"
            ))),
        }
    }

    /// Waits for it. Blocks: nothing else is to be done meanwhile.
    pub(super) fn wait(self) -> Result<(), Failure> {
        if self.wait_for(END_LIMIT)? {
            return Ok(());
        }
        Err(Failure::failed(format!(
            "the daemon still runs after {} s, probably because an app does not end; `qd ls` shows which",
            END_LIMIT.as_secs()
        )))
    }

    /// Waits for it so long at most. Has it ended?
    pub(super) fn wait_for(self, limit: Duration) -> Result<bool, Failure> {
        let Some(fd) = self.0 else { return Ok(true) };
        let limit = Timespec::try_from(limit).ok();
        let ended = poll(&mut [PollFd::new(&fd, PollFlags::IN)], limit.as_ref());
        ended.map(|count| count > 0).map_err(|error| {
            Failure::failed(format!("the end of the daemon could not be waited for: {error}; `qd ping` tells whether it runs"))
        })
    }
}
