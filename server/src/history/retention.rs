//! What goes when it is old, or when the file is too large. A little at a time, so that writing never waits for long.

use std::time::Duration;

use app::model::Time;
use rusqlite::{Connection, params};

use super::level::Level;
use super::rollup::hour_of;
use super::sample::MINUTE_MS;
use super::{Settings, before, int};

/// How many rows one statement removes at most, and so for how long nothing else is written.
const ROWS: usize = 2000;
/// How many statements remove what is too much, in one call.
const ROUNDS: usize = 20;
/// How many free pages are given back to the disk in one call.
const PAGES: u32 = 500;

/// Removes some of what is older than it may be, then some of what is too much, and gives free pages back to the disk.
/// Answers whether there may be more. To be called every minute, and again soon where there is more.
pub(super) fn tidy(connection: &Connection, settings: &Settings, now: Time) -> rusqlite::Result<bool> {
    let minutes_of = |age| before(now, age).div_euclid(MINUTE_MS);
    // Whole hours, and not the one before this: what is late is summed up again from all minutes of its hour.
    let spans_of = |age: Duration| hour_of(minutes_of(age.max(Duration::from_hours(1))));
    let old = [
        (Kind::Samples, minutes_of(settings.samples_kept)),
        (Kind::Documents, before(now, settings.documents_kept)),
        (Kind::Events, before(now, settings.events_kept)),
        (Kind::Spells, before(now, settings.events_kept)),
        (Kind::Spans(Level::Minutes), spans_of(settings.minutes_kept)),
        (Kind::Spans(Level::QuarterHours), spans_of(settings.quarter_hours_kept)),
        (Kind::Spans(Level::Hours), spans_of(settings.hours_kept)),
    ];
    let mut is_more = false;
    for (kind, end) in old {
        is_more |= remove_old(connection, kind, end, true)? == ROWS;
    }
    is_more |= shrink(connection, settings.max_bytes)?;
    give_back(connection)?;
    Ok(is_more)
}

/// Bytes of the file that hold something.
pub(super) fn used_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let pages = number("page_count")? - number("freelist_count")?;
    Ok(u64::try_from(pages * number("page_size")?).unwrap_or(0))
}

/// Removes the oldest of what is least missed until the rest fits, or there is nothing more to remove, or it was at it for
/// long enough. Answers whether there may be more.
fn shrink(connection: &Connection, max_bytes: u64) -> rusqlite::Result<bool> {
    let [minutes, quarter_hours, hours] = Level::ALL.map(Kind::Spans);
    let mut rounds = ROUNDS;
    for kind in [Kind::Documents, Kind::Samples, Kind::Events, minutes, quarter_hours, hours, Kind::Spells] {
        while used_bytes(connection)? > max_bytes {
            if rounds == 0 {
                return Ok(true);
            }
            rounds -= 1;
            if remove_old(connection, kind, i64::MAX, false)? == 0 {
                break;
            }
        }
    }
    Ok(false)
}

/// A free page is given back at each row that the statement answers with, so all of them have to be asked for.
fn give_back(connection: &Connection) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

#[derive(Clone, Copy)]
enum Kind {
    Documents,
    Samples,
    Events,
    Spells,
    Spans(Level),
}

/// Removes the oldest rows of a kind that lie before `end`, [`ROWS`] of them at most. Answers how many. With `is_careful`,
/// minutes stay until quarters of an hour and hours were made from them.
fn remove_old(connection: &Connection, kind: Kind, end: i64, is_careful: bool) -> rusqlite::Result<usize> {
    let sql = match kind {
        Kind::Documents => {
            "DELETE FROM documents WHERE time IN (SELECT time FROM documents WHERE time < ?1 ORDER BY time LIMIT ?2)".into()
        }
        Kind::Events => "DELETE FROM events WHERE id IN (SELECT id FROM events ORDER BY id LIMIT ?2) AND time < ?1".into(),
        Kind::Spells => {
            "DELETE FROM spells WHERE (app, began) IN (SELECT app, began FROM spells WHERE ended < ?1 ORDER BY ended LIMIT ?2)"
                .into()
        }
        Kind::Samples => "DELETE FROM raw WHERE (minute, series) IN (
                 SELECT minute, series FROM raw WHERE minute < ?1 ORDER BY minute, series LIMIT ?2)"
            .into(),
        Kind::Spans(level) => remove_spans(level, is_careful),
    };
    connection.prepare_cached(&sql)?.execute(params![end, int(ROWS as u64)])
}

/// The rows lie in the order of series, so each series is looked into by itself.
fn remove_spans(level: Level, is_careful: bool) -> String {
    let table = level.table();
    let end = match level {
        Level::Minutes if is_careful => "min(?1, series.rolled)".into(),
        _ if is_careful => "?1".into(),
        // Without an end the oldest day of all goes, of each series.
        _ => {
            let first = format!("(SELECT min(minute) FROM {table} WHERE series = series.id)");
            format!("min(?1, (SELECT min(first) FROM (SELECT {first} AS first FROM series)) + 24 * 60)")
        }
    };
    format!(
        "DELETE FROM {table} WHERE (series, minute) IN (
             SELECT {table}.series, {table}.minute FROM series CROSS JOIN {table}
             ON {table}.series = series.id AND {table}.minute < {end} LIMIT ?2)"
    )
}

#[cfg(test)]
mod tests;
