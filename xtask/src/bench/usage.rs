//! What a process uses, as the kernel counts it.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::Take;
use super::table::Row;

/// Starting and first samples are over by then.
const SETTLE: Duration = Duration::from_secs(15);
/// What the kernel counts CPU time in for user space, on every architecture that Linux still has (USER_HZ, time(7)).
const TICKS_PER_SECOND: f64 = 100.0;
/// One tick is 0.03 % of a core here.
const WATCHED: Duration = Duration::from_secs(30);

/// CPU and memory of the supervisor itself, without its apps, while nothing happens.
pub(super) fn at_rest(pid: i32, take: Take<'_>) -> Result<()> {
    sleep(SETTLE);
    let (since, before) = (Instant::now(), cpu_seconds(pid)?);
    sleep(WATCHED);
    take(Row::IdleCpu, 100.0 * (cpu_seconds(pid)? - before) / since.elapsed().as_secs_f64());
    take(Row::IdleMemory, kilobytes(pid, "smaps_rollup", "Pss:")? / 1024.0);
    Ok(())
}

/// CPU time in user and system, of all threads.
fn cpu_seconds(pid: i32) -> Result<f64> {
    let stat = read(pid, "stat")?;
    // The name of the program comes second and may hold anything; what follows its parenthesis is numbers (proc_pid_stat(5)).
    let numbers: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = |place: usize| -> Result<f64> { Ok(numbers.get(place).context("too short")?.parse()?) };
    Ok((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}

/// The most memory that was resident at once, in MB.
pub(super) fn peak_memory(pid: i32) -> Result<f64> {
    Ok(kilobytes(pid, "status", "VmHWM:")? / 1024.0)
}

fn kilobytes(pid: i32, file: &str, key: &str) -> Result<f64> {
    let text = read(pid, file)?;
    let line = text.lines().find_map(|line| line.strip_prefix(key)).with_context(|| format!("no {key} of process {pid}"))?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn read(pid: i32, file: &str) -> Result<String> {
    fs::read_to_string(format!("/proc/{pid}/{file}")).with_context(|| format!("process {pid} cannot be measured"))
}
