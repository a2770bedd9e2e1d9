//! What becomes of apps whose supervisor is killed, and whether it takes them back when it is started again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::{Pid, Signal, kill_process};

use super::hellos::{Hellos, logged, restarted_at_once};
use super::logs::files;
use super::supervisor::{Supervisor, Take};
use super::sweep::is_alive;
use super::table::Row;

const APPS: usize = 10;
/// Before the kill, between it and the new start, and after that. Every supervisor is done by then with what it does by itself.
const PAUSE: Duration = Duration::from_secs(4);
/// A supervisor that still manages an app has started it anew by then.
const PATIENCE: Duration = Duration::from_secs(4);

const KILLED: [Row; 5] = [
    Row::new("kill -9 of the supervisor: apps that live on", "of 10", 0),
    Row::new("of these managed after its new start", "of 10", 0),
    Row::new("second copies after its new start", "processes", 0),
    Row::new("lines lost by the kill", "lines", 0),
    Row::new("lines twice or torn by the kill", "lines", 0),
];
const ALL_KILLED: [Row; 5] = [
    Row::new("kill -9 of all its processes: apps that live on", "of 10", 0),
    Row::new("of these managed after the new start of all", "of 10", 0),
    Row::new("second copies after the new start of all", "processes", 0),
    Row::new("lines lost by the kill of all", "lines", 0),
    Row::new("lines twice or torn by the kill of all", "lines", 0),
];

pub(super) fn measure(supervisor: &Supervisor, place: &Path, take: Take<'_>) -> Result<()> {
    killed(supervisor, &place.join("survive"), false, KILLED, take)?;
    if supervisor.helpers().is_empty() {
        return Ok(());
    }
    killed(supervisor, &place.join("survive-all"), true, ALL_KILLED, take)
}

fn killed(supervisor: &Supervisor, place: &Path, all: bool, rows: [Row; 5], take: Take<'_>) -> Result<()> {
    let folder = place.join("out");
    fs::create_dir_all(&folder)?;
    let hellos = Hellos::open()?;
    // Half of them write, as what is written to a pipe that nobody reads ends a program; the others would not notice.
    let app = |number: usize| -> Result<_> {
        let words = ["tick", &folder.to_string_lossy()];
        let app = hellos.app(&format!("app-{number}"), if number.is_multiple_of(2) { &words } else { &["beat"] }, place)?;
        Ok(logged(restarted_at_once(app), &folder, false))
    };
    let mut running = supervisor.start(&place.join("home"), &(0..APPS).map(app).collect::<Result<Vec<_>>>()?)?;
    let pids = hellos.all(APPS)?.0;
    sleep(PAUSE);
    running.kill(all);
    let mut started: Vec<BTreeSet<i32>> = pids.iter().map(|pid| BTreeSet::from([*pid])).collect();
    listen(&hellos, PAUSE, &mut started)?;
    take(rows[0], pids.iter().filter(|pid| is_alive(**pid)).count() as f64);
    running.launch()?;
    listen(&hellos, PAUSE, &mut started)?;
    let copies = |pids: &BTreeSet<i32>| pids.iter().filter(|pid| is_alive(**pid)).count().saturating_sub(1);
    take(rows[2], started.iter().map(copies).sum::<usize>() as f64);
    let mut managed = 0;
    for (number, pid) in pids.iter().enumerate().filter(|(_, pid)| is_alive(**pid)) {
        managed += usize::from(comes_back(&hellos, number, *pid)?);
    }
    take(rows[1], f64::from(u32::try_from(managed)?));
    sleep(PAUSE);
    let (lost, wrong) = compare(&folder, &pids)?;
    take(rows[3], lost as f64);
    take(rows[4], wrong as f64);
    Ok(())
}

/// Notes what is started meanwhile.
fn listen(hellos: &Hellos, time: Duration, started: &mut [BTreeSet<i32>]) -> Result<()> {
    let begun = Instant::now();
    while let Some(left) = time.checked_sub(begun.elapsed()) {
        if let Some((number, pid)) = hellos.within(left)?
            && let Some(pids) = started.get_mut(number)
        {
            pids.insert(pid);
        }
    }
    Ok(())
}

/// Whether the app is started anew when its process is killed.
fn comes_back(hellos: &Hellos, number: usize, pid: i32) -> Result<bool> {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, Signal::KILL);
    }
    let begun = Instant::now();
    while let Some(left) = PATIENCE.checked_sub(begun.elapsed()) {
        if matches!(hellos.within(left)?, Some((started, _)) if started == number) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Lines that the first processes wrote and that are in no log, and those that stand there twice or in pieces.
fn compare(folder: &Path, pids: &[i32]) -> Result<(usize, usize)> {
    let mut written = BTreeMap::new();
    for (number, pid) in pids.iter().enumerate().step_by(2) {
        let text = fs::read_to_string(folder.join(format!("app-{number}.{pid}.written")))?;
        written.extend(text.lines().map(|line| (line.to_owned(), 0_usize)));
    }
    let mut torn = 0;
    for file in files(folder) {
        for line in String::from_utf8_lossy(&fs::read(file)?).lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match (written.get_mut(line), &words[..]) {
                (Some(times), _) => *times += 1,
                // Of a process that came later, or the last of one that was killed before it noted it.
                (None, [name, _, number]) if name.starts_with("app-") && number.parse::<u64>().is_ok() => {}
                (None, _) => torn += 1,
            }
        }
    }
    let lost = written.values().filter(|times| **times == 0).count();
    let twice: usize = written.values().map(|times| times.saturating_sub(1)).sum();
    Ok((lost, twice + torn))
}
