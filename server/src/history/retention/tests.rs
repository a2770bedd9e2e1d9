use rusqlite::OptionalExtension;
use tempfile::TempDir;

use super::*;
use crate::history::DAY;
use crate::history::database::Database;
use crate::history::level::HOUR;

/// A whole hour, far from the epoch.
const NOW: i64 = 500_000 * HOUR;

fn open() -> (Database, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Database::open(&folder.path().join("history.db"), 1 << 30).unwrap(), folder)
}

/// So many series that were measured once in each span of a level for so many minutes before now.
fn fill(connection: &Connection, series: i64, level: Level, minutes: i64) {
    let (table, every) = (level.table(), level.minutes());
    let sql = format!(
        "WITH RECURSIVE m (n) AS (SELECT {NOW} - {minutes} UNION ALL SELECT n + {every} FROM m WHERE n + {every} < {NOW}),
             s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {series})
         INSERT INTO {table} SELECT s.n, m.n, 1, 1, 1, 1, 1, 1, 1 FROM m, s;
         WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {series})
         INSERT OR IGNORE INTO series SELECT n, 0, n, {NOW} FROM s"
    );
    connection.execute_batch(&sql).unwrap();
}

fn count(connection: &Connection, level: Level) -> i64 {
    connection.query_row(&format!("SELECT count(*) FROM {}", level.table()), [], |row| row.get(0)).unwrap()
}

/// Tidies up once, this many minutes after now.
fn tidy_at(connection: &Connection, settings: &Settings, minutes: i64) -> bool {
    tidy(connection, settings, Time((NOW + minutes) * MINUTE_MS)).unwrap()
}

#[test]
fn the_finer_goes_first_each_at_its_age_and_by_whole_hours() {
    let (database, _folder) = open();
    let connection = &database.connection;
    let settings = Settings { minutes_kept: DAY, quarter_hours_kept: DAY * 2, hours_kept: DAY * 3, ..Settings::default() };
    Level::ALL.into_iter().for_each(|level| fill(connection, 2, level, 4 * 24 * HOUR));
    let days = || Level::ALL.map(|level| count(connection, level) * level.minutes() / 2 / HOUR);
    assert_eq!(days(), [96, 96, 96]);
    while tidy_at(connection, &settings, 0) {}
    assert_eq!(days(), [24, 48, 72]);
    tidy_at(connection, &settings, 59);
    assert_eq!(days(), [24, 48, 72], "an hour goes as a whole");
    tidy_at(connection, &settings, 60);
    assert_eq!(days(), [23, 47, 71]);
}

#[test]
fn minutes_stay_until_hours_were_made_from_them() {
    let (database, _folder) = open();
    let connection = &database.connection;
    fill(connection, 2, Level::Minutes, 6 * HOUR);
    connection.execute("UPDATE series SET rolled = ?1 WHERE id = 2", [NOW - 4 * HOUR]).unwrap();
    let settings = Settings { minutes_kept: Duration::from_secs(60), ..Settings::default() };
    while tidy_at(connection, &settings, 0) {}
    let of = |series| Level::Minutes.read(connection, series, 0..i64::MAX).unwrap().len() as i64;
    assert_eq!((of(1), of(2)), (HOUR, 4 * HOUR), "the last hour stays in any case");
}

#[test]
fn a_lot_goes_a_little_at_a_time() {
    let (database, _folder) = open();
    let connection = &database.connection;
    fill(connection, 3, Level::Minutes, 2 * 24 * HOUR);
    let raw = format!("INSERT INTO raw SELECT minute, series, x'00' FROM minutes WHERE minute < {NOW} - 24 * 60");
    connection.execute_batch(&raw).unwrap();
    let settings = Settings { minutes_kept: DAY, ..Settings::default() };
    let rows = |table: &str| connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, u32>(0));
    let (mut last, mut rounds) = ((3 * 1440, 3 * 2880), 0);
    while tidy_at(connection, &settings, 0) {
        let left = (rows("raw").unwrap(), rows("minutes").unwrap());
        assert!(last.0 - left.0 <= ROWS as u32 && last.1 - left.1 <= ROWS as u32, "{last:?} {left:?}");
        assert!(connection.is_autocommit(), "what was removed is written");
        (last, rounds) = (left, rounds + 1);
    }
    assert_eq!((rows("raw").unwrap(), rows("minutes").unwrap(), rounds), (0, 3 * 1440, 2));
}

#[test]
fn what_is_too_much_goes_from_fine_to_coarse_and_the_file_becomes_smaller() {
    let (database, folder) = open();
    let connection = &database.connection;
    Level::ALL.into_iter().for_each(|level| fill(connection, 20, level, 3 * 24 * HOUR));
    let all = used_bytes(connection).unwrap();
    let hours = count(connection, Level::Hours);
    let settings = Settings { max_bytes: all / 4, ..Settings::default() };
    let (first, mut calls) = (tidy_at(connection, &settings, 0), 1);
    assert!(first, "it is too much for one call");
    while tidy_at(connection, &settings, 0) {
        calls += 1;
        assert!(calls < 100);
    }
    assert!(used_bytes(connection).unwrap() <= all / 4);
    assert!(count(connection, Level::Minutes) < 20 * 24 * HOUR);
    assert_eq!(count(connection, Level::Hours), hours, "the coarsest is missed most");
    let oldest = |level: Level| {
        let sql = format!("SELECT min(minute) FROM {}", level.table());
        connection.query_row(&sql, [], |row| row.get::<_, Option<i64>>(0)).optional().unwrap().flatten()
    };
    assert!(oldest(Level::Minutes).is_none_or(|minutes| Some(minutes) > oldest(Level::Hours)));
    for _ in 0..10 {
        tidy_at(connection, &settings, 0);
    }
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let file = std::fs::metadata(folder.path().join("history.db")).unwrap().len();
    assert!(file <= all / 3, "{file} bytes of {all}");

    let none = Settings { max_bytes: 1, ..Settings::default() };
    while tidy_at(connection, &none, 0) {}
    assert_eq!(Level::ALL.map(|level| count(connection, level)), [0, 0, 0], "and then it is over");
}
