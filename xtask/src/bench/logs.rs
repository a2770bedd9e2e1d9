//! How fast an app can write its log, and whether all of it arrives.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::hellos::{Hellos, logged, restarted_at_once};
use super::supervisor::{Supervisor, Take};
use super::table::Row;
use super::usage::peak_memory;

const LINES: usize = 1_000_000;
/// Length of each, with its end.
const LINE: usize = 100;
const APP: &str = "flood-0";
/// Files that do not grow for so long are finished, whole or not.
const QUIET: Duration = Duration::from_secs(10);

const WHOLE: [Row; 5] = [
    Row::new("1,000,000 lines of 100 bytes into one log file", "lines/s", 0),
    Row::new("of these lost", "lines", 0),
    Row::new("of these twice", "lines", 0),
    Row::new("of these torn", "pieces", 0),
    Row::new("own memory after that, at most", "MB", 1),
];
const ROTATED: [Row; 5] = [
    Row::new("the same, files put aside at 10 MB", "lines/s", 0),
    Row::new("lost when files are put aside", "lines", 0),
    Row::new("twice when files are put aside", "lines", 0),
    Row::new("torn when files are put aside", "pieces", 0),
    Row::new("own memory after files were put aside, at most", "MB", 1),
];

pub(super) fn measure(supervisor: &Supervisor, place: &Path, take: Take<'_>) -> Result<()> {
    flood(supervisor, &place.join("flood"), false, WHOLE, take)?;
    if supervisor.rotates() { flood(supervisor, &place.join("rotated"), true, ROTATED, take) } else { Ok(()) }
}

fn flood(supervisor: &Supervisor, place: &Path, rotates: bool, rows: [Row; 5], take: Take<'_>) -> Result<()> {
    let folder = place.join("out");
    fs::create_dir_all(&folder)?;
    let hellos = Hellos::open()?;
    let app = hellos.app(APP, &["flood", &LINES.to_string(), &LINE.to_string()], place)?;
    let running = supervisor.start(&place.join("home"), &[logged(restarted_at_once(app), &folder, rotates)])?;
    hellos.next()?;
    let begun = Instant::now();
    let written = wait(&folder, begun);
    let memory = peak_memory(&running.processes())?;
    let mut seen = vec![0_usize; LINES];
    let mut torn = 0;
    for file in files(&folder) {
        torn += count(&fs::read(&file)?, &mut seen);
    }
    let present = seen.iter().filter(|times| **times > 0).count();
    let twice: usize = seen.iter().map(|times| times.saturating_sub(1)).sum();
    let values = [present as f64 / written.as_secs_f64(), (LINES - present) as f64, twice as f64, torn as f64, memory];
    rows.into_iter().zip(values).for_each(|(row, value)| take(row, value));
    Ok(())
}

/// All that an app wrote to its stdout, wherever the supervisor keeps it and whatever it calls what it put aside.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = || fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let within = entries().filter(|path| path.is_dir()).flat_map(|path| fs::read_dir(path).into_iter().flatten().flatten());
    let is_log = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name == "current" || name.starts_with('@') || name.contains("-out")
    };
    entries().filter(|path| path.is_file()).chain(within.map(|entry| entry.path())).filter(is_log).collect()
}

/// Waits until all is written or nothing more comes; gives the time of the last growth.
fn wait(folder: &Path, begun: Instant) -> Duration {
    let (mut size, mut grown) = (0, begun);
    while size < (LINES * LINE) as u64 && grown.elapsed() < QUIET {
        sleep(Duration::from_millis(2));
        let now = files(folder).iter().map(|file| fs::metadata(file).map_or(0, |data| data.len())).sum();
        if now > size {
            (size, grown) = (now, Instant::now());
        }
    }
    grown - begun
}

/// Notes whose numbers stand in whole lines; gives how many pieces are none.
fn count(log: &[u8], seen: &mut [usize]) -> usize {
    let mut torn = 0;
    for line in log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let text = std::str::from_utf8(line).ok().filter(|line| line.len() == LINE - 1);
        let number = text.and_then(|line| line.trim_end().parse::<usize>().ok());
        match number.and_then(|number| seen.get_mut(number)) {
            Some(seen) => *seen += 1,
            None => torn += 1,
        }
    }
    torn
}
