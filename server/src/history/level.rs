//! Least, mean, greatest and count over a minute, a quarter of an hour and an hour. They outlive the samples, the coarser the longer.

use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::sample::{Extent, MINUTE_MS, Sample, Summary, fold};

/// Minutes of an hour: what is coarser than a minute is made and removed by whole hours.
pub(super) const HOUR: i64 = 60;

/// How long a span a row stands for. Spans begin at multiples of their length, counted from the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Minutes,
    QuarterHours,
    Hours,
}

impl Level {
    /// From fine to coarse.
    pub(super) const ALL: [Self; 3] = [Self::Minutes, Self::QuarterHours, Self::Hours];

    /// Length of a span in minutes.
    pub(super) const fn minutes(self) -> i64 {
        match self {
            Self::Minutes => 1,
            Self::QuarterHours => 15,
            Self::Hours => HOUR,
        }
    }

    /// Length of a span in ms.
    pub(super) const fn ms(self) -> i64 {
        self.minutes() * MINUTE_MS
    }

    pub(super) const fn table(self) -> &'static str {
        match self {
            Self::Minutes => "minutes",
            Self::QuarterHours => "quarter_hours",
            Self::Hours => "hours",
        }
    }

    /// This one and those that are coarser.
    pub(super) fn and_coarser(self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().skip_while(move |level| *level != self)
    }

    /// Keeps a span of a series, in the place of what was kept of it before.
    pub(super) fn write(self, connection: &Connection, series: i64, span: &Summary) -> rusqlite::Result<()> {
        let sql = format!("INSERT OR REPLACE INTO {} VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)", self.table());
        let Summary { time, count, first, second } = span;
        let minute = time.div_euclid(MINUTE_MS);
        let (a, b) = (super::int(first.sum), super::int(second.sum));
        let values = params![series, minute, count, first.min, first.max, a, second.min, second.max, b];
        connection.prepare_cached(&sql)?.execute(values).map(drop)
    }

    /// The spans of a series that begin in these minutes, oldest first.
    pub(super) fn read(self, connection: &Connection, series: i64, minutes: Range<i64>) -> rusqlite::Result<Vec<Summary>> {
        self.read_some(connection, series, minutes, i64::MAX)
    }

    /// The first of them, so many at most.
    pub(super) fn read_some(
        self,
        connection: &Connection,
        series: i64,
        minutes: Range<i64>,
        limit: i64,
    ) -> rusqlite::Result<Vec<Summary>> {
        let sql = format!(
            "SELECT minute, count, first_min, first_max, first_sum, second_min, second_max, second_sum
             FROM {} WHERE series = ?1 AND minute >= ?2 AND minute < ?3 ORDER BY minute LIMIT ?4",
            self.table()
        );
        connection.prepare_cached(&sql)?.query_map([series, minutes.start, minutes.end, limit], summary)?.collect()
    }

    /// The minute in which the first span of a series at or after this minute begins.
    pub(super) fn first(self, connection: &Connection, series: i64, from: i64) -> rusqlite::Result<Option<i64>> {
        let sql = format!("SELECT minute FROM {} WHERE series = ?1 AND minute >= ?2 ORDER BY minute LIMIT 1", self.table());
        connection.prepare_cached(&sql)?.query_row([series, from], |row| row.get(0)).optional()
    }
}

/// Sums up the samples of one minute; none if there are none.
pub(super) fn sum_up(samples: &[Sample]) -> Option<Summary> {
    fold(samples.iter().copied().map(Summary::from), MINUTE_MS).into_iter().next()
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
