//! What is known of a running instance, on disk before it counts as started: so the next supervisor can take it back.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use app::model::Time;
use serde::{Deserialize, Serialize};

use super::policy::Used;

/// So much is written in place: a kill comes before it or after it (mm/filemap.c, `generic_perform_write`, looks for one before each
/// page), and no file has to be made and another one to be removed each time that an app starts or ends.
const PAGE: usize = 4096;

/// One instance as it was last seen. Written without fsync(2): it has to outlive this process, not the host,
/// because after a crash of the host nothing of it runs any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// Name of the app.
    pub(super) name: String,
    /// Number of the instance within it.
    pub(super) index: u32,
    /// Boot in which this was written: in another one nothing of it is true.
    pub(super) boot_id: String,
    /// Value of the marker in the environment of its processes.
    pub(super) marker: String,
    /// The process, if there is one.
    pub(super) pid: Option<u32>,
    /// Its start in clock ticks since boot.
    pub(super) start_ticks: Option<u64>,
    /// Its start.
    pub(super) started_at: Option<Time>,
    /// The folder of the cgroup where it was born.
    #[serde(default)]
    pub(super) cgroup: Option<PathBuf>,
    /// Restarts so far.
    pub(super) restarts: u32,
    /// What it has used up of its policy.
    #[serde(default)]
    pub(super) used: Used,
    /// It rests by its policy, and why; not because somebody asked.
    pub(super) rests: Option<Rest>,
}

/// An instance that was not to be started again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rest {
    /// Was it given up?
    pub(super) errored: bool,
    /// Why, in words.
    pub(super) reason: Option<String>,
}

/// Where the locks of an instance are, which its processes carry.
pub(super) struct Locks {
    /// Of the one that serves.
    pub(super) serves: PathBuf,
    /// Of one that is to take its place.
    pub(super) tries: PathBuf,
}

/// The folder of these files.
#[derive(Clone, Debug)]
pub(super) struct Identities {
    folder: PathBuf,
}

impl Identities {
    /// Opens the folder, and makes it if it is missing.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn open(run: &Path) -> io::Result<Self> {
        let folder = run.join("units");
        std::fs::create_dir_all(&folder)?;
        // As the kernel names it: those who hold a lock are found by its path.
        Ok(Self { folder: folder.canonicalize()? })
    }

    fn path(&self, pm_id: u32) -> PathBuf {
        self.folder.join(format!("{pm_id}.json"))
    }

    /// Replaces what is known of an instance, all or nothing.
    ///
    /// # Errors
    /// The file system refused; what was known before is still there.
    pub(super) fn write(&self, pm_id: u32, identity: &Identity) -> io::Result<()> {
        match self.try_to_write(pm_id, identity) {
            // Somebody has removed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                std::fs::create_dir_all(&self.folder)?;
                self.try_to_write(pm_id, identity)
            }
            written => written,
        }
    }

    fn try_to_write(&self, pm_id: u32, identity: &Identity) -> io::Result<()> {
        let (mut text, path) = (serde_json::to_vec(identity)?, self.path(pm_id));
        if text.len() <= PAGE {
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
            if file.metadata()?.len() <= PAGE as u64 {
                text.resize(PAGE, b' ');
                return file.write_all_at(&text, 0);
            }
        }
        let new = self.folder.join(format!(".{pm_id}.new"));
        std::fs::write(&new, text)?;
        std::fs::rename(new, path)
    }

    /// Where the locks of an instance are.
    pub(super) fn locks(&self, pm_id: u32) -> Locks {
        let path = |name| self.folder.join(format!("{pm_id}.{name}"));
        Locks { serves: path("lock"), tries: path("trial.lock") }
    }

    /// Forgets an instance.
    pub(super) fn remove(&self, pm_id: u32) {
        let Locks { serves, tries } = self.locks(pm_id);
        for lock in [serves, tries] {
            // Few have one on trial.
            let _ = std::fs::remove_file(lock);
        }
        if let Err(error) = std::fs::remove_file(self.path(pm_id))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(pm_id, %error, "failed to remove the identity of an instance");
        }
    }

    /// Everything that is known. A file that cannot be read counts as missing: the markers of the processes tell as well.
    #[must_use]
    pub(super) fn read_all(&self) -> Vec<(u32, Identity)> {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return Vec::new() };
        entries
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name();
                let pm_id = name.to_str()?.strip_suffix(".json")?.parse().ok()?;
                match serde_json::from_slice(&std::fs::read(entry.path()).ok()?) {
                    Ok(identity) => Some((pm_id, identity)),
                    Err(error) => {
                        tracing::warn!(pm_id, %error, "failed to read the identity of an instance");
                        None
                    }
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_read_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let identities = Identities::open(folder.path()).unwrap();
        let identity = Identity {
            name: "a b".into(),
            index: 1,
            boot_id: "boot".into(),
            marker: "home.3.9".into(),
            pid: Some(7),
            start_ticks: Some(99),
            started_at: Some(Time(5)),
            cgroup: Some("/sys/fs/cgroup/qd.home.3.9".into()),
            restarts: 2,
            used: Used::default(),
            rests: None,
        };
        let reason = "x".repeat(2 * PAGE);
        let long = Identity { rests: Some(Rest { errored: true, reason: Some(reason) }), ..identity.clone() };
        for one in [&long, &identity, &long, &identity] {
            identities.write(3, one).unwrap();
            assert_eq!(identities.read_all(), [(3, one.clone())]);
        }
        std::fs::remove_file(folder.path().join("units/3.json")).unwrap();
        let short = Identity { name: "a".into(), ..identity.clone() };
        for one in [&identity, &short, &identity] {
            identities.write(3, one).unwrap();
            assert_eq!(identities.read_all(), [(3, one.clone())]);
        }
        std::fs::write(folder.path().join("units/4.json"), "{ torn").unwrap();
        assert_eq!(identities.read_all(), [(3, identity)]);
        identities.remove(3);
        assert_eq!(identities.read_all(), []);
    }
}
