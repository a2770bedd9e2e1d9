//! Builds anew when a file changes. The services go on running: the new supervisor takes them back.

use std::fs;
use std::path::Path;
use std::process::{Child, ExitCode};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use crate::build::{Kind, build};
use crate::demo::{free_address, serve};
use crate::tools::{root, say};

/// What is looked at for changes.
const WATCHED: [&str; 6] = ["app", "server", "style", "public", "Cargo.toml", "Cargo.lock"];
const PAUSE: Duration = Duration::from_millis(500);

/// Runs until it is interrupted.
pub(crate) fn dev() -> Result<ExitCode> {
    let listen = std::env::var("QD_LISTEN").unwrap_or_else(|_| free_address());
    let mut seen = None;
    let mut running: Option<Child> = None;
    loop {
        let now = state()?;
        if seen.as_ref() != Some(&now) {
            seen = Some(now);
            match build(Kind::Debug) {
                Ok(binary) => {
                    if let Some(old) = running.take() {
                        leave(old)?;
                    }
                    running = Some(serve(&binary, &listen).spawn().context("failed to start qd")?);
                }
                // The one before goes on until the mistake is mended.
                Err(error) => eprintln!("xtask: {error:#}"),
            }
        }
        if let Some(status) = running.as_mut().map(Child::try_wait).transpose()?.flatten() {
            say(&format!("qd ended with {status}; it is started again after the next change"));
            running = None;
        }
        sleep(PAUSE);
    }
}

/// Ends the supervisor alone.
fn leave(mut old: Child) -> Result<()> {
    if old.try_wait()?.is_none() {
        let pid = i32::try_from(old.id()).ok().and_then(Pid::from_raw).context("qd has no process number")?;
        kill_process(pid, Signal::QUIT).context("failed to end qd")?;
    }
    old.wait()?;
    Ok(())
}

/// How many files there are, and when the latest was changed.
fn state() -> Result<(usize, Option<SystemTime>)> {
    let mut state = (0, None);
    for name in WATCHED {
        look(&root().join(name), &mut state)?;
    }
    Ok(state)
}

fn look(path: &Path, state: &mut (usize, Option<SystemTime>)) -> Result<()> {
    // A file may go while we look: an editor writes beside it and renames.
    let Ok(meta) = fs::metadata(path) else { return Ok(()) };
    if meta.is_dir() {
        for entry in fs::read_dir(path)? {
            look(&entry?.path(), state)?;
        }
    } else {
        state.0 += 1;
        state.1 = state.1.max(meta.modified().ok());
    }
    Ok(())
}
