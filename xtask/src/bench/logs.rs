//! How fast an app can write its log, and whether all of it arrives.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::Take;
use super::app::LINE;
use super::deaths::{Hellos, app};
use super::supervisor::Supervisor;
use super::table::Row;
use super::usage::peak_memory;
use crate::tools::say;

const LINES: usize = 1_000_000;
/// A file that does not grow for so long is finished, whole or not.
const QUIET: Duration = Duration::from_secs(10);

pub(super) fn measure(supervisor: &Supervisor, place: &Path, take: Take<'_>) -> Result<()> {
    say(&format!("{}: {LINES} lines into the log", supervisor.name()));
    let hellos = Hellos::open()?;
    let apps = [app("flood-0", &["flood", &LINES.to_string()], &hellos, place)?];
    let running = supervisor.start(&place.join("flood"), &apps)?;
    hellos.next()?;
    let begun = Instant::now();
    let file = place.join("flood-0-out.log");
    let written = wait(&file, begun);
    take(Row::LogMemory, peak_memory(running.pid())?);
    let present = count(&fs::read(&file)?);
    take(Row::LogLost, (LINES - present) as f64);
    take(Row::LogRate, present as f64 / written.as_secs_f64());
    Ok(())
}

/// Waits until all is written or nothing more comes; gives the time of the last growth.
fn wait(file: &Path, begun: Instant) -> Duration {
    let (mut size, mut grown) = (0, begun);
    while size < (LINES * LINE) as u64 && grown.elapsed() < QUIET {
        sleep(Duration::from_millis(2));
        let now = fs::metadata(file).map_or(0, |data| data.len());
        if now > size {
            (size, grown) = (now, Instant::now());
        }
    }
    grown - begun
}

/// How many different numbers stand in whole lines.
fn count(log: &[u8]) -> usize {
    let mut seen = vec![false; LINES];
    for line in log.split(|byte| *byte == b'\n').filter(|line| line.len() == LINE - 1) {
        let number = std::str::from_utf8(line).ok().and_then(|line| line.trim_end().parse::<usize>().ok());
        if let Some(seen) = number.and_then(|number| seen.get_mut(number)) {
            *seen = true;
        }
    }
    seen.into_iter().filter(|seen| *seen).count()
}
