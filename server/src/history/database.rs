//! `history.db`, open for writing.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use app::model::{Event, Figure, Time};
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::level::{self, Level};
use super::sample::{Sample, Series};
use super::sqlite::{self, Durability};
use super::{Error, availability, documents, events, raw, rollup};

/// Schema steps, oldest first. One that was released is never changed.
pub(super) const STEPS: &[&str] = &[
    "
    CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        time INTEGER NOT NULL,
        kind TEXT NOT NULL,
        app TEXT,
        instance INTEGER,
        body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX events_of_app ON events (app);
    CREATE TABLE series (
        id INTEGER PRIMARY KEY,
        kind INTEGER NOT NULL,
        name TEXT NOT NULL,
        UNIQUE (kind, name)
    ) STRICT;
    CREATE TABLE raw (
        minute INTEGER NOT NULL,
        series INTEGER NOT NULL,
        samples BLOB NOT NULL,
        PRIMARY KEY (minute, series)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE minutes (
        series INTEGER NOT NULL,
        minute INTEGER NOT NULL,
        count INTEGER NOT NULL,
        first_min INTEGER NOT NULL,
        first_max INTEGER NOT NULL,
        first_sum INTEGER NOT NULL,
        second_min INTEGER NOT NULL,
        second_max INTEGER NOT NULL,
        second_sum INTEGER NOT NULL,
        PRIMARY KEY (series, minute)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE documents (time INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
",
    "
    CREATE TABLE quarter_hours (
        series INTEGER NOT NULL,
        minute INTEGER NOT NULL,
        count INTEGER NOT NULL,
        first_min INTEGER NOT NULL,
        first_max INTEGER NOT NULL,
        first_sum INTEGER NOT NULL,
        second_min INTEGER NOT NULL,
        second_max INTEGER NOT NULL,
        second_sum INTEGER NOT NULL,
        PRIMARY KEY (series, minute)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE hours (
        series INTEGER NOT NULL,
        minute INTEGER NOT NULL,
        count INTEGER NOT NULL,
        first_min INTEGER NOT NULL,
        first_max INTEGER NOT NULL,
        first_sum INTEGER NOT NULL,
        second_min INTEGER NOT NULL,
        second_max INTEGER NOT NULL,
        second_sum INTEGER NOT NULL,
        PRIMARY KEY (series, minute)
    ) STRICT, WITHOUT ROWID;
    ALTER TABLE series ADD COLUMN rolled INTEGER NOT NULL DEFAULT 0;
",
    availability::TABLES,
];

/// What is written in one transaction.
#[derive(Debug, Default)]
pub(super) struct Batch<'a> {
    pub(super) events: &'a [Arc<Event>],
    pub(super) documents: &'a [(Time, Bytes)],
    pub(super) samples: &'a [(Series, i64, Vec<Sample>)],
    /// Minutes before this one are over: they are summed up.
    pub(super) minute: i64,
}

/// What an earlier life left behind.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    pub(super) samples: Vec<(Series, Vec<Sample>)>,
    pub(super) day: Vec<Event>,
}

/// The one connection that writes.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) connection: Connection,
    series: HashMap<Series, i64>,
    /// Device and number of the file, to see when it is replaced or removed.
    file: (u64, u64),
    /// Did whoever wrote it last not close it? Then it is to be looked through, which takes long where it is large.
    pub(super) was_cut_off: bool,
}

impl Database {
    /// Opens the file and makes it where there is none.
    pub(super) fn open(path: &Path, max_bytes: u64) -> Result<Self, Error> {
        // SQLite removes the `-wal` at an orderly end: where it is left, the end was none.
        let was_cut_off = fs::metadata(sqlite::with_ending(path, "-wal")).is_ok_and(|wal| wal.len() > 0);
        sqlite::begin(path, STEPS)?;
        let mut connection = sqlite::open(path, Durability::Normal)?;
        sqlite::migrate(&mut connection, path, STEPS)?;
        // What is too much is removed every minute; this is the hard end, should that not be enough.
        let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        connection.pragma_update(None, "max_page_count", super::int(max_bytes + max_bytes / 4) / page)?;
        let file = sqlite::identity(path).ok_or_else(|| Error::Away(format!("{} is not there", path.display())))?;
        Ok(Self { connection, series: HashMap::new(), file, was_cut_off })
    }

    /// Is the file that is open still the one with that name?
    pub(super) fn is_in_place(&self, path: &Path) -> bool {
        sqlite::identity(path) == Some(self.file)
    }

    /// Writes all of it, or nothing.
    pub(super) fn write(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        let transaction = self.connection.transaction()?;
        // Numbers that this transaction gives count only when it is done.
        let mut series = self.series.clone();
        let mut hours = BTreeSet::new();
        for event in batch.events {
            events::write(&transaction, event)?;
            availability::write(&transaction, event)?;
        }
        for (time, json) in batch.documents {
            documents::write(&transaction, *time, json)?;
        }
        for (name, minute, samples) in batch.samples {
            let id = number(&transaction, &mut series, name)?;
            raw::write(&transaction, id, *minute, samples)?;
            if *minute < batch.minute
                && let Some(summary) = level::sum_up(samples)
            {
                Level::Minutes.write(&transaction, id, &summary)?;
                hours.insert((id, rollup::hour_of(*minute)));
            }
        }
        rollup::again(&transaction, &hours)?;
        transaction.commit()?;
        self.series = series;
        Ok(())
    }

    /// Reads what an earlier life left: samples since `from` in minutes, events since `day`. Minutes that it could not sum up
    /// before it ended are summed up now.
    pub(super) fn earlier(&mut self, from: i64, day: Time) -> Result<Earlier, Error> {
        let transaction = self.connection.transaction()?;
        let mut found: HashMap<Series, Vec<Sample>> = HashMap::new();
        let mut hours = BTreeSet::new();
        for stored in last_minutes(&transaction)? {
            if let Some(summary) = level::sum_up(&stored.samples) {
                Level::Minutes.write(&transaction, stored.id, &summary)?;
                hours.insert((stored.id, rollup::hour_of(stored.minute)));
            }
            if stored.minute >= from {
                found.entry(stored.series).or_default().extend(stored.samples);
            }
        }
        rollup::again(&transaction, &hours)?;
        let day = events::of_a_day(&transaction, day)?;
        transaction.commit()?;
        Ok(Earlier { samples: found.into_iter().collect(), day })
    }
}

/// Number of a series, which gets one when it is first written.
fn number(transaction: &Transaction<'_>, known: &mut HashMap<Series, i64>, series: &Series) -> rusqlite::Result<i64> {
    if let Some(id) = known.get(series) {
        return Ok(*id);
    }
    let (kind, name) = series.parts();
    transaction.execute("INSERT OR IGNORE INTO series (kind, name) VALUES (?1, ?2)", params![kind, name])?;
    let id = find(transaction, series)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    known.insert(series.clone(), id);
    Ok(id)
}

/// Number of a series, if it was ever written.
pub(super) fn find(connection: &Connection, series: &Series) -> rusqlite::Result<Option<i64>> {
    let (kind, name) = series.parts();
    let mut statement = connection.prepare_cached("SELECT id FROM series WHERE kind = ?1 AND name = ?2")?;
    statement.query_row(params![kind, name], |row| row.get(0)).optional()
}

/// What an app ever told of its inside.
pub(super) fn figures(connection: &Connection, app: &str) -> rusqlite::Result<Vec<Figure>> {
    // Names of apps hold no line feeds, and so no other app begins like this one.
    let sql = "SELECT kind, name FROM series WHERE (kind IN (3, 4, 6) AND name = ?1) OR (kind = 5 AND name >= ?2 AND name < ?3)";
    let mut statement = connection.prepare_cached(sql)?;
    let rows =
        statement.query_map(params![app, format!("{app}\n"), format!("{app}\u{b}")], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let figure = |(kind, name): (i64, String)| match Series::from_parts(kind, &name) {
        Some(Series::Figure(_, figure)) => Some(figure),
        _ => None,
    };
    rows.filter_map(|row| row.map(figure).transpose()).collect()
}

/// A row of samples.
struct StoredMinute {
    id: i64,
    series: Series,
    minute: i64,
    samples: Vec<Sample>,
}

/// The last minutes of samples that were written, oldest first.
fn last_minutes(connection: &Connection) -> rusqlite::Result<Vec<StoredMinute>> {
    let sql = "SELECT series.id, series.kind, series.name, raw.minute, raw.samples FROM raw JOIN series ON series.id = raw.series
               WHERE raw.minute >= (SELECT max(minute) FROM raw) - ?1 ORDER BY raw.minute";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([super::recent::MINUTES])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(2)?;
        let (minute, bytes): (i64, Vec<u8>) = (row.get(3)?, row.get(4)?);
        if let (Some(series), Some(samples)) = (Series::from_parts(row.get(1)?, &name), raw::decode(minute, &bytes)) {
            found.push(StoredMinute { id: row.get(0)?, series, minute, samples });
        }
    }
    Ok(found)
}
