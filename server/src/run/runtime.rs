//! The runtime folder of a home (hier(7), `/run`): what need not outlive a boot, in memory, and what other users must reach.
//!
//! Three files are made for each instance before it runs, two FIFOs and a lock, and a fourth before it counts as started. On a
//! disk each waits for the one before, and where files were deleted nearby for a search besides (fs/ext4/ialloc.c,
//! `recently_deleted`). Root alone has such a folder: those of other users are emptied when they log out (logind.conf(5),
//! `RemoveIPC`; `XDG_RUNTIME_DIR`), while their apps run on.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::place::ID;
use crate::process;

/// Where it may be, the best first: in a container `/run` is often on the disk.
const BASES: [&str; 2] = ["/run/quarterdeck", "/dev/shm/quarterdeck"];
/// What goes there from `run/` of the home, where a link leads to it.
const MOVED: [&str; 2] = ["fifo", "units"];
/// A link to `run/` of the home, by which a folder is known whose home is gone.
const HOME: &str = "home";
/// Among the locks of the instances: held by the `qd` that uses the folder.
const LOCK: &str = "units/qd.lock";

/// The folder, which others may enter, and nobody else may change.
pub(super) struct Runtime {
    folder: PathBuf,
    _lock: Option<std::os::fd::OwnedFd>,
}

impl Runtime {
    /// Opens the one of this home, and has `run/` lead there, if it is in memory. None if there cannot be one: then all of it lies in
    /// the home.
    pub(super) fn open(run: &Path) -> Option<Self> {
        let in_memory = BASES.into_iter().find(|base| Path::new(base).parent().is_some_and(is_in_memory));
        let moved = if in_memory.is_some() { &MOVED[..] } else { &[] };
        let name = rustix::process::geteuid().is_root().then(|| name_of(run)).and_then(Result::ok);
        let opened = name.and_then(|name| {
            let opened = Self::at(Path::new(in_memory.unwrap_or(BASES[0])), &name, run, moved);
            opened
                .inspect_err(|error| tracing::warn!(%error, "failed to set up a runtime folder; all of it lies in the home"))
                .ok()
        });
        // Of a boot that is over, or of root.
        for link in MOVED.map(|name| run.join(name)) {
            if link.is_symlink() && fs::read_dir(&link).is_err() {
                let _ = fs::remove_file(link);
            }
        }
        opened
    }

    fn at(base: &Path, name: &str, run: &Path, moved: &[&str]) -> io::Result<Self> {
        let folder = base.join(name);
        for open in [base, &folder] {
            ours(open)?;
        }
        lead(&folder.join(HOME), &fs::canonicalize(run)?)?;
        for name in moved {
            let (link, target) = (run.join(name), folder.join(name));
            // One of an earlier `qd` is used as long as something is in it.
            if link.is_symlink() || fs::remove_dir(&link).is_ok() || !link.exists() {
                DirBuilder::new().recursive(true).mode(0o700).create(&target)?;
                lead(&link, &target)?;
            }
        }
        let _lock = process::lock(&folder.join(LOCK)).ok().flatten();
        Ok(Self { folder, _lock })
    }

    /// Where it is.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Removes the folders of homes that are gone, unless something of them runs.
    pub(super) fn sweep(&self) {
        let folders = self.folder.parent().and_then(|base| fs::read_dir(base).ok()).into_iter().flatten().flatten();
        for folder in folders.map(|entry| entry.path()) {
            // Without the link it is just being made.
            let Ok(run) = fs::read_link(folder.join(HOME)) else { continue };
            let is_used = name_of(&run).is_ok_and(|name| folder.ends_with(name));
            if !is_used && !is_held(&folder.join("units")) {
                let _ = fs::remove_dir_all(folder);
            }
        }
    }
}

/// The name of the folder of this home. A copy of a home has the same number and another inode, one in its place the reverse.
fn name_of(run: &Path) -> io::Result<String> {
    let (id, stat) = (fs::read_to_string(run.join(ID))?, fs::metadata(run)?);
    Ok(format!("{}-{:x}-{:x}", id.trim(), stat.dev(), stat.ino()))
}

fn is_in_memory(folder: &Path) -> bool {
    /// From statfs(2).
    const TMPFS: rustix::fs::FsWord = 0x0102_1994;
    rustix::fs::statfs(folder).is_ok_and(|stat| stat.f_type == TMPFS)
}

/// Makes a folder that all may enter, or takes one that nobody else can have prepared for us.
fn ours(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o755).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(folder)?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o022 != 0 {
        return Err(io::Error::other(format!("{} is not ours alone", folder.display())));
    }
    // Whatever our umask took away.
    fs::set_permissions(folder, Permissions::from_mode(0o755))
}

/// Makes a link lead there.
fn lead(link: &Path, target: &Path) -> io::Result<()> {
    if fs::read_link(link).is_ok_and(|now| now == target) {
        return Ok(());
    }
    match fs::remove_file(link) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => symlink(target, link),
    }
}

/// Does anything hold a lock in this folder?
fn is_held(units: &Path) -> bool {
    let files = fs::read_dir(units).into_iter().flatten().flatten().map(|entry| entry.path());
    files.filter(|path| path.extension().is_some_and(|end| end == "lock")).any(|path| matches!(process::lock(&path), Ok(None)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A home with this number below a folder, and its `run/`.
    fn home(folder: &Path, name: &str) -> PathBuf {
        let run = folder.join(name).join("run");
        fs::create_dir_all(&run).unwrap();
        fs::write(run.join(ID), "0123456789abcdef").unwrap();
        run
    }

    fn open(base: &Path, run: &Path) -> Runtime {
        Runtime::at(base, &name_of(run).unwrap(), run, &MOVED).unwrap()
    }

    #[test]
    fn a_home_keeps_its_folder_and_a_copy_gets_another() {
        let folder = tempfile::tempdir().unwrap();
        let (base, run) = (folder.path().join("base"), home(folder.path(), "a"));
        drop(open(&base, &run));
        fs::write(run.join("units/3.json"), "known").unwrap();
        let again = open(&base, &run);
        assert_eq!(fs::read_to_string(again.folder().join("units/3.json")).unwrap(), "known");
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!([mode(again.folder()), mode(&run.join("units")), mode(&run.join("fifo"))], [0o755, 0o700, 0o700]);
        let copy = home(folder.path(), "copy");
        for name in MOVED {
            symlink(fs::read_link(run.join(name)).unwrap(), copy.join(name)).unwrap();
        }
        let other = open(&base, &copy);
        assert_ne!(other.folder(), again.folder());
        assert_eq!(fs::read_dir(copy.join("units")).unwrap().count(), 1, "the lock of its own");
        let moved = folder.path().join("moved");
        fs::rename(run.parent().unwrap(), &moved).unwrap();
        let run = moved.join("run");
        assert_eq!(open(&base, &run).folder(), again.folder());
        fs::remove_dir_all(&base).unwrap();
        open(&base, &run);
        assert!(!run.join("units/3.json").exists() && run.join("fifo").is_dir(), "made anew after a boot");
    }

    #[test]
    fn a_folder_of_an_earlier_qd_is_used_while_something_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let (base, run) = (folder.path().join("base"), home(folder.path(), "a"));
        for name in MOVED {
            fs::create_dir(run.join(name)).unwrap();
        }
        fs::write(run.join("units/3.json"), "known").unwrap();
        open(&base, &run);
        assert_eq!(MOVED.map(|name| run.join(name).is_symlink()), [true, false]);
        assert_eq!(fs::read_to_string(run.join("units/3.json")).unwrap(), "known");
    }

    #[test]
    fn what_is_left_of_a_home_that_is_gone_goes_unless_it_runs() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().join("base");
        let [mine, lives, dead] = ["mine", "lives", "dead"].map(|name| home(folder.path(), name));
        let [mine, lives, dead] = [open(&base, &mine), open(&base, &lives), open(&base, &dead)];
        for home in ["lives", "dead"] {
            fs::remove_dir_all(folder.path().join(home)).unwrap();
        }
        let (lives_in, dead_in) = (lives.folder().to_owned(), dead.folder().to_owned());
        let app = process::lock(&lives_in.join("units/0.lock")).unwrap().unwrap();
        let being_made = base.join("being-made");
        fs::create_dir(&being_made).unwrap();
        drop((lives, dead));
        mine.sweep();
        assert!(mine.folder().exists() && lives_in.exists() && being_made.exists() && !dead_in.exists());
        drop(app);
        mine.sweep();
        assert!(!lives_in.exists());
    }

    #[test]
    fn what_others_can_change_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let (base, run) = (folder.path().join("base"), home(folder.path(), "a"));
        fs::create_dir(&base).unwrap();
        fs::set_permissions(&base, Permissions::from_mode(0o777)).unwrap();
        assert!(Runtime::at(&base, "a", &run, &MOVED).is_err());
        let link = folder.path().join("link");
        symlink(folder.path(), &link).unwrap();
        assert!(Runtime::at(&link, "a", &run, &MOVED).is_err());
        assert!(MOVED.iter().all(|name| !run.join(name).exists()));
    }
}
