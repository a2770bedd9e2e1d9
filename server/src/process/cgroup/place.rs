//! Where cgroups may be made: below our own, where it was delegated to us or nobody else manages it.

use std::io;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Access, access};

use super::Cgroup;

/// Where the hierarchy of version 2 is: alone, or beside those of version 1.
const MOUNTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
/// What names of ours begin with. No file of the kernel does.
const PREFIX: &str = "qd.";
/// The one for `qd` itself: processes may not be beside cgroups that have limits (cgroups(7), "no internal processes").
pub(super) const OWN: &str = "qd.supervisor";
/// It is there while systemd runs this host (sd_booted(3)).
const SYSTEMD: &str = "/run/systemd/system";

/// The cgroups of one home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroups {
    /// Where they are made.
    pub(super) base: PathBuf,
    /// Where earlier supervisors of this home made some.
    earlier: Vec<PathBuf>,
    /// May we move ourselves into one of our own? Under systemd the place of a process is systemd's.
    pub(super) may_move: bool,
}

impl Cgroups {
    /// Looks where cgroups may be made. The hierarchy is told, or where it usually is.
    ///
    /// # Errors
    /// Why none can be made here, as the end of a sentence.
    pub fn find(hierarchy: Option<&Path>, home_id: &str) -> Result<Self, String> {
        let usual = || MOUNTS.iter().map(Path::new).find(|mount| mount.join("cgroup.controllers").exists());
        let mount = hierarchy.or_else(usual).ok_or("this host has no cgroups of version 2")?;
        let text = std::fs::read_to_string("/proc/self/cgroup").map_err(|error| format!("/proc/self/cgroup: {error}"))?;
        let own = text.lines().find_map(|line| line.strip_prefix("0::/")).ok_or("this process is in no cgroup of version 2")?;
        if Path::new(own).components().any(|part| !matches!(part, Component::Normal(_))) {
            return Err("the cgroup of this process lies outside of what it can see".into());
        }
        let folder = mount.join(own);
        let base = base_of(&folder, home_id);
        if !base.join("cgroup.procs").exists() {
            return Err(format!("{} is no cgroup of version 2", base.display()));
        }
        let may_move = !Path::new(SYSTEMD).exists();
        let cgroups = Self { base, earlier: Vec::new(), may_move };
        cgroups.try_out().map_err(|error| format!("none may be made in {}: {error}", cgroups.base.display()))?;
        // An app that starts its supervisor: with that app it would end itself.
        if folder != cgroups.base && folder != cgroups.base.join(OWN) {
            let left = super::write(&cgroups.base, "cgroup.procs", "0").or_else(|_| cgroups.enter_own());
            left.map_err(|error| format!("qd runs inside the cgroup of one of its apps and cannot leave it: {error}"))?;
        }
        Ok(cgroups)
    }

    /// Those folders are looked into as well.
    #[must_use]
    pub fn and_earlier(mut self, folders: impl IntoIterator<Item = PathBuf>) -> Self {
        self.earlier.extend(folders.into_iter().filter(|folder| *folder != self.base));
        self.earlier.sort();
        self.earlier.dedup();
        self
    }

    /// Where they are made.
    #[must_use]
    pub fn place(&self) -> &Path {
        &self.base
    }

    /// May one be made, and may a process be moved from ours into it? That needs the right to write the list of processes of
    /// what both lie in (cgroups(7), "Delegation containment").
    fn try_out(&self) -> io::Result<()> {
        access(self.base.join("cgroup.procs"), Access::WRITE_OK)?;
        let probe = self.base.join(format!("{PREFIX}probe.{}", std::process::id()));
        std::fs::create_dir(&probe)?;
        std::fs::remove_dir(&probe)
    }

    /// Moves this process into a cgroup of its own beside those of the apps.
    pub(super) fn enter_own(&self) -> io::Result<()> {
        let own = self.base.join(OWN);
        match std::fs::create_dir(&own) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        super::write(&own, "cgroup.procs", "0")
    }

    /// Makes the one for the run with this marker.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn make(&self, marker: &str) -> io::Result<Cgroup> {
        let folder = self.base.join(format!("{PREFIX}{marker}"));
        std::fs::create_dir(&folder)?;
        Ok(Cgroup(folder))
    }

    /// The one that was made for the run with this marker, if it is there.
    #[must_use]
    pub fn of(&self, marker: &str) -> Option<Cgroup> {
        let folders = self.folders().map(|folder| folder.join(format!("{PREFIX}{marker}")));
        folders.into_iter().find(|folder| folder.is_dir()).map(Cgroup)
    }

    /// All that are there whose markers begin so, each with its marker.
    #[must_use]
    pub fn all(&self, prefix: &str) -> Vec<(String, Cgroup)> {
        let entries = self.folders().flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten());
        let ours = entries.filter_map(|entry| {
            let marker = entry.file_name().to_str()?.strip_prefix(PREFIX)?.to_owned();
            marker.starts_with(prefix).then(|| (marker, Cgroup(entry.path())))
        });
        ours.collect()
    }

    #[cfg(test)]
    pub(super) fn for_tests(base: &Path, may_move: bool) -> Self {
        Self { base: base.to_owned(), earlier: Vec::new(), may_move }
    }

    fn folders(&self) -> impl Iterator<Item = &PathBuf> {
        std::iter::once(&self.base).chain(&self.earlier)
    }
}

/// Where apps of this home go, of a supervisor that is in this folder: beside the cgroup that is its own, and never into that of
/// one of its apps.
fn base_of(folder: &Path, home_id: &str) -> PathBuf {
    let of_an_app = format!("{PREFIX}{home_id}.");
    let is_within = |one: &&Path| one.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&of_an_app));
    let outermost = folder.ancestors().filter(is_within).last();
    let own = outermost.or_else(|| Some(folder).filter(|folder| folder.ends_with(OWN)));
    own.and_then(Path::parent).unwrap_or(folder).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beside_our_own_and_never_within_an_app() {
        for (folder, base) in [
            ("/c", "/c"),
            ("/c/system.slice/quarterdeck.service", "/c/system.slice/quarterdeck.service"),
            ("/c/x/qd.supervisor", "/c/x"),
            ("/c/x/qd.home.3.9", "/c/x"),
            ("/c/x/qd.home.3.9/deeper/qd.home.4.9/qd.supervisor", "/c/x"),
            ("/c/x/qd.other.3.9", "/c/x/qd.other.3.9"),
            ("/c/x/qd.other.3.9/qd.supervisor", "/c/x/qd.other.3.9"),
        ] {
            assert_eq!(base_of(Path::new(folder), "home"), Path::new(base), "{folder}");
        }
    }

    #[test]
    fn what_is_no_hierarchy_is_none() {
        let folder = tempfile::tempdir().unwrap();
        for hierarchy in [Path::new("/nowhere/at/all"), folder.path()] {
            let told = Cgroups::find(Some(hierarchy), "home").unwrap_err();
            assert!(!told.is_empty() && !told.ends_with('.'), "{told}");
        }
    }
}
