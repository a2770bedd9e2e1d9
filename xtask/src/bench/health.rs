//! How often in a second the health document is served, and how long one request waits for it.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use super::document::Document;
use super::stack;
use super::supervisor::{Supervisor, Take};
use super::table::Row;

const CONNECTIONS: usize = 4;
const SETTLE: Duration = Duration::from_secs(5);
const LASTING: Duration = Duration::from_secs(8);

const ANEW: Row = Row::new("health document, asked anew each time", "/s", 0);
const ANEW_SLOW: Row = Row::new("the same, 99 of 100 are answered within", "ms", 2);
const KEPT: Row = Row::new("health document, connection kept", "/s", 0);
const KEPT_SLOW: Row = Row::new("connection kept, 99 of 100 are answered within", "ms", 2);

/// Of nine services, over a few connections, each of which asks again when it is answered.
pub(super) fn measure(supervisor: &Supervisor, place: &Path, take: Take<'_>) -> Result<()> {
    if !supervisor.has_document() {
        return Ok(());
    }
    let apps = stack::nine_services(&place.join("logs"))?;
    let running = supervisor.start(&place.join("health"), &apps)?;
    let Some(mut document) = Document::of(&running)? else { return Ok(()) };
    thread::sleep(SETTLE);
    let kept = rate(&document)?;
    document.connecting_each_time();
    // Ours keeps no connection to anything.
    let anew = if running.pm2().is_some() { rate(&document)? } else { kept };
    for (row, slow, (rate, latency)) in [(ANEW, ANEW_SLOW, anew), (KEPT, KEPT_SLOW, kept)] {
        take(row, rate);
        take(slow, latency);
    }
    Ok(())
}

/// Answers in a second, and the milliseconds within which 99 of 100 came.
fn rate(document: &Document) -> Result<(f64, f64)> {
    let begun = Instant::now();
    let ask = || -> Result<Vec<f64>> {
        let mut connection = document.connect()?;
        let mut times = Vec::new();
        while begun.elapsed() < LASTING {
            let asked = Instant::now();
            connection.ask()?;
            times.push(asked.elapsed().as_secs_f64() * 1e3);
        }
        Ok(times)
    };
    let mut times = thread::scope(|scope| {
        let asking: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(ask)).collect();
        let mut times = Vec::new();
        for thread in asking {
            times.extend(thread.join().map_err(|_| anyhow!("a connection broke"))??);
        }
        Ok::<_, anyhow::Error>(times)
    })?;
    let rate = times.len() as f64 / begun.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    Ok((rate, times[times.len() * 99 / 100]))
}
