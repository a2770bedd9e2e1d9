//! The thread that makes log files before there is something to write, and compresses and deletes older parts, apart from the one that
//! must keep up with the apps.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Arc, PoisonError, mpsc};
use std::time::Duration;

use app::model::Rotation;

use super::archive;
use super::budget::Budget;
use super::names::{Place, with_older_parts};
use super::target::{self, NameLock};

/// How often it looks at the free space, which others take too.
const CHECK: Duration = Duration::from_secs(30);

/// How long jobs are gathered: each look at what all logs take together reads their folder.
const GATHER: Duration = Duration::from_millis(100);

/// A file whose older parts are to be looked at.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Job {
    pub(super) place: Place,
    pub(super) rotation: Rotation,
}

/// Works until all senders are gone. After each work, and by time, it looks at what all logs take together.
pub(super) fn run(jobs: &mpsc::Receiver<Job>, names: &Arc<NameLock>, mut budget: Budget) {
    // On Linux this counts for this thread alone (setpriority(2), "C library/kernel differences").
    let _ = rustix::process::nice(10);
    loop {
        let pause = if budget.is_off() { Duration::MAX } else { CHECK };
        let mut todo = match jobs.recv_timeout(pause) {
            Ok(first) => vec![first],
            Err(mpsc::RecvTimeoutError::Timeout) => Vec::new(),
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        };
        if !todo.is_empty() {
            // What comes together, as when a hundred apps are started, is looked at together.
            std::thread::sleep(GATHER);
        }
        for job in jobs.try_iter() {
            todo.retain(|known| known.place != job.place);
            todo.push(job);
        }
        // Each folder is read once, and each file looked at for itself only where there is something to be tidied: a hundred apps
        // that are started for the first time have nothing.
        let mut listed = HashMap::new();
        for job in todo {
            budget.know(&job.place);
            make(&job.place, names);
            let with_parts = listed.entry(job.place.folder().to_owned()).or_insert_with_key(|folder| with_older_parts(folder));
            if with_parts.as_ref().is_ok_and(|files| !files.contains(&job.place.name())) {
                continue;
            }
            if let Err(error) = tidy(&job, names) {
                tracing::warn!(file = %job.place.name(), %error, "failed to tidy older log files");
            }
        }
        budget.keep();
    }
}

/// Makes the file if there is none, so that who looks for it finds it though nothing was written yet.
fn make(place: &Place, names: &NameLock) {
    let _names = names.read().unwrap_or_else(PoisonError::into_inner);
    if !place.file.exists()
        && let Err(error) = target::open_once(&place.file)
    {
        // People are told when there is something to write.
        tracing::debug!(file = %place.name(), %error, "failed to make a log file");
    }
}

/// Deletes what is too old, mends what a crash left, and compresses the rest.
pub(super) fn tidy(job: &Job, names: &NameLock) -> io::Result<()> {
    let place = &job.place;
    for sequence in place.all_unfinished()? {
        std::fs::remove_file(place.unfinished(sequence))?;
    }
    let olds = loop {
        let olds = place.olds()?;
        let excess = olds.len().saturating_sub(job.rotation.keep as usize);
        for sequence in olds.keys().take(excess) {
            place.remove_old(*sequence)?;
        }
        let kept = olds.iter().skip(excess);
        for (sequence, _) in kept.clone().filter(|(_, forms)| forms.plain && forms.compressed) {
            std::fs::remove_file(place.old(*sequence))?;
        }
        // Others may have been put aside meanwhile: the list is read again after each.
        let next = kept.clone().find(|(_, forms)| forms.plain && !forms.compressed);
        match next.filter(|_| job.rotation.compress) {
            Some((sequence, _)) => compress(place, *sequence, names)?,
            None => break olds,
        }
    };
    for sequence in place.all_old_times()? {
        // Greater numbers were put aside after the list was read.
        if !olds.contains_key(&sequence) && olds.keys().next_back().is_some_and(|newest| sequence < *newest) {
            let _ = std::fs::remove_file(place.old_times(sequence));
        }
    }
    Ok(())
}

fn compress(place: &Place, sequence: u64, names: &NameLock) -> io::Result<()> {
    let (plain, part) = (place.old(sequence), place.unfinished(sequence));
    let packed = pack(place, sequence);
    if let Err(error) = packed {
        let _ = std::fs::remove_file(&part);
        return if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) };
    }
    // Nobody flushes between the look and the change of name.
    let _names = names.write().unwrap_or_else(PoisonError::into_inner);
    if !plain.exists() {
        return std::fs::remove_file(&part);
    }
    std::fs::rename(&part, place.compressed(sequence))?;
    std::fs::remove_file(plain)
}

fn pack(place: &Place, sequence: u64) -> io::Result<()> {
    let mut source = File::open(place.old(sequence))?;
    let mut options = OpenOptions::new();
    let mut archive = options.write(true).create_new(true).mode(0o600).open(place.unfinished(sequence))?;
    archive::write(&mut source, &mut archive)?;
    archive.set_modified(source.metadata()?.modified()?)?;
    archive.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::names::{Forms, Layout};
    use std::collections::BTreeMap;

    #[test]
    fn mends_compresses_and_keeps_the_newest() {
        let home = tempfile::tempdir().unwrap();
        let layout = Layout::new(home.path());
        std::fs::create_dir_all(&layout.index).unwrap();
        let place = layout.place(layout.logs.join("api-out.log"));
        for sequence in 1..=5 {
            std::fs::write(place.old(sequence), format!("part {sequence}\n")).unwrap();
            std::fs::write(place.old_times(sequence), "").unwrap();
        }
        // As a crash leaves it.
        std::fs::write(place.unfinished(4), "half").unwrap();
        std::fs::copy(place.old(4), place.compressed(4)).unwrap();
        let job = Job { place: place.clone(), rotation: Rotation { max_bytes: 1, keep: 3, compress: true, every_ms: None } };
        tidy(&job, &NameLock::default()).unwrap();
        let compressed = Forms { plain: false, compressed: true };
        assert_eq!(place.olds().unwrap(), BTreeMap::from([(3, compressed), (4, compressed), (5, compressed)]));
        assert!(place.all_unfinished().unwrap().is_empty());
        let mut times = place.all_old_times().unwrap();
        times.sort_unstable();
        assert_eq!(times, [3, 4, 5]);
        let none = Job { rotation: Rotation { keep: 0, ..job.rotation }, ..job };
        tidy(&none, &NameLock::default()).unwrap();
        assert!(place.olds().unwrap().is_empty());
    }
}
