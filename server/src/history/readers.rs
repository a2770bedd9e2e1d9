//! Two connections that only read. They are opened when they are needed, and again when the database was replaced.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use rusqlite::Connection;

use super::error::Trouble;
use super::{Error, sqlite};

/// How long a reader waits for the database to be opened after the start.
const OPENING: Duration = Duration::from_secs(10);

/// Can the database be read?
#[derive(Clone, Debug, PartialEq, Eq)]
enum Access {
    /// The writer is about to open it.
    Opening,
    /// It can. The number is another one each time that it is opened.
    Open(u64),
    /// It cannot, and this is why.
    Away(String),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    access: Mutex<Access>,
    changed: Condvar,
    opened: AtomicU64,
    slots: [Mutex<Option<(u64, Connection)>>; 2],
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.into(),
            access: Mutex::new(Access::Opening),
            changed: Condvar::new(),
            opened: AtomicU64::new(0),
            slots: [Mutex::new(None), Mutex::new(None)],
        }
    }

    /// Told by the writer when the database is open, and each time when it was opened anew.
    pub(super) fn opened(&self) {
        *lock(&self.access) = Access::Open(self.opened.fetch_add(1, Ordering::Relaxed));
        self.changed.notify_all();
    }

    /// Told by the writer when there is no database.
    pub(super) fn away(&self, why: &str) {
        *lock(&self.access) = Access::Away(why.to_owned());
        self.changed.notify_all();
    }

    /// Reads something. `Err` with [`Error::Away`] where there is no database to read.
    pub(super) fn read<T>(&self, query: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
        let number = self.wait()?;
        let mut slot = self.slot();
        let connection = match slot.take() {
            Some((known, connection)) if known == number => connection,
            _ => sqlite::open_to_read(&self.path)?,
        };
        let answer = query(&connection);
        // A connection that met trouble is not used again.
        if answer.as_ref().err().is_none_or(|error| error.trouble() == Trouble::Busy) {
            *slot = Some((number, connection));
        }
        answer
    }

    fn wait(&self) -> Result<u64, Error> {
        let access = lock(&self.access);
        let opening = |access: &mut Access| *access == Access::Opening;
        let (access, _) = self.changed.wait_timeout_while(access, OPENING, opening).unwrap_or_else(PoisonError::into_inner);
        match &*access {
            Access::Open(number) => Ok(*number),
            Access::Away(why) => Err(Error::Away(why.clone())),
            Access::Opening => Err(Error::Away("its database is still being opened; try again in a moment".into())),
        }
    }

    /// One that is free, else the first.
    fn slot(&self) -> MutexGuard<'_, Option<(u64, Connection)>> {
        let free = self.slots.iter().find_map(|slot| match slot.try_lock() {
            Ok(free) => Some(free),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        });
        free.unwrap_or_else(|| lock(&self.slots[0]))
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
