//! Quarters of an hour and hours, made from minutes.
//!
//! Each series has a mark: of all hours before it, both are made. Who moves the mark writes what it speaks of in the same
//! transaction, and what is written takes the place of what was there; so a kill at any point doubles and loses nothing, and
//! a database from before there were marks is caught up with a step at a time.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::level::{HOUR, Level};
use super::sample::{MINUTE_MS, Summary, fold};

/// How many minutes are read in one step, and so for how long nothing else is written.
const STEP: i64 = 2 * 24 * HOUR;

/// The minute with which the hour of this minute begins.
pub(super) fn hour_of(minute: i64) -> i64 {
    minute.div_euclid(HOUR) * HOUR
}

/// Sums up some of the hours that were over at this minute. Answers whether there may be more of them. Every minute before
/// this one has to be written.
pub(super) fn step(connection: &mut Connection, minute: i64) -> rusqlite::Result<bool> {
    let end = hour_of(minute);
    let transaction = connection.transaction()?;
    let mut room = STEP;
    for (series, mark) in behind(&transaction, end)? {
        let (read, mark) = advance(&transaction, series, mark..end, room)?;
        transaction.prepare_cached("UPDATE series SET rolled = ?2 WHERE id = ?1")?.execute([series, mark])?;
        // A series without minutes is cheap, but not free.
        room -= read.max(HOUR);
        if room < HOUR {
            transaction.commit()?;
            return Ok(true);
        }
    }
    transaction.commit()?;
    Ok(false)
}

/// Series whose mark lies before this minute, with it: no more than fit into a step, and one.
fn behind(connection: &Connection, end: i64) -> rusqlite::Result<Vec<(i64, i64)>> {
    let sql = "SELECT id, rolled FROM series WHERE rolled < ?1 LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_map([end, STEP / HOUR + 1], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Sums up the first hours of a span of whole hours. Answers how many minutes it read and where the next begin.
fn advance(connection: &Connection, series: i64, span: std::ops::Range<i64>, room: i64) -> rusqlite::Result<(i64, i64)> {
    // One more than an hour has, so that at least one of them is whole.
    let limit = room.max(HOUR + 1);
    let mut minutes = Level::Minutes.read_some(connection, series, span.clone(), limit)?;
    let read = super::int(minutes.len() as u64);
    let mut mark = span.end;
    if read == limit
        && let Some(last) = minutes.last()
    {
        // The last hour may go on behind what was read.
        mark = hour_of(last.time.div_euclid(MINUTE_MS));
        minutes.retain(|minute| minute.time < mark.saturating_mul(MINUTE_MS));
    }
    write(connection, series, &minutes)?;
    Ok((read, mark))
}

/// Sums up hours again, given as series and first minute, whose minutes changed after they had been summed up: the clock was
/// set back, or the last minutes of an earlier life are written by the next.
pub(super) fn again(connection: &Connection, hours: &BTreeSet<(i64, i64)>) -> rusqlite::Result<()> {
    let mut is_late = connection.prepare_cached("SELECT 1 FROM series WHERE id = ?1 AND rolled > ?2")?;
    for &(series, hour) in hours {
        if is_late.query_row(params![series, hour], |_| Ok(())).optional()?.is_some() {
            write(connection, series, &Level::Minutes.read(connection, series, hour..hour + HOUR)?)?;
        }
    }
    Ok(())
}

fn write(connection: &Connection, series: i64, minutes: &[Summary]) -> rusqlite::Result<()> {
    for level in [Level::QuarterHours, Level::Hours] {
        for span in fold(minutes.iter().copied(), level.ms()) {
            level.write(connection, series, &span)?;
        }
    }
    Ok(())
}

/// Before this minute, hours of the series are summed up.
pub(super) fn mark(connection: &Connection, series: i64) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT rolled FROM series WHERE id = ?1")?.query_row([series], |row| row.get(0))
}

#[cfg(test)]
mod tests;
