//! `state.db`: what must not be lost. The apps and what was asked of them, who may come in, and who did what.

mod access;
mod apps;
mod audit;
mod backup;
mod mend;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};

pub use access::{SecretHash, SessionRecord, TokenRecord};
pub use audit::AuditEntry;

use super::{Error, Notify};

const FILE: &str = "state.db";

/// Schema steps, oldest first. One that was released is never changed.
const STEPS: &[&str] = &["
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE apps (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        spec TEXT NOT NULL,
        wanted INTEGER NOT NULL CHECK (wanted IN (0, 1)),
        created_at INTEGER NOT NULL,
        instances TEXT NOT NULL
    ) STRICT;
    CREATE TABLE tokens (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        role TEXT NOT NULL,
        secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32),
        created_at INTEGER NOT NULL,
        last_used_at INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE sessions (
        secret_hash BLOB PRIMARY KEY CHECK (length(secret_hash) = 32),
        name TEXT NOT NULL,
        role TEXT NOT NULL,
        token_id TEXT,
        created_at INTEGER NOT NULL,
        last_seen_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE login_links (
        secret_hash BLOB PRIMARY KEY CHECK (length(secret_hash) = 32),
        expires_at INTEGER NOT NULL,
        used_at INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY,
        time INTEGER NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        object TEXT NOT NULL,
        result TEXT NOT NULL
    ) STRICT;
    CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
    CREATE TRIGGER audit_is_not_shortened BEFORE DELETE ON audit
        WHEN old.id > (SELECT max(id) FROM audit) - 100000
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
"];

/// The database, open. Cheap to clone. Every call may wait for the disk: not for the threads that serve the web.
#[derive(Clone, Debug)]
pub struct State {
    connection: Arc<Mutex<Connection>>,
    path: Arc<PathBuf>,
    /// What is open: the file and its `-wal`, as soon as there is one.
    files: Arc<Mutex<Files>>,
}

type Files = [Option<(u64, u64)>; 2];

impl State {
    /// Opens `state.db` in the home folder, and makes it where there is none: then it is on the disk after [`State::settle`]. One that
    /// is damaged is set aside and the newest good backup takes its place; `notify` is told.
    ///
    /// # Errors
    /// The file cannot be opened or written, or a newer version wrote it.
    pub fn open(home: &Path, notify: &Notify) -> Result<Self, Error> {
        let path = home.join(FILE);
        let connection = mend::open(&path, STEPS, notify)?;
        let files = Arc::new(Mutex::new(mend::files(&path)));
        Ok(Self { connection: Arc::new(Mutex::new(connection)), path: Arc::new(path), files })
    }

    /// A small value that was set under this key.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn meta(&self, key: &str) -> Result<Option<String>, Error> {
        let query = "SELECT value FROM meta WHERE key = ?1";
        Ok(self.lock().query_row(query, [key], |row| row.get(0)).optional()?)
    }

    /// Keeps a small value.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn set_meta(&self, key: &str, value: &str) -> Result<(), Error> {
        let insert = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";
        self.lock().execute(insert, [key, value])?;
        Ok(())
    }

    /// Takes so many numbers that were never given before and answers the first of them. Numbers for events come in
    /// blocks, so that none is given twice even where the history was lost, at the cost of a gap after a crash.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn reserve(&self, key: &str, count: u64) -> Result<u64, Error> {
        let take = "INSERT INTO meta VALUES (?1, 1 + ?2)
            ON CONFLICT DO UPDATE SET value = CAST(value AS INTEGER) + ?2 RETURNING CAST(value AS INTEGER)";
        let next: i64 = self.lock().query_row(take, params![key, i64::try_from(count).unwrap_or(i64::MAX)], |row| row.get(0))?;
        Ok(u64::try_from(next).unwrap_or(0).saturating_sub(count))
    }

    /// Gives back the memory of pages that were read or written: they come from the page cache of the system when they are needed
    /// again.
    ///
    /// # Errors
    /// The database is gone.
    pub fn slim(&self) -> Result<(), Error> {
        Ok(self.lock().execute_batch("PRAGMA shrink_memory")?)
    }

    /// Waits until all that was written is on the disk, the file itself included.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn settle(&self) -> Result<(), Error> {
        settle(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic in the middle of a transaction has rolled it back.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A commit has the log written to the disk, with all that is in it from before; a checkpoint the file.
fn settle(connection: &Connection) -> Result<(), Error> {
    let commit = "INSERT INTO meta VALUES ('settled_at', ?1) ON CONFLICT DO UPDATE SET value = excluded.value";
    connection.execute(commit, [super::now().to_string()])?;
    // One who reads puts off a part of it, which is in the log until then.
    Ok(connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?)
}

#[cfg(test)]
mod tests;
