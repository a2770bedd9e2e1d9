//! What goes when it is old, or when the file is too large. A little at a time, so that writing never waits for long.

use app::model::Time;
use rusqlite::{Connection, params};

use super::sample::MINUTE_MS;
use super::{Settings, before, int};

/// Removes some of what is older than it may be, then of what is too much, and gives free pages back to the disk.
/// To be called every minute: it removes faster than anything grows.
pub(super) fn tidy(connection: &Connection, settings: &Settings, now: Time) -> rusqlite::Result<()> {
    let minutes_end = before(now, settings.minutes_kept).div_euclid(MINUTE_MS);
    remove_old(connection, Kind::Samples, before(now, settings.samples_kept).div_euclid(MINUTE_MS))?;
    remove_old(connection, Kind::Documents, before(now, settings.documents_kept))?;
    remove_old(connection, Kind::Events, before(now, settings.events_kept))?;
    connection.execute("DELETE FROM minutes WHERE minute < ?1 AND series IN (SELECT id FROM series)", [minutes_end])?;
    shrink(connection, settings.max_bytes)?;
    connection.query_row("PRAGMA incremental_vacuum(500)", [], |_| Ok(())).or_else(|error| match error {
        rusqlite::Error::QueryReturnedNoRows => Ok(()),
        error => Err(error),
    })
}

/// Bytes of the file that hold something.
pub(super) fn used_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let pages = number("page_count")? - number("freelist_count")?;
    Ok(u64::try_from(pages * number("page_size")?).unwrap_or(0))
}

/// Removes the oldest of what is least missed until the rest fits, or there is nothing more to remove.
fn shrink(connection: &Connection, max_bytes: u64) -> rusqlite::Result<()> {
    for kind in [Kind::Documents, Kind::Samples, Kind::Events, Kind::Minutes] {
        // No end without this bound, if a page that is in use is never given back.
        for _ in 0..1000 {
            if used_bytes(connection)? <= max_bytes || remove_old(connection, kind, i64::MAX)? == 0 {
                break;
            }
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Kind {
    Documents,
    Samples,
    Events,
    Minutes,
}

/// Removes the oldest rows of a kind that lie before `end`, a few of them. Answers how many.
fn remove_old(connection: &Connection, kind: Kind, end: i64) -> rusqlite::Result<usize> {
    let sql = match kind {
        Kind::Documents => {
            "DELETE FROM documents WHERE time IN (SELECT time FROM documents WHERE time < ?1 ORDER BY time LIMIT ?2)"
        }
        Kind::Events => "DELETE FROM events WHERE id IN (SELECT id FROM events ORDER BY id LIMIT ?2) AND time < ?1",
        Kind::Samples => "DELETE FROM raw WHERE minute < min(?1, (SELECT min(minute) FROM raw) + ?2)",
        Kind::Minutes => "DELETE FROM minutes WHERE minute < min(?1, (SELECT min(minute) FROM minutes) + ?2)",
    };
    let chunk = match kind {
        Kind::Documents | Kind::Events => 500,
        Kind::Samples => 60,
        Kind::Minutes => 24 * 60,
    };
    connection.execute(sql, params![end, int(chunk)])
}
