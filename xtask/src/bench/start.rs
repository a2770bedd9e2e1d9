//! How long many apps take to start.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use serde_json::Value;

use super::hellos::{Hellos, logged};
use super::running::Running;
use super::supervisor::{Supervisor, Take};
use super::table::Row;

const APPS: usize = 100;
/// Before each start, so that what the kernel still does for the processes that ended before is over. runit starts nothing from a folder
/// that was made within the same second.
const CALM: Duration = Duration::from_secs(2);

const TIME: Row = Row::new("apps: from the command to the last that lives, median", "ms", 0);
const LOGGED: Row = Row::new("apps: the same, what they write is kept in files", "ms", 0);

/// Nothing runs before, not even the supervisor. Its files are there already. Once as each does it by itself, where s6 and runit keep nothing
/// of what the apps write, and once with a file that all keep it in.
pub(super) fn measure(supervisor: &Supervisor, place: &Path, take: Take<'_>) -> Result<()> {
    for (row, keeps) in [(TIME, false), (LOGGED, true)] {
        let hellos = Hellos::open()?;
        let home = place.join(format!("start-{keeps}"));
        let (folder, mut apps) = (home.join("out"), apps(&hellos, APPS, place)?);
        if keeps {
            std::fs::create_dir_all(&folder)?;
            apps = apps.into_iter().map(|app| logged(app, &folder, false)).collect();
        }
        let mut running = supervisor.prepare(&home, &apps)?;
        thread::sleep(CALM);
        take(row.of(APPS), launch(&mut running, &hellos, APPS)?.as_secs_f64() * 1e3);
    }
    Ok(())
}

/// Apps that do nothing.
pub(super) fn apps(hellos: &Hellos, count: usize, place: &Path) -> Result<Vec<Value>> {
    (0..count).map(|number| hellos.app(&format!("beat-{number}"), &["beat"], place)).collect()
}

/// Starts the supervisor; gives the time from its command to the last of so many apps. They are listened to all the while, as
/// a socket keeps only so many datagrams.
pub(super) fn launch(running: &mut Running<'_>, hellos: &Hellos, count: usize) -> Result<Duration> {
    thread::scope(|scope| {
        let listening = scope.spawn(|| hellos.all(count));
        let begun = Instant::now();
        running.launch()?;
        let (_, last) = listening.join().map_err(|_| anyhow!("the apps could not be listened to"))??;
        Ok(last - begun)
    })
}
