//! Ends what a supervisor left behind. Whatever is started carries a mark in its environment, so nothing of anybody else is met,
//! however often it forked and left its session.

use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio, id};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// The variable that is the mark; its value is our own process.
pub(super) const MARK: &str = "BENCH_RUN";

/// What is killed is gone long before so many looks.
const ROUNDS: usize = 200;
const LOOK: Duration = Duration::from_millis(10);

/// A command whose processes will be found.
pub(super) fn marked(mut command: Command) -> Command {
    command.env(MARK, id().to_string());
    command
}

/// Kills until nothing is left that this run started.
pub(super) fn sweep() {
    sweep_of(id());
}

/// Starts a process that sweeps when this one has ended, however that came about: it holds the other end of a pipe. Its group is
/// its own, so that what interrupts us does not reach it.
pub(super) fn guarded() -> Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bench-guard", &id().to_string()]).stdin(Stdio::piped()).process_group(0);
    command.spawn().context("failed to start the process that ends what is left over")
}

/// That process.
pub(crate) fn guard(run: &str) -> Result<()> {
    let run = run.parse().context("bench-guard is started by `cargo xtask bench` alone")?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    sweep_of(run);
    Ok(())
}

/// More than once: what is killed may have forked between the look and the signal.
fn sweep_of(run: u32) {
    for _ in 0..ROUNDS {
        let left: Vec<i32> = of(run).collect();
        if left.is_empty() {
            return;
        }
        for pid in left.into_iter().filter_map(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
        }
        sleep(LOOK);
    }
}

/// The processes that were started by this run and their descendants. One that has ended has no environment any more, so what
/// nobody waits for is not among them.
pub(super) fn own() -> impl Iterator<Item = i32> {
    of(id())
}

fn of(run: u32) -> impl Iterator<Item = i32> {
    let mark = format!("{MARK}={run}");
    let carries = move |pid: &i32| {
        fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|text| text.split(|byte| *byte == 0).any(|word| word == mark.as_bytes()))
    };
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(carries)
}

/// Whether a process still does something: one that has ended may stay in the table until its parent asks for it.
pub(super) fn is_alive(pid: i32) -> bool {
    own().any(|own| own == pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_marked_is_ended_wherever_it_went() -> std::io::Result<()> {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' TERM; (setsid sleep 60 &); exec sleep 60"]);
        let mut child = marked(command).spawn()?;
        while own().count() < 2 {
            sleep(LOOK);
        }
        sweep();
        assert!(!child.wait()?.success());
        assert_eq!(own().count(), 0);
        Ok(())
    }
}
