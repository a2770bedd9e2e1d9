//! What is done about a `state.db` that is damaged: it is set aside, and the newest good copy takes its place. One that somebody has
//! taken away while it is open is written again.

use std::fs;
use std::path::Path;
use std::sync::PoisonError;

use rusqlite::Connection;

use super::{Error, Files, Notify, STEPS, State, backup};
use crate::history::error::Trouble;
use crate::history::now;
use crate::history::sqlite::{self, Durability};

impl State {
    /// Are the files still those that are open? Looks at their names alone.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        let now = files(&self.path);
        let mut known = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        // The `-wal` comes with the first change, and stays for as long as somebody has the file open.
        known[1] = known[1].or(now[1]);
        *known == now
    }

    /// Looks whether the file is damaged, and if it is, puts the newest good copy in its place; `notify` is told. To be called
    /// now and then. Answers whether that was done: what changed since the copy has then to be written again. One that was removed or
    /// replaced is written anew from what is open, and nothing is lost.
    ///
    /// # Errors
    /// The file cannot be read, or nothing can be put in its place. Where there is nothing in its place, every call fails
    /// until this one succeeds.
    pub fn mend(&self, notify: &Notify) -> Result<bool, Error> {
        let mut connection = self.lock();
        let is_away = connection.path().is_none_or(str::is_empty);
        if !is_away {
            if !self.is_in_place() {
                return self.write_anew(&mut connection, notify).map(|()| false);
            }
            match look(&self.path) {
                Err(error) if error.trouble() == Trouble::Damaged => {}
                other => return other.map(|()| false),
            }
            // The old connection lets go of the files before they are moved: when it is closed it removes them by their names.
            *connection = Connection::open_in_memory()?;
        }
        self.open_again(&mut connection, notify)?;
        Ok(true)
    }

    fn write_anew(&self, connection: &mut Connection, notify: &Notify) -> Result<(), Error> {
        let new = sqlite::with_ending(&self.path, ".new");
        sqlite::copy_of(connection, &new, sqlite::verify)?;
        let instead = self.path.exists();
        let aside = sqlite::set_aside(&self.path, "other", now())?;
        fs::rename(&new, &*self.path).map_err(|source| Error::file(&self.path, source))?;
        // Not before, so that what fails is tried again with all that is known; and before another one is opened, because it removes the
        // `-wal` by its name.
        *connection = Connection::open_in_memory()?;
        let where_is_it = if instead { format!("; what lay in its place is now {}", aside.display()) } else { String::new() };
        notify(format!("state.db was removed or replaced while it was in use, and was written anew{where_is_it}"));
        self.open_again(connection, notify)
    }

    fn open_again(&self, connection: &mut Connection, notify: &Notify) -> Result<(), Error> {
        *connection = open(&self.path, STEPS, notify)?;
        super::settle(connection)?;
        *self.files.lock().unwrap_or_else(PoisonError::into_inner) = files(&self.path);
        Ok(())
    }
}

/// Which files have the names of the database and of its `-wal` now.
pub(super) fn files(path: &Path) -> Files {
    [path.to_owned(), sqlite::with_ending(path, "-wal")].map(|file| sqlite::identity(&file))
}

/// Looks through the file with a connection of its own, which has none of it in its cache.
fn look(path: &Path) -> Result<(), Error> {
    sqlite::verify(&sqlite::open_to_read(path)?, path)
}

/// Opens the file, and makes it where there is none. One that is damaged is set aside and the newest good copy takes its place.
pub(super) fn open(path: &Path, steps: &[&str], notify: &Notify) -> Result<Connection, Error> {
    match open_checked(path, steps) {
        Err(error) if error.trouble() == Trouble::Damaged => {
            let aside = sqlite::set_aside(path, "corrupt", now())?;
            let restored = backup::restore(path, steps.len())?;
            let instead = restored.map_or("there was no good backup, so it begins empty".to_owned(), |backup| {
                format!("the backup {} took its place", backup.display())
            });
            notify(format!("state.db was damaged ({error}) and is now {}; {instead}", aside.display()));
            open_checked(path, steps)
        }
        other => other,
    }
}

/// Opens the file, looks for damage, and brings its schema up to date, after a copy of it was made.
fn open_checked(path: &Path, steps: &[&str]) -> Result<Connection, Error> {
    // SQLite takes it for a new one.
    if fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() == 0) && backup::is_any(path)? {
        return Err(Error::Damaged { path: path.into(), why: "it is empty, but there are copies of it".into() });
    }
    sqlite::begin(path, steps)?;
    let mut connection = sqlite::open(path, Durability::Full)?;
    sqlite::verify(&connection, path)?;
    let found = sqlite::schema(&connection)?;
    if found > 0 && (found as usize) < steps.len() {
        backup::before_migration(path, found)?;
    }
    sqlite::migrate(&mut connection, path, steps)?;
    Ok(connection)
}

#[cfg(test)]
mod tests;
