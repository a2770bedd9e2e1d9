use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::history::database::{Batch, Database};
use crate::history::sample::{Extent, Sample, Series};

/// What was measured, by minute.
type Measured = BTreeMap<i64, Vec<Sample>>;

fn open(folder: &Path) -> Database {
    Database::open(&folder.join("history.db"), 1 << 30).unwrap()
}

fn series() -> Series {
    Series::App("a".into())
}

/// Writes a minute that is over.
fn write_minute(database: &mut Database, minute: i64, samples: &[Sample]) {
    let samples = [(series(), minute, samples.to_vec())];
    database.write(&Batch { samples: &samples, minute: i64::MAX, ..Batch::default() }).unwrap();
}

/// Samples of one minute.
fn samples(minute: i64, values: &[(i64, u32, u32)]) -> Vec<Sample> {
    let sample = |&(ms, first, second)| Sample { time: minute * MINUTE_MS + ms, first, second };
    let mut samples: Vec<_> = values.iter().map(sample).collect();
    samples.sort_by_key(|sample| sample.time);
    samples
}

fn step_to_the_end(database: &mut Database, minute: i64) -> usize {
    (1..).find(|_| !step(&mut database.connection, minute).unwrap()).unwrap()
}

/// What stands in a table.
fn stored(database: &Database, level: Level) -> Vec<Summary> {
    level.read(&database.connection, 1, 0..i64::MAX).unwrap()
}

/// What should stand there, worked out from every sample.
fn expected(measured: &Measured, level: Level) -> Vec<Summary> {
    let mut spans: BTreeMap<i64, Vec<Sample>> = BTreeMap::new();
    for sample in measured.values().flatten() {
        spans.entry(sample.time / level.ms() * level.ms()).or_default().push(*sample);
    }
    let extent = |samples: &[Sample], value: fn(&Sample) -> u32| Extent {
        min: samples.iter().map(value).min().unwrap(),
        max: samples.iter().map(value).max().unwrap(),
        sum: samples.iter().map(value).map(u64::from).sum(),
    };
    let spans = spans.into_iter().map(|(time, samples)| Summary {
        time,
        count: samples.len() as u32,
        first: extent(&samples, |sample| sample.first),
        second: extent(&samples, |sample| sample.second),
    });
    spans.collect()
}

/// A database as a kill leaves it: the files as they are now, while it is still open.
fn killed(database: Database, from: &TempDir) -> (Database, TempDir) {
    let to = tempfile::tempdir().unwrap();
    for name in ["history.db", "history.db-wal"] {
        fs::copy(from.path().join(name), to.path().join(name)).unwrap();
    }
    drop(database);
    (open(to.path()), to)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn each_level_says_what_the_samples_say(
        written in prop::collection::vec((0..700_i64, prop::collection::vec((0..60_000_i64, any::<u32>(), any::<u32>()), 1..4), 0..8_u8), 1..60),
    ) {
        let mut folder = tempfile::tempdir().unwrap();
        let mut database = open(folder.path());
        let (mut measured, mut latest) = (Measured::new(), 0);
        for (minute, values, then) in written {
            // Minutes come in any order, and some of them again, as they do when the clock is set.
            measured.insert(minute, samples(minute, &values));
            write_minute(&mut database, minute, &measured[&minute]);
            latest = latest.max(minute);
            match then {
                0..3 => drop(step(&mut database.connection, latest).unwrap()),
                3 => (database, folder) = killed(database, &folder),
                _ => {}
            }
            let before = mark(&database.connection, 1).unwrap();
            for level in [Level::QuarterHours, Level::Hours] {
                let all = expected(&measured, level);
                let whole: Vec<_> = all.into_iter().filter(|span| span.time < before * MINUTE_MS).collect();
                prop_assert_eq!(stored(&database, level), whole);
            }
        }
        step_to_the_end(&mut database, 10_000);
        for level in Level::ALL {
            prop_assert_eq!(stored(&database, level), expected(&measured, level));
        }
    }
}

#[test]
fn a_step_that_is_killed_half_way_leaves_nothing_and_is_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut database = open(folder.path());
    let mut measured = Measured::new();
    for minute in 0..150 {
        measured.insert(minute, samples(minute, &[(500, minute as u32, 7), (30_500, 3, minute as u32)]));
        write_minute(&mut database, minute, &measured[&minute]);
    }
    let kill = "CREATE TRIGGER kill BEFORE INSERT ON hours WHEN new.minute > 0 BEGIN SELECT RAISE(ABORT, 'killed'); END";
    database.connection.execute_batch(kill).unwrap();
    step(&mut database.connection, 150).unwrap_err();
    let (mut database, _folder) = killed(database, &folder);
    assert_eq!((stored(&database, Level::QuarterHours).len(), stored(&database, Level::Hours).len()), (0, 0));
    assert_eq!(mark(&database.connection, 1).unwrap(), 0);

    database.connection.execute_batch("DROP TRIGGER kill").unwrap();
    step_to_the_end(&mut database, 180);
    for level in Level::ALL {
        assert_eq!(stored(&database, level), expected(&measured, level));
    }
    // Once more changes nothing.
    database.connection.execute("UPDATE series SET rolled = 0", []).unwrap();
    step_to_the_end(&mut database, 180);
    assert_eq!(stored(&database, Level::Hours), expected(&measured, Level::Hours));
}

#[test]
fn an_hour_that_is_not_over_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut database = open(folder.path());
    for minute in 0..119 {
        write_minute(&mut database, minute, &samples(minute, &[(0, 1, 1)]));
    }
    assert!(!step(&mut database.connection, 119).unwrap());
    assert_eq!((stored(&database, Level::Hours).len(), mark(&database.connection, 1).unwrap()), (1, 60));
    // A clock that goes back takes nothing away.
    assert!(!step(&mut database.connection, 0).unwrap());
    assert_eq!(mark(&database.connection, 1).unwrap(), 60);
}

#[test]
fn much_is_done_in_small_steps() {
    let folder = tempfile::tempdir().unwrap();
    let mut database = open(folder.path());
    let days = 7 * 24 * HOUR;
    let fill = format!(
        "WITH RECURSIVE m (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM m WHERE n < {days} - 1)
         INSERT INTO minutes SELECT s, n, 12, n % 5, 9, 100, 1, n % 7 + 1, 60 FROM m, (SELECT 1 AS s UNION SELECT 2 UNION SELECT 3);
         INSERT INTO series (id, kind, name) VALUES (1, 0, 'a'), (2, 0, 'b'), (3, 0, 'c'), (4, 0, 'without minutes')"
    );
    database.connection.execute_batch(&fill).unwrap();
    let steps = step_to_the_end(&mut database, days);
    assert_eq!(steps as i64, 3 * days / STEP + 1);
    for series in 1..=3 {
        let hours = Level::Hours.read(&database.connection, series, 0..i64::MAX).unwrap();
        assert_eq!((hours.len(), hours.iter().map(|hour| hour.count).sum::<u32>()), (7 * 24, 7 * 24 * 60 * 12));
        assert_eq!(Level::QuarterHours.read(&database.connection, series, 0..i64::MAX).unwrap().len(), 7 * 24 * 4);
        assert!(hours.iter().all(|hour| hour.first.min == 0 && hour.second.max == 7 && hour.first.sum == 6000));
    }
    assert_eq!(mark(&database.connection, 4).unwrap(), days);
    // Nobody has to look at them again.
    assert!(behind(&database.connection, days).unwrap().is_empty());
}
