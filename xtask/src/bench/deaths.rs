//! How long it takes from the death of an app to its next process.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use super::hellos::{Hellos, logged, restarted_at_once};
use super::supervisor::{Supervisor, Take};
use super::table::Row;

const APPS: usize = 9;
const DEATHS: usize = 90;
/// runit and s6 have an app wait that lived for less than a second.
const LIVED: Duration = Duration::from_millis(1500);

const MEDIAN: Row = Row::new("from a death to the new process, median", "ms", 2);
const WORST: Row = Row::new("the same, slowest", "ms", 2);

/// Kills one of nine apps after the other. Each says at its start, by a datagram, that it lives.
pub(super) fn measure(supervisor: &Supervisor, place: &Path, take: Take<'_>) -> Result<()> {
    let hellos = Hellos::open()?;
    let app = |number: usize| -> Result<_> {
        let app = hellos.app(&format!("beat-{number}"), &["beat"], place)?;
        Ok(logged(restarted_at_once(app), place, false))
    };
    let apps = (0..APPS).map(app).collect::<Result<Vec<_>>>()?;
    let _running = supervisor.start(&place.join("deaths"), &apps)?;
    let mut pids = hellos.all(APPS)?.0;
    sleep(LIVED);
    let mut times = Vec::with_capacity(DEATHS);
    for death in 0..DEATHS {
        // At no fixed beat, so that what looks only now and then is met at any time of its round; and so slowly that a round
        // of all takes longer than a second.
        sleep(Duration::from_millis(90 + (death as u64 * 37) % 100));
        let victim = death % APPS;
        let pid = Pid::from_raw(pids[victim]).context("an app without a process")?;
        let killed = Instant::now();
        kill_process(pid, Signal::KILL).context("failed to kill an app")?;
        pids[victim] = loop {
            let (number, pid) = hellos.next()?;
            if number == victim {
                break pid;
            }
        };
        times.push(killed.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    take(MEDIAN, times[times.len() / 2]);
    take(WORST, times[times.len() - 1]);
    Ok(())
}
