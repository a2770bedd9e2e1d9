//! Whether memory grows: apps that write, one that crashes each second, for an hour or `$QD_SOAK_MINUTES`. Only ours is measured.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::hellos::{Hellos, logged, restarted_at_once};
use super::logs::files;
use super::supervisor::{Supervisor, Take};
use super::table::Row;
use super::usage::{cpu_seconds, memory};

const APPS: usize = 100;
const MINUTES: f64 = 60.0;
const CRASH_EVERY: Duration = Duration::from_secs(1);
const LOOK_EVERY: u32 = 10;
/// Until then, caches and the ten minutes of samples in memory fill.
const WARM_UP: Duration = Duration::from_secs(900);

const SLOPE: Row = Row::new("100 apps, a crash each second, 1,000 lines/s: growth of own memory", "MiB/h", 2);
const PEAK: Row = Row::new("own memory at the end, PSS", "MB", 1);
const CPU: Row = Row::new("CPU meanwhile", "% of a core", 2);
const LINES: Row = Row::new("lines meanwhile", "lines", 0);
const LOST: Row = Row::new("of these missing, doubled or torn", "lines", 0);
const STARTS: Row = Row::new("apps that came back within five seconds", "% of crashes", 2);

pub(super) fn measure(supervisor: &Supervisor, place: &Path, take: Take<'_>) -> Result<()> {
    if !matches!(supervisor, Supervisor::Quarterdeck { .. }) {
        return Ok(());
    }
    let minutes = std::env::var("QD_SOAK_MINUTES").ok().map(|text| text.parse()).transpose().context("QD_SOAK_MINUTES")?;
    let time = Duration::from_secs_f64(60.0 * minutes.unwrap_or(MINUTES));
    let folder = place.join("out");
    fs::create_dir_all(&folder)?;
    let hellos = Hellos::open()?;
    let app = |number: usize| {
        let app = hellos.app(&format!("app-{number}"), &["hum"], place)?;
        Ok(logged(restarted_at_once(app), &folder, true))
    };
    let running = supervisor.start(&place.join("home"), &(0..APPS).map(app).collect::<Result<Vec<_>>>()?)?;
    let (mut pids, begun) = hellos.all(APPS)?;
    let own = running.processes();
    let cpu = cpu_seconds(&own)?;
    let (mut points, mut crashes, mut back) = (Vec::new(), 0_u32, 0_u32);
    while begun.elapsed() < time {
        let next = begun + CRASH_EVERY * (crashes + 1);
        // Not in order, so that some live for long and some do not.
        let number = usize::try_from(crashes)? * 37 % APPS;
        let old = pids[number];
        kill_process(Pid::from_raw(old).context("no process")?, Signal::KILL)?;
        crashes += 1;
        let killed = Instant::now();
        while pids[number] == old && killed.elapsed() < Duration::from_secs(5) {
            if let Some((number, pid)) = hellos.within(Duration::from_secs(1))? {
                pids[number] = pid;
            }
        }
        back += u32::from(pids[number] != old);
        if crashes.is_multiple_of(LOOK_EVERY) {
            let now = begun.elapsed();
            let used = memory(&own)?;
            if crashes.is_multiple_of(60) {
                eprintln!("    {:.0} min: {used:.2} MB", now.as_secs_f64() / 60.0);
            }
            if now >= WARM_UP.min(time / 4) {
                points.push((now.as_secs_f64() / 3600.0, used * 1e6 / f64::from(1 << 20)));
            }
        }
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    take(SLOPE, slope(&points));
    take(PEAK, memory(&own)?);
    take(CPU, 100.0 * (cpu_seconds(&own)? - cpu) / begun.elapsed().as_secs_f64());
    take(STARTS, 100.0 * f64::from(back) / f64::from(crashes));
    drop(running);
    let (lines, lost) = compare(&folder)?;
    take(LINES, lines as f64);
    take(LOST, lost as f64);
    Ok(())
}

/// By how much it grows for each step, by least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let (x, y) = (points.iter().map(|one| one.0).sum::<f64>() / count, points.iter().map(|one| one.1).sum::<f64>() / count);
    let along: f64 = points.iter().map(|one| (one.0 - x) * (one.1 - y)).sum();
    along / points.iter().map(|one| (one.0 - x).powi(2)).sum::<f64>()
}

/// Each process numbers its lines from 0: all of them, and how many do not follow the one before.
fn compare(folder: &Path) -> Result<(usize, usize)> {
    let (mut lines, mut wrong) = (0, 0);
    let mut next: HashMap<(String, String), u64> = HashMap::new();
    // Files that were put aside come before the one that is written to.
    let mut files: Vec<_> = files(folder);
    files.sort_by_key(|file| fs::metadata(file).and_then(|file| file.modified()).ok());
    ensure!(!files.is_empty(), "nothing was written");
    for file in files {
        for line in String::from_utf8_lossy(&fs::read(file)?).lines() {
            lines += 1;
            let words: Vec<&str> = line.split(' ').collect();
            let [name, pid, number] = words[..] else {
                wrong += 1;
                continue;
            };
            let expected = next.entry((name.to_owned(), pid.to_owned())).or_default();
            if number == "0" {
                // In an hour of crashes the kernel comes to use numbers of processes again.
                *expected = 0;
            }
            wrong += usize::from(number.parse() != Ok(*expected));
            *expected += 1;
        }
    }
    Ok((lines, wrong))
}

#[cfg(test)]
mod tests {
    use super::slope;

    #[test]
    fn a_line_has_its_slope() {
        let points: Vec<_> = (0..10).map(|at| (f64::from(at), 3.0 + 2.0 * f64::from(at))).collect();
        assert!((slope(&points) - 2.0).abs() < 1e-9);
    }
}
