//! The files of profiles that were taken: few, private, the oldest make room for the newest.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use app::model::{ProfileFile, ProfileKind, Time};

/// How many are kept.
const MOST: usize = 20;
/// How many bytes all of them have.
const MOST_BYTES: u64 = 2 << 30;
/// One that is still being written.
const UNFINISHED: &str = ".unfinished";

/// The folder `profiles` of a home.
#[derive(Clone, Debug)]
pub struct Profiles(PathBuf);

/// A profile that is being written. It is gone unless it is finished.
#[derive(Debug)]
pub struct Unfinished {
    profiles: Profiles,
    name: String,
    /// No more bytes than this fit.
    pub most: u64,
}

impl Profiles {
    /// Those of a home. Removes what was not finished when an earlier `qd` ended.
    #[must_use]
    pub fn of(home: &Path) -> Self {
        let this = Self(home.join("profiles"));
        for entry in fs::read_dir(&this.0).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().ends_with(UNFINISHED) {
                let _ = fs::remove_file(entry.path());
            }
        }
        this
    }

    /// Begins a file for a profile of this instance.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn begin(&self, app: &str, index: u32, kind: ProfileKind, now: Time) -> io::Result<(Unfinished, File)> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        // Others may not look, whatever the folder was before.
        fs::set_permissions(&self.0, Permissions::from_mode(0o700))?;
        let stamp: String = now.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
        let name = format!("{}-{index}-{stamp}.{}", of_app(app), kind.ending());
        let disk = rustix::fs::statvfs(&self.0)?;
        // Half of the disk is left to others.
        let most = (disk.f_bavail.saturating_mul(disk.f_frsize) / 2).min(MOST_BYTES);
        let path = self.0.join(name.clone() + UNFINISHED);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        Ok((Unfinished { profiles: self.clone(), name, most }, file))
    }

    /// Every profile, or those of one app, newest first.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn list(&self, app: Option<&str>) -> io::Result<Vec<ProfileFile>> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let app = app.map(of_app);
        let mut found: Vec<ProfileFile> = entries.flatten().filter_map(|entry| read(&entry)).collect();
        found.retain(|one| app.as_ref().is_none_or(|app| one.app == *app));
        found.sort_by(|a, b| (b.time, &b.name).cmp(&(a.time, &a.name)));
        Ok(found)
    }

    /// One of them. None if there is none of this name.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(&self, name: &str) -> io::Result<Option<(ProfileFile, File)>> {
        // What is not in the list is not opened, whatever its name says.
        let Some(found) = self.list(None)?.into_iter().find(|one| one.name == name) else { return Ok(None) };
        let file = File::open(self.0.join(&found.name))?;
        Ok(Some((found, file)))
    }

    fn make_room(&self) -> io::Result<()> {
        let mut bytes = 0_u64;
        for (at, one) in self.list(None)?.into_iter().enumerate() {
            bytes = bytes.saturating_add(one.bytes);
            if at > 0 && (at >= MOST || bytes > MOST_BYTES) {
                fs::remove_file(self.0.join(one.name))?;
            }
        }
        Ok(())
    }
}

impl Unfinished {
    /// It is whole: gives it its name, and removes those that are too many.
    ///
    /// # Errors
    /// It cannot be renamed.
    pub fn finish(self) -> io::Result<ProfileFile> {
        let path = self.profiles.0.join(&self.name);
        fs::rename(self.profiles.0.join(self.name.clone() + UNFINISHED), &path)?;
        self.profiles.make_room()?;
        let entry = self.profiles.list(None)?.into_iter().find(|one| one.name == self.name);
        entry.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Not there once it is finished.
        let _ = fs::remove_file(self.profiles.0.join(self.name.clone() + UNFINISHED));
    }
}

/// The name of an app as it stands in those of files: nothing that a shell, a header or a browser reads otherwise.
fn of_app(app: &str) -> String {
    app.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') { c } else { '_' }).collect()
}

fn read(entry: &fs::DirEntry) -> Option<ProfileFile> {
    let name = entry.file_name().into_string().ok()?;
    let (stem, ending) = name.rsplit_once('.')?;
    let kind = [ProfileKind::Heap, ProfileKind::Cpu].into_iter().find(|kind| kind.ending() == ending)?;
    let (rest, _) = stem.rsplit_once('-')?;
    let (app, index) = rest.rsplit_once('-')?;
    let meta = entry.metadata().ok().filter(fs::Metadata::is_file)?;
    let time = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(ProfileFile {
        app: app.to_owned(),
        index: index.parse().ok()?,
        kind,
        bytes: meta.len(),
        time: Time(i64::try_from(time.as_millis()).ok()?),
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    fn take(profiles: &Profiles, app: &str, ms: i64) -> ProfileFile {
        let (unfinished, mut file) = profiles.begin(app, 1, ProfileKind::Heap, Time(ms)).unwrap();
        file.write_all(b"{}").unwrap();
        file.set_modified(UNIX_EPOCH + std::time::Duration::from_millis(ms.unsigned_abs())).unwrap();
        unfinished.finish().unwrap()
    }

    #[test]
    fn they_are_private_and_few() {
        let home = tempfile::tempdir().unwrap();
        let profiles = Profiles::of(home.path());
        assert!(profiles.list(None).unwrap().is_empty());
        let taken: Vec<_> = (0..30).map(|at| take(&profiles, "my app/é", 1_765_473_224_408 + at)).collect();
        let last = &taken[29];
        assert_eq!(last.name, "my_app__-1-20251211T171344437Z.heapsnapshot");
        let kept = profiles.list(Some("my app/é")).unwrap();
        assert_eq!((kept.len(), kept[0].name.as_str()), (MOST, last.name.as_str()));
        assert!(profiles.list(Some("other")).unwrap().is_empty());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&profiles.0), mode(&profiles.0.join(&last.name))), (0o700, 0o600));
    }

    #[test]
    fn only_what_is_whole_and_in_the_folder_is_given() {
        let home = tempfile::tempdir().unwrap();
        let profiles = Profiles::of(home.path());
        let whole = take(&profiles, "a", 5000);
        let (unfinished, _file) = profiles.begin("a", 0, ProfileKind::Cpu, Time(6000)).unwrap();
        std::mem::forget(unfinished);
        fs::write(home.path().join("x-0-1.cpuprofile"), "secret").unwrap();
        assert_eq!(profiles.list(None).unwrap(), std::slice::from_ref(&whole));
        for name in ["../x-0-1.cpuprofile", "x-0-1.cpuprofile", "", ".", &format!("a-0-1.cpuprofile{UNFINISHED}")] {
            assert!(profiles.open(name).unwrap().is_none(), "{name}");
        }
        let mut text = String::new();
        profiles.open(&whole.name).unwrap().unwrap().1.read_to_string(&mut text).unwrap();
        assert_eq!(text, "{}");
        drop(Profiles::of(home.path()));
        assert_eq!(fs::read_dir(&profiles.0).unwrap().count(), 1, "what an earlier life left is removed");
    }
}
