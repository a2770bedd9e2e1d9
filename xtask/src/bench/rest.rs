//! What a supervisor costs while nothing happens.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;

use super::document::Document;
use super::hellos::Hellos;
use super::supervisor::{Supervisor, Take};
use super::table::Row;
use super::usage::{cpu_for, memory};
use super::{stack, start};

/// Starting and first samples are over by then.
const SETTLE: Duration = Duration::from_secs(10);
/// One tick of the kernel's clock is 0.03 % of a core here.
const WATCHED: Duration = Duration::from_secs(30);

const NINE_CPU: Row = Row::new("nine services at rest: CPU", "% of a core", 2);
const NINE_MEMORY: Row = Row::new("nine services at rest: own memory, PSS", "MB", 1);
const CPU: Row = Row::new("idle apps: CPU", "% of a core", 2);
const ASKED: Row = Row::new("idle apps: CPU, asked every 2 s", "% of a core", 2);
const MEMORY: Row = Row::new("idle apps: own memory, PSS", "MB", 1);

/// The nine services of the example, and more and more small apps that do nothing.
pub(super) fn measure(supervisor: &Supervisor, place: &Path, take: Take<'_>) -> Result<()> {
    nine(supervisor, place, take)?;
    [10, 100, 300].into_iter().try_for_each(|count| idle(supervisor, place, count, take))
}

fn nine(supervisor: &Supervisor, place: &Path, take: Take<'_>) -> Result<()> {
    let apps = stack::nine_services(&place.join("logs"))?;
    let running = supervisor.start(&place.join("nine"), &apps)?;
    sleep(SETTLE);
    let pids = running.processes();
    take(NINE_CPU, cpu_for(WATCHED, &pids, || Ok(()))?);
    take(NINE_MEMORY, memory(&pids)?);
    Ok(())
}

fn idle(supervisor: &Supervisor, place: &Path, count: usize, take: Take<'_>) -> Result<()> {
    let hellos = Hellos::open()?;
    let mut running = supervisor.prepare(&place.join(format!("idle-{count}")), &start::apps(&hellos, count, place)?)?;
    start::launch(&mut running, &hellos, count)?;
    sleep(SETTLE);
    let pids = running.processes();
    take(CPU.of(count), cpu_for(WATCHED, &pids, || Ok(()))?);
    take(MEMORY.of(count), memory(&pids)?);
    if let Some(document) = Document::of(&running)? {
        let mut connection = document.connect()?;
        take(ASKED.of(count), cpu_for(WATCHED, &pids, || connection.ask())?);
    }
    Ok(())
}
