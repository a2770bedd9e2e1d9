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
    (LOGS, 1, logs::measure),
    ("survive", 1, survive::measure),
    ("stubborn", 1, stubborn::measure),
    ("crashloop", 1, crashloop::measure),
    ("health", 1, health::measure),
    ("streams", 1, streams::measure),
    (SOAK, 1, soak::measure),
];
/// What it writes is large, as is what the soak does.
const LOGS: &str = "logs";
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
    tidy(&folder, &place)?;
    Ok(ExitCode::SUCCESS)
}

/// Removes what is large of this run, and all of those that are old; the rest stays for the sake of the next one, see `lie_apart`.
fn tidy(folder: &Path, own: &Path) -> Result<()> {
    let is_large = |name: &[u8]| [LOGS, SOAK].iter().any(|part| name.starts_with(part.as_bytes()));
    let large = fs::read_dir(own)?.flatten().filter(|part| is_large(part.file_name().as_encoded_bytes()));
    let runs = fs::read_dir(folder)?.flatten().filter(|run| run.file_name().as_encoded_bytes().starts_with(b"run"));
    let is_old = |run: &fs::DirEntry| Some(run.metadata().ok()?.modified().ok()?.elapsed().ok()? > KEPT);
    for done in large.chain(runs.filter(|run| is_old(run) == Some(true))) {
        fs::remove_dir_all(done.path()).with_context(|| format!("failed to remove {}", done.path().display()))?;
    }
    Ok(())
}

/// Has ext4 lay each folder in this one into another part of the disk: those of runs, and those of each round of each that is measured.
/// For minutes after files were deleted it takes far longer to make some in the same part (`recently_deleted` of fs/ext4/ialloc.c),
/// which met whoever was measured soon after another run, and made files.
fn lie_apart(folder: &Path) {
    // Other file systems do not know this, and nothing depends on it.
    let _ = Command::new("chattr").arg("+T").arg(folder).stderr(Stdio::null()).status();
}
