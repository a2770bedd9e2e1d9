//! Measures Quarterdeck against PM2 and supervisord, one after the other, on the same machine with the same apps.

mod app;
mod deaths;
mod health;
mod logs;
mod peers;
mod stack;
mod supervisor;
mod table;
mod usage;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use self::supervisor::Supervisor;
use self::table::Table;
use crate::build::{Kind, build};
use crate::tools::{say, target};

pub(crate) use self::app::run as run_app;

/// One part of what is measured, by the word that chooses it.
type Measure = (&'static str, fn(&Supervisor, &Path, Take<'_>) -> Result<()>);

const MEASURES: [Measure; 3] = [("rest", nine_services), ("deaths", deaths::measure), ("logs", logs::measure)];

/// Measures what `words` name, all if there are none, and prints a table that can be pasted into a document. `$QD_BIN` names a binary that was built before.
pub(crate) fn bench(words: &[&str]) -> Result<ExitCode> {
    let known = MEASURES.map(|(word, _)| word);
    if let Some(word) = words.iter().find(|word| !known.contains(word)) {
        bail!("`{word}` is not measured; there are: {}", known.join(", "));
    }
    let qd = std::env::var_os("QD_BIN").map_or_else(|| build(Kind::Release), |path| Ok(path.into()))?;
    let folder = target().join("bench");
    fs::create_dir_all(&folder)?;
    let mut supervisors = vec![Supervisor::Quarterdeck { qd }];
    for peer in [peers::pm2(&folder), peers::supervisord(&folder)] {
        match peer {
            Ok(peer) => supervisors.push(peer),
            Err(error) => say(&format!("left out: {error:#}")),
        }
    }
    let mut table = Table::new(supervisors.iter().map(Supervisor::title).collect());
    for (column, supervisor) in supervisors.iter().enumerate() {
        let place = folder.join("run").join(supervisor.name());
        if place.exists() {
            fs::remove_dir_all(&place).with_context(|| format!("failed to empty {}", place.display()))?;
        }
        fs::create_dir_all(&place)?;
        // What one cannot do is said, and the others are measured all the same.
        for (_, measure) in MEASURES.iter().filter(|(word, _)| words.is_empty() || words.contains(word)) {
            if let Err(error) = measure(supervisor, &place, &mut |row, value| table.set(column, row, value)) {
                say(&format!("{}: {error:#}", supervisor.name()));
            }
        }
    }
    print!("\n{table}");
    Ok(ExitCode::SUCCESS)
}

/// Takes a measured value.
type Take<'a> = &'a mut dyn FnMut(table::Row, f64);

/// The supervisor at rest, and asked for the state of its apps.
fn nine_services(supervisor: &Supervisor, place: &Path, take: Take<'_>) -> Result<()> {
    say(&format!("{}: nine services at rest", supervisor.name()));
    let apps = stack::nine_services(&place.join("logs"))?;
    let running = supervisor.start(&place.join("nine"), &apps)?;
    usage::at_rest(running.pid(), take)?;
    health::measure(&running, take)
}
