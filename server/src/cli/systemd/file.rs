//! The file of the unit: never lost, never half written, never somebody else's.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::unit::is_ours;
use crate::cli::Failure;

/// The unit that is there. One that we did not write is taken only with `force`.
pub(super) fn present(path: &Path, force: bool) -> Result<Option<String>, Failure> {
    // Not followed: a link to /dev/null is how systemd masks a unit, and that is somebody's wish too.
    let link = match path.symlink_metadata() {
        Ok(meta) => meta.is_symlink(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", path, &error)),
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(_) if link || force => String::new(),
        Err(error) => return Err(failed("read", path, &error)),
    };
    if force || is_ours(&text) {
        return Ok(Some(text));
    }
    Err(Failure::failed(format!(
        "{} was not written by `qd startup`, so it is left as it is; look at it, and use --force if it may go",
        path.display()
    )))
}

/// Puts the text there as a whole: after a power cut there is the old file or the new one.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    replace(path, text).map_err(|error| failed("written", path, &error))
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(folder)?;
    let temporary = path.with_extension(format!("service.{}", std::process::id()));
    let written = (|| {
        // A new file, which no link leads elsewhere.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&temporary)?;
        // Whatever the umask says: systemd complains of a unit that others cannot read.
        file.set_permissions(Permissions::from_mode(0o644))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written?;
    File::open(folder)?.sync_all()
}

/// Removes it, for good.
pub(super) fn remove(path: &Path) -> Result<(), Failure> {
    let removed = std::fs::remove_file(path);
    let folder = path.parent().unwrap_or(Path::new("/"));
    removed.and_then(|()| File::open(folder)?.sync_all()).map_err(|error| failed("removed", path, &error))
}

fn failed(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!("the unit {} could not be {what}: {error}; look at the folder and whose it is", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_what_is_ours() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("below/quarterdeck.service");
        assert_eq!(present(&path, false).unwrap(), None);
        write(&path, "[Service]\n").unwrap();
        assert!(matches!(present(&path, false), Err(Failure::Failed(told)) if told.contains("--force")));
        assert_eq!(present(&path, true).unwrap().as_deref(), Some("[Service]\n"));
        write(&path, "# Written by `qd startup`; `qd unstartup` removes it.\n[Service]\n").unwrap();
        assert!(present(&path, false).unwrap().is_some());
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "a temporary file was left");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o644);
        remove(&path).unwrap();
        assert_eq!(present(&path, false).unwrap(), None);
    }

    #[test]
    fn a_masked_unit_is_somebodys_wish() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quarterdeck.service");
        for target in ["/dev/null", "/nowhere/at/all"] {
            symlink(target, &path).unwrap();
            assert!(present(&path, false).is_err(), "{target}");
            write(&path, "x").unwrap();
            assert!(!path.is_symlink(), "it was written through the link");
            remove(&path).unwrap();
        }
    }
}
