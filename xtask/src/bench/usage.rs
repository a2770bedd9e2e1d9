//! What processes use, as the kernel counts it.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// What the kernel counts CPU time in for user space, on every architecture that Linux still has (USER_HZ, time(7)).
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU of the processes for so long, in percent of a core. `beat` is called every two seconds meanwhile.
pub(super) fn cpu_for(time: Duration, pids: &[i32], mut beat: impl FnMut() -> Result<()>) -> Result<f64> {
    let (since, before) = (Instant::now(), cpu_seconds(pids)?);
    while let Some(left) = time.checked_sub(since.elapsed()).filter(|left| !left.is_zero()) {
        beat()?;
        sleep(left.min(Duration::from_secs(2)));
    }
    Ok(100.0 * (cpu_seconds(pids)? - before) / since.elapsed().as_secs_f64())
}

/// CPU time in user and system, of all threads of all.
pub(super) fn cpu_seconds(pids: &[i32]) -> Result<f64> {
    let mut ticks = 0.0;
    for pid in pids {
        let stat = read(*pid, "stat")?;
        // The name of the program comes second and may hold anything; what follows its parenthesis is numbers (proc_pid_stat(5)).
        let numbers: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        for place in [11, 12] {
            ticks += numbers.get(place).context("too short")?.parse::<f64>()?;
        }
    }
    Ok(ticks / TICKS_PER_SECOND)
}

/// Memory in MB, each page shared among those that have it.
pub(super) fn memory(pids: &[i32]) -> Result<f64> {
    total(pids, "smaps_rollup", "Pss:")
}

/// The most memory that was resident at once, in MB.
pub(super) fn peak_memory(pids: &[i32]) -> Result<f64> {
    total(pids, "status", "VmHWM:")
}

fn total(pids: &[i32], file: &str, key: &str) -> Result<f64> {
    let mut kilobytes = 0.0;
    for pid in pids {
        let text = read(*pid, file)?;
        let line = text.lines().find_map(|line| line.strip_prefix(key)).with_context(|| format!("no {key} of process {pid}"))?;
        kilobytes += line.trim().trim_end_matches(" kB").parse::<f64>()?;
    }
    Ok(kilobytes / 1024.0)
}

fn read(pid: i32, file: &str) -> Result<String> {
    fs::read_to_string(format!("/proc/{pid}/{file}")).with_context(|| format!("process {pid} cannot be measured"))
}
