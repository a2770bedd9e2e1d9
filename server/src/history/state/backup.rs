//! Copies of `state.db` in the folder `backup`: one each day, three kept, and one before the schema is changed.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use app::model::Time;
use rusqlite::{Connection, OpenFlags};

use super::{Error, State};
use crate::history::sqlite;

/// How many daily copies are kept.
const KEPT: usize = 3;
/// How many entries of the audit log are kept.
const AUDIT_KEPT: i64 = 100_000;

impl State {
    /// Makes the copy of this day where there is none yet, and removes the oldest. To be called now and then, such as
    /// every hour. Answers the copy if it made one.
    ///
    /// # Errors
    /// The folder cannot be written, or the copy is not good; the older ones are then kept.
    pub fn back_up(&self, now: Time) -> Result<Option<PathBuf>, Error> {
        let folder = folder(&self.path)?;
        let (year, month, day) = now.date();
        let copy = folder.join(format!("state-{year:04}-{month:02}-{day:02}.db"));
        if copy.exists() {
            return Ok(None);
        }
        sqlite::copy(&self.path, &copy, sqlite::verify)?;
        for old in daily(&folder)?.iter().rev().skip(KEPT) {
            sqlite::remove(old)?;
        }
        self.lock().execute("DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?1", [AUDIT_KEPT])?;
        Ok(Some(copy))
    }

    /// Writes a consistent copy of the database, as it is now, to a file that is not there yet.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(in crate::history) fn copy_to(&self, file: &Path) -> Result<(), Error> {
        // While it is copied it must not be replaced: a connection to what it was would remove files of what it is.
        let _held = self.lock();
        sqlite::copy(&self.path, file, sqlite::verify)
    }
}

/// Keeps a copy of a database that is about to get a new schema.
pub(super) fn before_migration(database: &Path, schema: u32) -> Result<(), Error> {
    let copy = folder(database)?.join(format!("state-before-schema-{}.db", schema + 1));
    sqlite::copy(database, &copy, sqlite::verify)
}

/// Puts the newest good copy in the place of the database, which is away. Answers which one it was. The copy from before a
/// schema is not looked at: it may be of last year, and bring back tokens that were taken from somebody since.
pub(super) fn restore(database: &Path, schema: usize) -> Result<Option<PathBuf>, Error> {
    let folder = folder(database)?;
    for backup in daily(&folder)?.into_iter().rev() {
        // A bad copy is passed over: the one before it is better than none.
        if is_good(&backup, schema).unwrap_or(false) && sqlite::copy(&backup, database, sqlite::verify).is_ok() {
            return Ok(Some(backup));
        }
    }
    Ok(None)
}

/// Is there any daily copy?
pub(super) fn is_any(database: &Path) -> Result<bool, Error> {
    Ok(!daily(&folder(database)?)?.is_empty())
}

/// Is it whole, and of no schema that is newer than ours?
fn is_good(backup: &Path, schema: usize) -> Result<bool, Error> {
    let connection = Connection::open_with_flags(backup, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    sqlite::verify(&connection, backup)?;
    let found = sqlite::schema(&connection)?;
    Ok(found > 0 && found as usize <= schema)
}

/// The daily copies, oldest first: their names sort by date.
fn daily(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::file(folder, source);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("state-2") && name.ends_with(".db") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The folder of the copies, made where there is none.
fn folder(database: &Path) -> Result<PathBuf, Error> {
    let folder = database.with_file_name("backup");
    match DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(Error::file(&folder, error)),
        _ => Ok(folder),
    }
}
