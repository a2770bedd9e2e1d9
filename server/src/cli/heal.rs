//! `qd check --heal`: what cron runs every few minutes. It brings a dead or hung daemon back, and does nothing else; the new daemon takes the
//! apps back as it finds them.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::context::Context;
use super::systemd::Systemd;
use super::{Failure, daemon, startup};
use crate::process::{self, PidFd, Proc};

/// How long a daemon may take for one answer.
const ANSWER: Duration = Duration::from_secs(3);
/// How long it is asked again before it counts as hung.
const HUNG: Duration = Duration::from_secs(9);
/// The same for one that has just been started: it has apps to take back, and databases to look through.
const STARTING: Duration = Duration::from_secs(40);
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(250);

/// How the daemon stands.
enum Standing {
    Answers,
    /// No process has the home.
    Dead,
    /// A process has it, and does not answer.
    Hung(String),
}

/// See the module. Ends at once where another one is at it.
pub(super) async fn heal(context: &Context) -> Result<(), Failure> {
    let home = context.home.path();
    if !context.home.run().is_dir() {
        return Err(Failure::NoDaemon(format!(
            "no daemon was ever started in the home {}; start one with `qd start`, or name another home with --home",
            home.display()
        )));
    }
    let Some(_alone) = take(context, "heal.lock")? else {
        return context.screen.say("Another `qd check --heal` is at work on this home; nothing was done.");
    };
    if context.home.rests() {
        return quietly(context, "The daemon was stopped on purpose; nothing was done.");
    }
    let was = match look(context).await? {
        Standing::Answers => return quietly(context, "The daemon answers; nothing was done."),
        Standing::Dead => "was dead".to_owned(),
        Standing::Hung(why) => {
            let pid = end(context)?;
            format!("hung ({why}), and process {pid} was ended")
        }
    };
    match keeper(context) {
        Some(systemd) => {
            systemd.restart()?;
            daemon::until_answer(context).await?;
        }
        None => {
            must_own(context)?;
            daemon::start(context).await?;
        }
    }
    context.screen.say(&format!("The daemon of {} {was}; a new one runs, and has taken the apps back.", home.display()))
}

/// For a person alone: cron sends a mail for each line.
fn quietly(context: &Context, line: &str) -> Result<(), Failure> {
    if context.screen.terminal { context.screen.say(line) } else { Ok(()) }
}

/// Takes a lock in the folder `run`. None if somebody has it.
fn take(context: &Context, name: &str) -> Result<Option<std::os::fd::OwnedFd>, Failure> {
    let path = context.home.run().join(name);
    process::lock(&path).map_err(|error| {
        Failure::failed(format!("{} cannot be locked: {error}; run this as the user of the home", path.display()))
    })
}

async fn look(context: &Context) -> Result<Standing, Failure> {
    let begun = Instant::now();
    loop {
        let why = match timeout(ANSWER, context.client.get_bytes("/api/health/live")).await {
            Ok(Ok(_)) => return Ok(Standing::Answers),
            Ok(Err(Failure::Failed(why) | Failure::NoDaemon(why))) => why,
            Ok(Err(other)) => return Err(other),
            Err(_) => format!("no answer within {} s", ANSWER.as_secs()),
        };
        // Given back at once, for the daemon that comes next.
        if take(context, "lock")?.is_some() {
            return Ok(Standing::Dead);
        }
        // It is written when a daemon can be asked, and removed by the next one at its start.
        let limit = if context.home.address_file().exists() { HUNG } else { STARTING };
        if begun.elapsed() >= limit {
            return Ok(Standing::Hung(why));
        }
        sleep(PAUSE).await;
    }
}

/// Ends the process that has the home, and no other. Its apps run on.
fn end(context: &Context) -> Result<u32, Failure> {
    let path = context.home.run().join("lock");
    let real = path.canonicalize().unwrap_or(path);
    let all = holders(&real);
    // What it was just starting has its open files for a moment, and its words.
    let is_made_by_one = |pid: &u32| Proc::read(*pid).ok().flatten().is_some_and(|one| all.contains(&one.ppid));
    let first: Vec<u32> = all.iter().copied().filter(|pid| !is_made_by_one(pid)).collect();
    let [pid] = first[..] else {
        return Err(Failure::failed(format!(
            "the daemon hangs, but which process it is could not be told ({} have {} open); run this as its user, or as root",
            if first.is_empty() { "none that may be seen".into() } else { format!("{first:?}") },
            real.display()
        )));
    };
    let failed =
        |why: &dyn std::fmt::Display| Failure::failed(format!("the daemon hangs, and process {pid} could not be ended: {why}"));
    let process = PidFd::open(pid).map_err(|error| failed(&error))?;
    // The handle was opened by number: only now is it certain that it means the same process.
    if !holders(&real).contains(&pid) {
        return Err(failed(&"it has just ended; run this again"));
    }
    process.send(libc::SIGKILL).map_err(|error| failed(&error))?;
    if daemon::End::of_handle(process).wait_for(HUNG)? {
        Ok(pid)
    } else {
        Err(failed(&"SIGKILL has no effect, so it waits in the kernel"))
    }
}

/// Every `qd serve` that has this file open.
fn holders(lock: &std::path::Path) -> Vec<u32> {
    let serves = |pid: &u32| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.split(|byte| *byte == 0).skip(1).any(|word| word == b"serve")
    };
    process::holders(lock).into_iter().filter(serves).collect()
}

/// The service manager that has this home, if one is to.
fn keeper(context: &Context) -> Option<Systemd> {
    let managers = [true, false].into_iter().filter_map(|is_system| startup::manager(is_system).ok());
    managers.into_iter().find(|systemd| systemd.keeps(context.home.path()))
}

/// Another user's apps would become ours.
fn must_own(context: &Context) -> Result<(), Failure> {
    let home: PathBuf = context.home.path().to_owned();
    let owner = home.metadata().map(|meta| meta.uid()).ok();
    if owner == Some(rustix::process::geteuid().as_raw()) {
        return Ok(());
    }
    Err(Failure::failed(format!("the home {} belongs to another user; put this into the crontab of that user", home.display())))
}
