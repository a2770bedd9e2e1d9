//! All logs together: a limit of their size and a floor of free space. Where one is passed, the oldest parts that were put
//! aside go, whichever app they are of; never a file that is written.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::names::{Layout, Place, old_part, sort_of_ours};
use super::pump::Notices;

/// What all logs of a node may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all log files together; 0 for no limit.
    pub total_bytes: u64,
    /// Bytes that are to be free on each file system that holds logs, though never more than half of it; 0 for no floor.
    pub free_bytes: u64,
}

/// Room on a file system, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Space {
    size: u64,
    free: u64,
}

fn space(folder: &Path) -> io::Result<Space> {
    let figures = rustix::fs::statvfs(folder)?;
    Ok(Space { size: figures.f_blocks * figures.f_frsize, free: figures.f_bavail * figures.f_frsize })
}

/// Keeps the limits.
pub(super) struct Budget {
    limits: Limits,
    layout: Layout,
    notices: Notices,
    space: fn(&Path) -> io::Result<Space>,
    /// Log files that were seen, and are no older parts.
    known: BTreeMap<PathBuf, Place>,
    told: bool,
}

/// A part that was put aside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Old {
    modified: SystemTime,
    file: PathBuf,
    sequence: u64,
    /// Its length, as people count it.
    bytes: u64,
    /// What the file system gets back.
    blocks: u64,
    device: u64,
}

/// What there is.
#[derive(Default)]
struct Survey {
    total: u64,
    olds: BTreeMap<(PathBuf, u64), Old>,
    /// A folder on each file system.
    devices: BTreeMap<u64, PathBuf>,
}

/// What is too much.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Excess {
    /// Bytes over the limit of all.
    over: u64,
    /// Bytes that lack on each file system.
    short: BTreeMap<u64, u64>,
}

impl Excess {
    fn is_none(&self) -> bool {
        self.over == 0 && self.short.values().all(|short| *short == 0)
    }

    /// Would it help if this one went?
    fn needs(&self, old: &Old) -> bool {
        self.over > 0 || self.short.get(&old.device).is_some_and(|short| *short > 0)
    }

    fn less(&mut self, old: &Old) {
        self.over = self.over.saturating_sub(old.bytes);
        if let Some(short) = self.short.get_mut(&old.device) {
            *short = short.saturating_sub(old.blocks);
        }
    }
}

impl Budget {
    pub(super) fn new(limits: Limits, layout: Layout, notices: Notices) -> Self {
        Self { limits, layout, notices, space, known: BTreeMap::new(), told: false }
    }

    /// Is there nothing to keep?
    pub(super) fn is_off(&self) -> bool {
        self.limits == Limits::default()
    }

    /// Counts this file from now on, wherever it is.
    pub(super) fn know(&mut self, place: &Place) {
        self.known.insert(place.file.clone(), place.clone());
    }

    /// Deletes what has to go. Tells, once, when that is not enough.
    pub(super) fn keep(&mut self) {
        if self.is_off() {
            return;
        }
        let survey = self.survey();
        let mut excess = self.excess(&survey);
        let mut olds: Vec<Old> = survey.olds.into_values().collect();
        olds.sort_unstable();
        let mut gone = (0_u64, 0_u64);
        for old in olds {
            if !excess.needs(&old) {
                continue;
            }
            let place = self.known.get(&old.file).cloned().unwrap_or_else(|| self.layout.place(old.file.clone()));
            match place.remove_old(old.sequence) {
                Ok(()) => {
                    excess.less(&old);
                    gone = (gone.0 + 1, gone.1 + old.bytes);
                }
                Err(error) => tracing::warn!(file = %place.name(), %error, "failed to delete an older log file"),
            }
        }
        if gone.0 > 0 {
            tracing::warn!(files = gone.0, bytes = gone.1, "deleted the oldest log files to keep to total_max_size and min_free");
        }
        self.tell(&excess);
    }

    fn tell(&mut self, excess: &Excess) {
        let told = std::mem::replace(&mut self.told, !excess.is_none());
        if told || excess.is_none() {
            return;
        }
        let what = if excess.over > 0 { "are larger than total_max_size" } else { "leave less space free than min_free" };
        (self.notices)(format!(
            "The logs {what}, though no older part is left that could be deleted; flush an app, or make room on the disk"
        ));
    }

    fn survey(&self) -> Survey {
        let mut survey = Survey::default();
        let own = [self.layout.logs.as_path(), self.layout.index.as_path()];
        let others = self.known.keys().filter_map(|file| file.parent());
        for folder in own.into_iter().chain(others).collect::<BTreeSet<_>>() {
            // A folder that cannot be read holds nothing that could be deleted.
            let Ok(entries) = std::fs::read_dir(folder) else { continue };
            if let Ok(meta) = std::fs::metadata(folder) {
                survey.devices.entry(meta.dev()).or_insert_with(|| folder.to_owned());
            }
            for entry in entries.flatten() {
                let Some(meta) = entry.metadata().ok().filter(std::fs::Metadata::is_file) else { continue };
                let old = entry.file_name().to_str().and_then(|name| self.old(folder, name));
                if old.is_some() || own.contains(&folder) || self.known.contains_key(&entry.path()) {
                    survey.total += meta.len();
                }
                if let Some((file, sequence)) = old {
                    survey.add(file, sequence, &meta);
                }
            }
        }
        survey
    }

    /// Which file this is an older part of, if it is one.
    fn old(&self, folder: &Path, name: &str) -> Option<(PathBuf, u64)> {
        let (file, sequence) = old_part(name)?;
        // A file of an app may be called like an older part of another.
        if self.known.contains_key(&folder.join(name)) {
            return None;
        }
        let ours = folder == self.layout.logs && sort_of_ours(&file);
        let file = folder.join(file);
        (ours || self.known.contains_key(&file)).then_some((file, sequence))
    }

    fn excess(&self, survey: &Survey) -> Excess {
        let Limits { total_bytes, free_bytes } = self.limits;
        let over = if total_bytes > 0 { survey.total.saturating_sub(total_bytes) } else { 0 };
        let short = |folder: &PathBuf| {
            let Space { size, free } = (self.space)(folder).ok()?;
            // More than half of a small disk is nobody's to ask.
            Some(free_bytes.min(size / 2).saturating_sub(free))
        };
        let devices = survey.devices.iter();
        Excess { over, short: devices.filter_map(|(device, folder)| Some((*device, short(folder)?))).collect() }
    }
}

impl Survey {
    fn add(&mut self, file: PathBuf, sequence: u64, meta: &std::fs::Metadata) {
        let modified = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let empty = Old { modified, file: file.clone(), sequence, bytes: 0, blocks: 0, device: meta.dev() };
        let old = self.olds.entry((file, sequence)).or_insert(empty);
        old.bytes += meta.len();
        old.blocks += meta.blocks() * 512;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    struct Home {
        home: tempfile::TempDir,
        layout: Layout,
        told: Arc<Mutex<Vec<String>>>,
    }

    impl Home {
        fn new() -> Self {
            let home = tempfile::tempdir().unwrap();
            let layout = Layout::new(home.path());
            fs::create_dir_all(&layout.index).unwrap();
            Self { home, layout, told: Arc::default() }
        }

        fn budget(&self, total_bytes: u64, free_bytes: u64) -> Budget {
            let told = self.told.clone();
            let notices: Notices = Arc::new(move |notice| told.lock().unwrap().push(notice));
            Budget::new(Limits { total_bytes, free_bytes }, self.layout.clone(), notices)
        }

        /// Writes 1000 bytes, changed so many hours ago.
        fn file(&self, name: &str, age: u64) {
            let file = File::create(self.layout.logs.join(name)).unwrap();
            file.set_len(1000).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_hours(age)).unwrap();
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.layout.logs).unwrap().flatten();
            let mut names: Vec<String> =
                entries.filter(|entry| entry.path().is_file()).map(|entry| entry.file_name().into_string().unwrap()).collect();
            names.sort_unstable();
            names
        }
    }

    #[test]
    fn the_oldest_parts_of_all_apps_go_first() {
        let home = Home::new();
        for (name, age) in [
            ("a-out.000001.log.gz", 9),
            ("a-out.000002.log", 3),
            ("a-out.log", 99),
            ("b-error-2.000007.log.gz", 8),
            ("b-error-2.log", 50),
            ("notes.000001.txt", 99),
        ] {
            home.file(name, age);
        }
        home.budget(6000, 0).keep();
        assert_eq!(home.names().len(), 6);
        home.budget(4500, 0).keep();
        let left = ["a-out.000002.log", "a-out.log", "b-error-2.log", "notes.000001.txt"];
        assert_eq!(home.names(), left);
        assert!(home.told.lock().unwrap().is_empty());

        let mut budget = home.budget(10, 0);
        (0..3).for_each(|_| budget.keep());
        assert_eq!(home.names(), left[1..]);
        let told = home.told.lock().unwrap().clone();
        assert!(told.len() == 1 && told[0].contains("total_max_size"), "{told:?}");
        for name in &left[1..] {
            fs::remove_file(home.layout.logs.join(name)).unwrap();
        }
        budget.keep();
        home.file("a-out.log", 0);
        budget.keep();
        assert_eq!(home.told.lock().unwrap().len(), 2, "it is told again after it was right");
    }

    #[test]
    fn files_elsewhere_count_and_no_written_file_is_taken_for_a_part() {
        let home = Home::new();
        let elsewhere = home.layout.place(home.home.path().join("app.txt"));
        for (path, age) in [("app.txt", 9), ("app.000001.txt", 8), ("other.000001.txt", 7)] {
            let file = File::create(home.home.path().join(path)).unwrap();
            file.set_len(1000).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_hours(age)).unwrap();
        }
        // Written by an app that calls its file so.
        home.file("x-out.000001.log", 99);
        let mut budget = home.budget(1, 0);
        budget.know(&elsewhere);
        budget.know(&home.layout.place(home.layout.logs.join("x-out.000001.log")));
        budget.keep();
        let there = |path: &str| home.home.path().join(path).exists();
        assert!(there("app.txt") && !there("app.000001.txt") && there("other.000001.txt"));
        assert_eq!(home.names(), ["x-out.000001.log"]);
    }

    #[test]
    fn a_floor_of_free_space_is_kept_up() {
        let home = Home::new();
        for (name, age) in [("a-out.000001.log", 9), ("a-out.000002.log", 8), ("a-out.log", 1)] {
            fs::write(home.layout.logs.join(name), vec![b'x'; 8192]).unwrap();
            let file = File::options().write(true).open(home.layout.logs.join(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_hours(age)).unwrap();
        }
        let mut budget = Budget { space: |_| Ok(Space { size: 1 << 40, free: 1 << 20 }), ..home.budget(0, 1 << 20) };
        budget.keep();
        assert_eq!(home.names().len(), 3);
        budget.limits.free_bytes += 4096;
        budget.keep();
        assert_eq!(home.names(), ["a-out.000002.log", "a-out.log"]);
        budget.limits.free_bytes += 1 << 30;
        (0..2).for_each(|_| budget.keep());
        assert_eq!(home.names(), ["a-out.log"]);
        let told = home.told.lock().unwrap().clone();
        assert!(told.len() == 1 && told[0].contains("min_free"), "{told:?}");
        // Half of a small disk is enough.
        let small = Budget { space: |_| Ok(Space { size: 1 << 20, free: 1 << 19 }), ..home.budget(0, 1 << 30) };
        assert!(small.excess(&small.survey()).is_none());
    }
}
