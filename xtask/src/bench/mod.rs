//! Measures Quarterdeck against PM2, supervisord, s6 and runit, one after the other, on the same machine with the same apps.

mod config;
mod crashloop;
mod deaths;
mod document;
mod health;
mod hellos;
mod logs;
mod peers;
mod rest;
mod running;
mod scandir;
mod soak;
mod stack;
mod start;
mod streams;
mod stubborn;
mod supervisor;
mod survive;
mod sweep;
mod table;
mod usage;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use self::supervisor::{Supervisor, Take};
use self::table::Table;
use crate::build::{Kind, build};
use crate::tools::{say, target};

pub(crate) use self::sweep::guard;

/// One part of what is measured, by the word that chooses it, and how often: of what takes a moment, the median counts.
type Measure = (&'static str, u32, fn(&Supervisor, &Path, Take<'_>) -> Result<()>);

const MEASURES: [Measure; 10] = [
    ("rest", 1, rest::measure),
    ("start", 7, start::measure),
    ("deaths", 1, deaths::measure),
    ("logs", 1, logs::measure),
    ("survive", 1, survive::measure),
    ("stubborn", 1, stubborn::measure),
    ("crashloop", 1, crashloop::measure),
    ("health", 1, health::measure),
    ("streams", 1, streams::measure),
    (SOAK, 1, soak::measure),
];
/// It takes an hour, so it is measured only when it is named.
const SOAK: &str = "soak";
/// The files of a run are deleted only after that.
const KEPT: Duration = Duration::from_secs(3600);

/// Measures what `words` name, all if there are none, and prints a table that can be pasted into a document. `$QD_BIN` names a binary that was built before.
pub(crate) fn bench(words: &[&str]) -> Result<ExitCode> {
    let known = MEASURES.map(|(word, ..)| word);
    if let Some(word) = words.iter().find(|word| !known.contains(word)) {
        bail!("`{word}` is not measured; there are: {}", known.join(", "));
    }
    let qd = std::env::var_os("QD_BIN").map_or_else(|| build(Kind::Release), |path| Ok(path.into()))?;
    hellos::build()?;
    let folder = target().join("bench");
    fs::create_dir_all(&folder)?;
    lie_apart(&folder);
    let mut supervisors = vec![Supervisor::Quarterdeck { qd }];
    for peer in [peers::pm2(&folder), peers::supervisord(&folder), peers::s6(), peers::runit()] {
        match peer {
            Ok(peer) => supervisors.push(peer),
            Err(error) => say(&format!("left out: {error:#}")),
        }
    }
    let place = folder.join(format!("run-{}", std::process::id()));
    fs::create_dir_all(&place)?;
    lie_apart(&place);
    let _guard = sweep::guarded()?;
    let mut table = Table::new(supervisors.iter().map(Supervisor::title).collect());
    let chosen = MEASURES.iter().filter(|(word, ..)| if words.is_empty() { *word != SOAK } else { words.contains(word) });
    // One part after the other, and of each one round after the other, so that what disturbs the machine meanwhile meets all of them.
    for (round, (word, _, measure)) in chosen.flat_map(|part| (1..=part.1).map(move |round| (round, part))) {
        for (column, supervisor) in supervisors.iter().enumerate() {
            say(&format!("{word}: {}", supervisor.name()));
            let place = place.join(format!("{word}-{round}-{}", supervisor.name()));
            fs::create_dir_all(&place)?;
            let take: Take<'_> = &mut |row, value| {
                eprintln!("    {row}: {value:.2}");
                table.add(column, row, value);
            };
            // What one cannot do is said, and the others are measured all the same.
            if let Err(error) = measure(supervisor, &place, take) {
                say(&format!("{word}: {}: {error:#}", supervisor.name()));
            }
        }
    }
    print!("\n{table}");
    tidy(&folder)?;
    Ok(ExitCode::SUCCESS)
}

/// Removes what is large of each run, and all of those that are old: not of the last ones, see `lie_apart`.
fn tidy(folder: &Path) -> Result<()> {
    for run in fs::read_dir(folder)?.flatten().filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b"run")) {
        let is_old = run.metadata()?.modified()?.elapsed().is_ok_and(|age| age > KEPT);
        let parts = fs::read_dir(run.path())?.flatten().filter(|part| part.file_name().as_encoded_bytes().starts_with(b"logs"));
        for path in if is_old { vec![run.path()] } else { parts.map(|part| part.path()).collect() } {
            fs::remove_dir_all(&path).with_context(|| format!("failed to remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// Has ext4 lay each folder in this one, of a run and of a round of one of those that are measured, into another part of the disk. For minutes after files were deleted it takes far longer to make some in the same
/// part (`recently_deleted` of fs/ext4/ialloc.c), which met whoever was measured soon after another run, and made files: new folders
/// are laid where the fewest are (`find_group_orlov`), which is where some were just deleted.
fn lie_apart(folder: &Path) {
    // Other file systems do not know this, and nothing depends on it.
    let _ = Command::new("chattr").arg("+T").arg(folder).stderr(Stdio::null()).status();
}
