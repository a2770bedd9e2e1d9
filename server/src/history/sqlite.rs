//! What both databases have in common: how a file is opened, brought up to date, checked, copied and set aside.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use app::model::Time;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::Error;

/// How long a statement waits for another process that holds the file.
const BUSY: Duration = Duration::from_secs(5);

/// What is removed leaves pages that are given back a few at a time (`PRAGMA auto_vacuum`).
const INCREMENTAL: i64 = 2;

/// When is a commit on the disk?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// When it returns.
    Full,
    /// Soon after. A loss of power may take the last commits with it, an end of the process does not.
    Normal,
}

/// Opens a database for writing, and makes it, readable by its owner alone, where there is none.
/// Memory mapping stays off: a bad disk would then be a SIGBUS instead of an error.
pub(super) fn open(path: &Path, durability: Durability) -> Result<Connection, Error> {
    let failed = |source| Error::Open { path: path.into(), source };
    make_private(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    let set_up = || {
        connection.busy_timeout(BUSY)?;
        // Only possible before the first table is made; and it is written down each time, even where it is so.
        if connection.pragma_query_value(None, "auto_vacuum", |row| row.get::<_, i64>(0))? != INCREMENTAL {
            connection.pragma_update(None, "auto_vacuum", INCREMENTAL)?;
        }
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", if durability == Durability::Full { "FULL" } else { "NORMAL" })?;
        connection.pragma_update(None, "journal_size_limit", 16 << 20)?;
        share(&connection)
    };
    set_up().map_err(failed)?;
    Ok(connection)
}

/// Makes a database with all of its schema where there is none, in one piece. SQLite by itself writes it in three transactions, which
/// wait for the disk eleven times (strace), before anything can be kept in it. This does not wait: it is on the disk with the next checkpoint.
pub(super) fn begin(path: &Path, steps: &[&str]) -> Result<(), Error> {
    // A log that was left of another one would be played back into this one; SQLite removes it where it makes the file itself.
    if path.exists() || with_ending(path, "-wal").exists() {
        return Ok(());
    }
    let mut connection = Connection::open_in_memory()?;
    connection.pragma_update(None, "auto_vacuum", INCREMENTAL)?;
    migrate(&mut connection, path, steps)?;
    let mut content = connection.serialize(rusqlite::MAIN_DB)?.to_vec();
    // Says that there is a write-ahead log (https://sqlite.org/fileformat2.html §1.3.3).
    if let Some(versions) = content.get_mut(18..20) {
        versions.fill(2);
    }
    let new = with_ending(path, &format!(".{}.new", std::process::id()));
    let made = write(&new, &content).and_then(|()| fs::hard_link(&new, path));
    if let Err(error) = made {
        // Another process was faster, or SQLite makes it; what hinders that too is told then.
        tracing::debug!(path = %path.display(), %error, "failed to make a database in one piece");
    }
    remove(&new)
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path)?;
    file.write_all(content)
}

/// Opens a database that another connection writes.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, Error> {
    let failed = |source| Error::Open { path: path.into(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    let set_up = || {
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "query_only", true)?;
        share(&connection)
    };
    set_up().map_err(failed)?;
    Ok(connection)
}

/// Small caches: the whole program is to stay below 40 MB.
fn share(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "cache_size", -1024)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "trusted_schema", false)
}

/// Makes sure that nobody else may read the file. SQLite gives its `-wal` and `-shm` the same mode.
///
/// A file that is there is never opened here: closing it would drop the locks that SQLite holds on it in this process
/// ("How To Corrupt An SQLite Database File", §2.2).
fn make_private(path: &Path) -> Result<(), Error> {
    let made = match OpenOptions::new().create_new(true).write(true).mode(0o600).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::metadata(path).and_then(|found| {
            let is_private = !found.is_file() || found.permissions().mode() & 0o077 == 0;
            if is_private { Ok(()) } else { fs::set_permissions(path, Permissions::from_mode(0o600)) }
        }),
        other => other.map(drop),
    };
    made.map_err(|source| Error::file(path, source))
}

/// The schema that a database has: how many of the migrations it has seen.
pub(super) fn schema(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings the schema up to date, each step in a transaction of its own.
pub(super) fn migrate(connection: &mut Connection, path: &Path, steps: &[&str]) -> Result<(), Error> {
    let known = u32::try_from(steps.len()).unwrap_or(u32::MAX);
    for (step, number) in steps.iter().zip(1_u32..) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Read inside of the transaction, since two processes may be here at once.
        let found = schema(&transaction)?;
        if found > known {
            return Err(Error::Newer { path: path.into(), found, known });
        }
        if found < number {
            transaction.execute_batch(step)?;
            transaction.pragma_update(None, "user_version", number)?;
            transaction.commit()?;
        }
    }
    Ok(())
}

/// How a database is looked through for damage.
pub(super) type Check = fn(&Connection, &Path) -> Result<(), Error>;

/// Looks through the whole file for damage.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), Error> {
    examine(connection, path, "PRAGMA quick_check(1)")
}

/// The same, and whether each index says what its table says. It takes longer.
pub(super) fn verify(connection: &Connection, path: &Path) -> Result<(), Error> {
    examine(connection, path, "PRAGMA integrity_check(1)")
}

fn examine(connection: &Connection, path: &Path, pragma: &str) -> Result<(), Error> {
    let said: String = connection.query_row(pragma, [], |row| row.get(0))?;
    match (said.as_str(), unread(&said)) {
        ("ok", _) => Ok(()),
        (_, Some(code)) => Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), Some(said)).into()),
        (_, None) => Err(Error::Damaged { path: path.into(), why: said }),
    }
}

/// Why a page could not be read, if that is what a check found (`checkAppendMsg` in SQLite's btree.c): a disk that fails for a moment,
/// or a want of memory, is no damage, and a file that is whole must not be set aside for it.
fn unread(said: &str) -> Option<i32> {
    let (_, rest) = said.split_once("error code=")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    let code = digits.parse::<i32>().ok()?;
    // The lower byte is the kind of the error (sqlite3_extended_errcode).
    [rusqlite::ffi::SQLITE_IOERR, rusqlite::ffi::SQLITE_NOMEM].contains(&(code & 0xff)).then_some(code)
}

/// Writes a compact copy of a database beside its final name, checks it, and only then gives it that name.
pub(super) fn copy(from: &Path, to: &Path, check: Check) -> Result<(), Error> {
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    source.busy_timeout(BUSY)?;
    copy_of(&source, to, check)
}

/// The same of what is open, whatever became of its file.
pub(super) fn copy_of(source: &Connection, to: &Path, check: Check) -> Result<(), Error> {
    let partial = with_ending(to, ".partial");
    remove(&partial)?;
    let made = write_copy(source, &partial, check);
    if made.is_err() {
        let _ = remove(&partial);
        return made;
    }
    fs::rename(&partial, to).map_err(|source| Error::file(to, source))
}

fn write_copy(source: &Connection, to: &Path, check: Check) -> Result<(), Error> {
    // VACUUM INTO takes an empty file, which lets us choose its mode.
    make_private(to)?;
    let target = to.to_string_lossy();
    source.execute("VACUUM INTO ?1", [&target])?;
    check(&Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_ONLY)?, to)?;
    fs::File::open(to).and_then(|file| file.sync_all()).map_err(|source| Error::file(to, source))
}

/// Moves a database and what belongs to it to `<name>.<why>-<time>`, and answers where it is now.
pub(super) fn set_aside(path: &Path, why: &str, now: Time) -> Result<PathBuf, Error> {
    let stamp: String = now.to_string().chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    let aside = with_ending(path, &format!(".{why}-{stamp}"));
    for ending in ["-wal", "-shm", ""] {
        let (from, to) = (with_ending(path, ending), with_ending(&aside, ending));
        match fs::rename(&from, &to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::file(&from, error)),
            _ => {}
        }
    }
    Ok(aside)
}

/// Which file has this name now.
pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

pub(super) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::file(path, error)),
        _ => Ok(()),
    }
}

pub(super) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1);";

    #[test]
    fn each_step_is_taken_once_and_one_that_fails_leaves_nothing() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.db");
        let rows =
            |connection: &Connection| connection.query_row("SELECT count(*) FROM a", [], |row| row.get::<_, i64>(0)).unwrap();
        let mut connection = open(&path, Durability::Full).unwrap();
        for _ in 0..2 {
            migrate(&mut connection, &path, &[FIRST]).unwrap();
            assert_eq!((rows(&connection), schema(&connection).unwrap()), (1, 1));
        }
        migrate(&mut connection, &path, &[FIRST, "INSERT INTO a VALUES (2); INSERT INTO nowhere VALUES (1);"]).unwrap_err();
        assert_eq!((rows(&connection), schema(&connection).unwrap()), (1, 1));
        migrate(&mut connection, &path, &[FIRST, "INSERT INTO a VALUES (2)"]).unwrap();
        assert_eq!((rows(&connection), schema(&connection).unwrap()), (2, 2));
        assert!(matches!(migrate(&mut connection, &path, &[FIRST]), Err(Error::Newer { found: 2, known: 1, .. })));
    }

    #[test]
    fn one_that_is_begun_is_as_if_sqlite_had_made_it_and_one_that_is_there_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let [whole, piecemeal] = ["whole.db", "piecemeal.db"].map(|name| home.path().join(name));
        begin(&whole, &[FIRST]).unwrap();
        assert_eq!(fs::metadata(&whole).unwrap().mode() & 0o777, 0o600);
        let told = |path: &Path| {
            let mut connection = open(path, Durability::Full).unwrap();
            migrate(&mut connection, path, &[FIRST]).unwrap();
            verify(&connection, path).unwrap();
            let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0)).unwrap();
            let facts = ["auto_vacuum", "journal_mode", "page_size", "encoding", "user_version"].map(pragma);
            connection.execute_batch("INSERT INTO a VALUES (2)").unwrap();
            (facts, connection.query_row("SELECT count(*) FROM a", [], |row| row.get::<_, i64>(0)).unwrap())
        };
        assert_eq!(told(&whole), told(&piecemeal));
        begin(&whole, &["CREATE TABLE other (x)"]).unwrap();
        assert_eq!(told(&whole).1, 3);
        begin(&home.path().join("none/a.db"), &[FIRST]).unwrap();
        let connection = open(&whole, Durability::Full).unwrap();
        connection.execute_batch("INSERT INTO a VALUES (7)").unwrap();
        fs::remove_file(&whole).unwrap();
        std::mem::forget(connection);
        begin(&whole, &[FIRST]).unwrap();
        assert_eq!(told(&whole).1, 2, "what was left of the log of another one is not taken for its own");
        let left = fs::read_dir(home.path()).unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap());
        assert_eq!(left.filter(|name| name.ends_with(".new")).count(), 0);
    }

    #[test]
    fn this_sqlite_has_the_fix_for_the_reset_of_the_write_ahead_log() {
        // Before 3.51.3 two connections could corrupt a database: https://sqlite.org/wal.html#walresetbug
        assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
    }

    #[test]
    fn a_copy_that_cannot_be_made_leaves_nothing() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("junk.db"), b"this is no database ".repeat(500)).unwrap();
        copy(&home.path().join("junk.db"), &home.path().join("copy.db"), check).unwrap_err();
        copy(&home.path().join("none.db"), &home.path().join("copy.db"), check).unwrap_err();
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_page_that_cannot_be_read_for_a_moment_is_no_damage() {
        assert_eq!(unread("*** in database main ***\nTree 2 page 5: unable to get the page. error code=266"), Some(266));
        assert_eq!(unread("unable to get the page. error code=11"), None);
        assert_eq!(unread("row 3 missing from index i"), None);
    }

    #[test]
    fn an_index_that_does_not_say_what_its_table_says_is_damage() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.db");
        let connection = open(&path, Durability::Full).unwrap();
        let spoil = "CREATE TABLE a (x, y); CREATE INDEX i ON a (x); INSERT INTO a VALUES (1, 2);
            PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON a (y)' WHERE name = 'i'";
        connection.execute_batch(spoil).unwrap();
        drop(connection);
        let connection = Connection::open(&path).unwrap();
        check(&connection, &path).unwrap();
        assert!(matches!(verify(&connection, &path), Err(Error::Damaged { .. })));
    }
}
