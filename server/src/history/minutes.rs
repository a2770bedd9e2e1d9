//! Least, mean and greatest of each minute, which outlive the samples.

use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::sample::{Extent, MINUTE_MS, Sample, Summary, fold};

/// Sums up the samples of one minute; none if there are none.
pub(super) fn sum_up(samples: &[Sample]) -> Option<Summary> {
    fold(samples.iter().copied().map(Summary::from), MINUTE_MS).into_iter().next()
}

/// Keeps a minute, in the place of what was kept of it before.
pub(super) fn write(connection: &Connection, series: i64, minute: &Summary) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached("INSERT OR REPLACE INTO minutes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?;
    let Summary { time, count, first, second } = minute;
    let number = time.div_euclid(MINUTE_MS);
    let (a, b) = (super::int(first.sum), super::int(second.sum));
    statement.execute(params![series, number, count, first.min, first.max, a, second.min, second.max, b]).map(drop)
}

/// The minutes of a series in this span, oldest first.
pub(super) fn read(connection: &Connection, series: i64, minutes: Range<i64>) -> rusqlite::Result<Vec<Summary>> {
    let mut statement = connection.prepare_cached(
        "SELECT minute, count, first_min, first_max, first_sum, second_min, second_max, second_sum
         FROM minutes WHERE series = ?1 AND minute >= ?2 AND minute < ?3 ORDER BY minute",
    )?;
    statement.query_map([series, minutes.start, minutes.end], summary)?.collect()
}

/// The first minute of a series at or after this one.
pub(super) fn first(connection: &Connection, series: i64, from: i64) -> rusqlite::Result<Option<i64>> {
    let mut statement =
        connection.prepare_cached("SELECT minute FROM minutes WHERE series = ?1 AND minute >= ?2 ORDER BY minute LIMIT 1")?;
    statement.query_row([series, from], |row| row.get(0)).optional()
}

/// By number and not by name: there are 43,200 rows in 30 days.
fn summary(row: &Row<'_>) -> rusqlite::Result<Summary> {
    let minute: i64 = row.get(0)?;
    let extent = |at| -> rusqlite::Result<Extent> {
        let sum: i64 = row.get(at + 2)?;
        Ok(Extent { min: row.get(at)?, max: row.get(at + 1)?, sum: u64::try_from(sum).unwrap_or(0) })
    };
    let (first, second) = (extent(2)?, extent(5)?);
    Ok(Summary { time: minute.saturating_mul(MINUTE_MS), count: row.get(1)?, first, second })
}
