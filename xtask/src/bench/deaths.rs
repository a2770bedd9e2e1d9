//! How long it takes from the death of an app to its next process.

use std::net::UdpSocket;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::Take;
use super::supervisor::Supervisor;
use super::table::Row;
use crate::tools::say;

const APPS: usize = 9;
const DEATHS: usize = 90;
/// Longer than any supervisor that still works needs.
const PATIENCE: Duration = Duration::from_secs(30);

/// Kills one of nine apps after the other. Each says at its start, by a datagram, that it lives.
pub(super) fn measure(supervisor: &Supervisor, place: &Path, take: Take<'_>) -> Result<()> {
    say(&format!("{}: {DEATHS} deaths", supervisor.name()));
    let hellos = Hellos::open()?;
    let apps = (0..APPS).map(|number| app(&format!("beat-{number}"), &["beat"], &hellos, place)).collect::<Result<Vec<_>>>()?;
    let _running = supervisor.start(&place.join("deaths"), &apps)?;
    let mut pids = [0; APPS];
    while pids.contains(&0) {
        let (number, pid) = hellos.next()?;
        pids[number] = pid;
    }
    let mut times = Vec::with_capacity(DEATHS);
    for death in 0..DEATHS {
        // At no fixed beat, so that what looks only now and then is met at any time of its round.
        sleep(Duration::from_millis(60 + (death as u64 * 37) % 100));
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
    take(Row::DeathMedian, times[times.len() / 2]);
    take(Row::DeathWorst, times[times.len() - 1]);
    Ok(())
}

/// An app that is this executable.
pub(super) fn app(name: &str, words: &[&str], hellos: &Hellos, place: &Path) -> Result<Value> {
    let [mode, rest @ ..] = words else { bail!("an app needs something to do") };
    let port = hellos.port.to_string();
    let args: Vec<&str> = ["bench-app", mode, name, &port].into_iter().chain(rest.iter().copied()).collect();
    Ok(json!({
        "name": name, "script": std::env::current_exe()?, "args": args, "interpreter": "none", "cwd": place,
        "max_restarts": 1_000_000, "restart_delay": 0, "merge_logs": true, "max_size": "10G",
        "out_file": place.join(format!("{name}-out.log")), "error_file": place.join(format!("{name}-error.log")),
    }))
}

/// Where apps say that they live.
pub(super) struct Hellos {
    socket: UdpSocket,
    port: u16,
}

impl Hellos {
    pub(super) fn open() -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let port = socket.local_addr()?.port();
        Ok(Self { socket, port })
    }

    /// The next app that says so: the number at the end of its name, and its process.
    pub(super) fn next(&self) -> Result<(usize, i32)> {
        let mut buffer = [0; 256];
        let length = self.socket.recv(&mut buffer).with_context(|| format!("no app was started within {PATIENCE:?}"))?;
        let text = std::str::from_utf8(&buffer[..length])?;
        let (name, pid) = text.rsplit_once(' ').context("a datagram that is not ours")?;
        let number = name.rsplit_once('-').context("a datagram that is not ours")?.1;
        Ok((number.parse()?, pid.parse()?))
    }
}
