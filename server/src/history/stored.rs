//! What the database has of a series, as fine as it is wanted and there.

use std::ops::Range;

use rusqlite::Connection;

use super::level::Level;
use super::sample::{MINUTE_MS, Sample, Series, Summary};
use super::{Error, database, raw, rollup};

/// A series in the database. Without a database, or where it was never written, it has nothing.
pub(super) struct Stored<'a>(Option<(&'a Connection, i64)>);

impl<'a> Stored<'a> {
    pub(super) fn find(connection: Option<&'a Connection>, series: &Series) -> Result<Self, Error> {
        let Some(connection) = connection else { return Ok(Self(None)) };
        let id = database::find(connection, series)?;
        Ok(Self(id.map(|id| (connection, id))))
    }

    /// The minute at or after this one with which it begins.
    pub(super) fn first_minute(&self, from: i64) -> Result<Option<i64>, Error> {
        let Some((connection, id)) = self.0 else { return Ok(None) };
        let mut first: Option<i64> = None;
        for level in Level::ALL {
            let found = level.first(connection, id, from)?;
            // An hour that ends later begins no earlier than its first minute did.
            if found.is_some_and(|found| first.is_none_or(|first| found + level.minutes() <= first)) {
                first = found;
            }
        }
        Ok(first)
    }

    /// Before this minute there are quarters of an hour and hours.
    pub(super) fn mark(&self) -> Result<i64, Error> {
        self.0.map_or(Ok(0), |(connection, id)| Ok(rollup::mark(connection, id)?))
    }

    /// Every sample of these minutes. Minutes stand in for those that are gone.
    pub(super) fn samples(&self, mut minutes: Range<i64>) -> Result<Vec<Summary>, Error> {
        let Some((connection, id)) = self.0.filter(|_| !minutes.is_empty()) else { return Ok(Vec::new()) };
        let samples = raw::read(connection, id, minutes.clone())?;
        minutes.end = samples.first().map_or(minutes.end, Sample::minute);
        let mut points = self.spans(Level::Minutes, minutes)?;
        points.extend(samples.into_iter().map(Summary::from));
        Ok(points)
    }

    /// Spans of a level that begin in these minutes. Coarser ones stand in for those that are gone.
    pub(super) fn spans(&self, level: Level, mut minutes: Range<i64>) -> Result<Vec<Summary>, Error> {
        let Some((connection, id)) = self.0 else { return Ok(Vec::new()) };
        let mut found: Vec<Vec<Summary>> = Vec::new();
        for coarse in level.and_coarser() {
            // Nothing may count twice: one that ends later than what was found begins says the same as that does.
            let last = if coarse == level { minutes.end } else { minutes.end - coarse.minutes() + 1 };
            let older = coarse.read(connection, id, minutes.start..last)?;
            minutes.end = older.first().map_or(minutes.end, |first| first.time.div_euclid(MINUTE_MS));
            found.push(older);
        }
        Ok(found.into_iter().rev().flatten().collect())
    }
}
