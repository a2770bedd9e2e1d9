//! What clients cost that follow the live stream while nothing happens. Only Quarterdeck has one.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::hellos::Hellos;
use super::start;
use super::supervisor::{Supervisor, Take};
use super::table::Row;
use super::usage::{cpu_seconds, memory};

const APPS: usize = 9;
const CLIENTS: [usize; 2] = [1_000, 10_000];
/// Other files of this process.
const SPARE: u64 = 200;
const SETTLE: Duration = Duration::from_secs(6);
const WATCHED: Duration = Duration::from_secs(20);

const EACH: Row = Row::new("clients of the live stream: memory for each", "KiB", 1);
const CPU: Row = Row::new("clients of the live stream: CPU", "% of a core", 1);

/// They read what comes, five times in a second.
pub(super) fn measure(supervisor: &Supervisor, place: &Path, take: Take<'_>) -> Result<()> {
    let hellos = Hellos::open()?;
    if !matches!(supervisor, Supervisor::Quarterdeck { .. }) {
        return Ok(());
    }
    let room = usize::try_from(raise_limit().saturating_sub(SPARE))?;
    let mut running = supervisor.prepare(&place.join("streams"), &start::apps(&hellos, APPS, place)?)?;
    start::launch(&mut running, &hellos, APPS)?;
    let (address, token) = running.quarterdeck()?.context("qd did not say where it answers")?;
    let request = format!("GET /api/stream HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n");
    sleep(SETTLE);
    let pids = running.processes();
    let without = memory(&pids)?;
    let mut clients = Vec::new();
    for count in CLIENTS.map(|count| count.min(room)) {
        while clients.len() < count {
            clients.push(open(&address, &request)?);
            // A queue of connections that nobody took yet is short.
            if clients.len().is_multiple_of(100) {
                drain(&mut clients)?;
            }
        }
        listen(&mut clients, SETTLE)?;
        let memory = memory(&pids)? - without;
        take(EACH.of(count), memory * 1024.0 / count as f64);
        let (begun, before) = (Instant::now(), cpu_seconds(&pids)?);
        listen(&mut clients, WATCHED)?;
        take(CPU.of(count), 100.0 * (cpu_seconds(&pids)? - before) / begun.elapsed().as_secs_f64());
    }
    Ok(())
}

/// As many open files as we may have.
fn raise_limit() -> u64 {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

fn open(address: &str, request: &str) -> Result<TcpStream> {
    let mut client = TcpStream::connect(address)?;
    client.write_all(request.as_bytes())?;
    client.set_nonblocking(true)?;
    Ok(client)
}

fn listen(clients: &mut [TcpStream], time: Duration) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < time {
        drain(clients)?;
        sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// Reads what is there, from each.
fn drain(clients: &mut [TcpStream]) -> Result<()> {
    let mut buffer = [0; 1 << 16];
    for client in clients {
        loop {
            match client.read(&mut buffer) {
                Ok(0) => bail!("the node closed a stream; does it allow so many?"),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("a stream broke"),
            }
        }
    }
    Ok(())
}
