//! What an app costs that ends as soon as it is started.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::hellos::Hellos;
use super::supervisor::{Supervisor, Take};
use super::table::Row;
use super::usage::cpu_seconds;

const WATCHED: Duration = Duration::from_secs(10);

const STARTS: Row = Row::new("an app that ends at once: starts in 10 s", "starts", 0);
const CPU: Row = Row::new("CPU of the supervisor meanwhile", "% of a core", 2);

/// From its first start on, and beside one that stays, as some end when they have nothing left to do. Each supervisor does what
/// it does when nothing is said about it.
pub(super) fn measure(supervisor: &Supervisor, place: &Path, take: Take<'_>) -> Result<()> {
    let hellos = Hellos::open()?;
    let apps = [hellos.app("beat-1", &["beat"], place)?, hellos.app("crash-0", &["crash"], place)?];
    let running = supervisor.start(&place.join("crashloop"), &apps)?;
    while hellos.next()?.0 != 0 {}
    let pids = running.processes();
    let (begun, before) = (Instant::now(), cpu_seconds(&pids)?);
    let mut starts = 1;
    while let Some(left) = WATCHED.checked_sub(begun.elapsed()) {
        starts += usize::from(matches!(hellos.within(left)?, Some((0, _))));
    }
    take(STARTS, starts as f64);
    take(CPU, 100.0 * (cpu_seconds(&pids)? - before) / begun.elapsed().as_secs_f64());
    Ok(())
}
