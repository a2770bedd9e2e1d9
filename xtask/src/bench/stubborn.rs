//! What is left of an app that does not want to end, and of what it sent into the background.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::hellos::{Hellos, with};
use super::supervisor::{Supervisor, Take};
use super::sweep::is_alive;
use super::table::Row;

/// After so long each may use SIGKILL.
const TIMEOUT: Duration = Duration::from_secs(2);
/// What was killed is gone by then.
const GONE: Duration = Duration::from_millis(500);

const TIME: Row = Row::new("stop of a deaf app with a deaf daemon, 2 s until SIGKILL", "ms", 0);
const LEFT: Row = Row::new("left of the two processes", "processes", 0);

/// Deaf to what asks politely; the second forks twice and has a session of its own. Signals that are ignored stay so in a new program.
const SCRIPT: &str = "#!/bin/sh
trap '' TERM INT HUP QUIT
(setsid \"$1\" beat deaf-1 \"$2\" </dev/null >/dev/null 2>&1 &)
exec \"$1\" beat deaf-0 \"$2\"
";

pub(super) fn measure(supervisor: &Supervisor, place: &Path, take: Take<'_>) -> Result<()> {
    let hellos = Hellos::open()?;
    let script = place.join("deaf.sh");
    fs::write(&script, SCRIPT)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    let app = hellos.app("deaf-0", &["beat"], place)?;
    let args = [app["script"].clone(), app["args"][2].clone()];
    let app = with(app, json!({ "script": script, "args": args, "kill_timeout": TIMEOUT.as_millis() as u64 }));
    let running = supervisor.start(&place.join("stubborn"), &[app])?;
    let pids = hellos.all(2)?.0;
    // It counts as started everywhere by then.
    sleep(TIMEOUT);
    take(TIME, running.stop("deaf-0", TIMEOUT)?.as_secs_f64() * 1e3);
    sleep(GONE);
    take(LEFT, pids.into_iter().filter(|pid| is_alive(*pid)).count() as f64);
    Ok(())
}
