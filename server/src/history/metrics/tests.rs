use std::time::Instant;

use proptest::prelude::*;
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::history::database::{Batch, Database};
use crate::history::sample::Series;
use crate::history::{level, rollup};

static SERIES: std::sync::LazyLock<Series> = std::sync::LazyLock::new(|| Series::App("a".into()));

const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// A whole hour, far from the epoch.
const START: i64 = 500_000 * HOUR_MS;

fn open() -> (Database, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Database::open(&folder.path().join("history.db"), 1 << 30).unwrap(), folder)
}

#[test]
fn the_coarsest_level_that_gives_the_points() {
    let level = |days: f64, points| level_for((days * DAY_MS as f64) as i64, points);
    assert_eq!(level(1.0 / 96.0, 300), None);
    assert_eq!(level(1.0, 300), Some(Level::Minutes));
    assert_eq!(level(7.0, 300), Some(Level::Minutes), "3 quarters of an hour would give 224");
    assert_eq!(level(30.0, 600), Some(Level::QuarterHours));
    assert_eq!(level(30.0, 300), Some(Level::QuarterHours), "3 hours would give 240");
    assert_eq!(level(90.0, 300), Some(Level::Hours));
    assert_eq!(level(365.0, 600), Some(Level::Hours));
    assert_eq!(level(0.5, 2), Some(Level::Minutes), "the hour at the edge would be a twelfth");
    for (days, points) in [(0.0, 0), (1.0, 0), (-1.0, 300), (5000.0, 1)] {
        level(days, points);
    }
}

fn question<'a>(recent: &'a [Sample], span: Span) -> Question<'a> {
    Question { series: &SERIES, span, recent, sample_every: Duration::from_secs(2) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Wherever the mark is, whatever is in memory, and whatever is gone already: each sample counts once.
    #[test]
    fn nothing_is_counted_twice_or_left_out(
        gaps in prop::collection::vec(1_000..400_000_i64, 1..200),
        mark in 0..20_i64, in_memory in 0..30_i64, gone in 0..12_i64,
    ) {
        let (mut database, _folder) = open();
        let times: Vec<i64> = gaps.iter().scan(START, |time, gap| { *time += gap; Some(*time) }).collect();
        let samples: Vec<_> = times.iter().map(|&time| Sample { time, first: (time % 97) as u32, second: 1 }).collect();
        let last = samples.last().unwrap().minute();
        for minute in samples.chunk_by(|a, b| a.minute() == b.minute()) {
            let row = [(Series::App("a".into()), minute[0].minute(), minute.to_vec())];
            database.write(&Batch { samples: &row, minute: i64::MAX, ..Batch::default() }).unwrap();
        }
        let start = START / MINUTE_MS;
        while rollup::step(&mut database.connection, (start + mark * 60).min(last)).unwrap() {}
        let mark = rollup::mark(&database.connection, 1).unwrap();
        // Retention leaves the hour before this one alone, and memory does not reach back as far.
        let end = (start + gone * 60).min(mark).min(rollup::hour_of(last - 60));
        database.connection.execute("DELETE FROM minutes WHERE minute < ?1", [end]).unwrap();
        database.connection.execute("DELETE FROM quarter_hours WHERE minute < ?1", [end - 120]).unwrap();
        database.connection.execute("DELETE FROM raw WHERE minute < ?1", [end + 60]).unwrap();
        let recent: Vec<_> = samples.iter().copied().filter(|sample| sample.minute() > last - in_memory).collect();

        let question = question(&recent, Span { from: Time(START), to: Time(last * MINUTE_MS), limit: 1 });
        let stored = Stored::find(Some(&database.connection), &SERIES).unwrap();
        let all = start..last + 1;
        let answers = [
            question.in_detail(&stored, all.clone()).unwrap(),
            question.summed_up(&stored, all.clone(), Level::Minutes).unwrap(),
            question.summed_up(&stored, all.clone(), Level::QuarterHours).unwrap(),
            question.summed_up(&stored, all, Level::Hours).unwrap(),
        ];
        for points in answers {
            prop_assert_eq!(points.iter().map(|point| point.count).sum::<u32>() as usize, samples.len());
            let sum: u64 = samples.iter().map(|sample| u64::from(sample.first)).sum();
            prop_assert_eq!(points.iter().map(|point| point.first.sum).sum::<u64>(), sum);
        }
    }
}

/// A database with so many days of so many apps, as a node would have written it: minute after minute, every app in each.
fn month(database: &mut Database, apps: i64, days: i64) -> i64 {
    let minutes = days * 24 * 60;
    for app in 1..=apps {
        let name = if app == 1 { "a".into() } else { format!("app-{app}") };
        database.connection.execute("INSERT INTO series (id, kind, name) VALUES (?1, 0, ?2)", (app, name)).unwrap();
    }
    let mut seed = 88_172_645_463_325_252_u64;
    let mut noise = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for hour in 0..minutes / 60 {
        let transaction = database.connection.transaction().unwrap();
        for minute in hour * 60..hour * 60 + 60 {
            for app in 1..=apps {
                let time = START + minute * MINUTE_MS;
                let samples = (0..12).map(|n| Sample {
                    time: time + n * 5000,
                    first: (noise() % 10_000) as u32,
                    second: 80_000 + (noise() % 20_000) as u32,
                });
                let samples: Vec<_> = samples.collect();
                Level::Minutes.write(&transaction, app, &level::sum_up(&samples).unwrap()).unwrap();
            }
        }
        transaction.commit().unwrap();
    }
    START / MINUTE_MS + minutes
}

#[test]
#[ignore = "a measurement: cargo test -p server --lib metrics::tests::cost -- --ignored --nocapture"]
fn cost() {
    let (mut database, folder) = open();
    let (apps, days) = (20, 30);
    let end = month(&mut database, apps, days);
    let ask = |connection: &Connection, limit| {
        let span = Span { from: Time(end * MINUTE_MS - days * DAY_MS), to: Time(end * MINUTE_MS), limit };
        question(&[], span).answer("a", Some(connection)).unwrap().points.len()
    };
    let report = |what: &str, limit| {
        let mut times: Vec<_> = (0..21)
            .map(|_| {
                // A connection of its own, so that nothing is in its cache.
                let connection = crate::history::sqlite::open_to_read(&folder.path().join("history.db")).unwrap();
                let begun = Instant::now();
                let points = ask(&connection, limit);
                (begun.elapsed(), points)
            })
            .collect();
        times.sort();
        let ((median, points), (most, _)) = (times[10], times[20]);
        println!("{what}, {days} days of {apps} apps: {points} points of {limit} in {median:?}, at most {most:?}");
    };
    report("from minutes alone", 600);
    let (begun, mut longest, mut steps) = (Instant::now(), Duration::ZERO, 0);
    loop {
        let step = Instant::now();
        let is_more = rollup::step(&mut database.connection, end).unwrap();
        (longest, steps) = (longest.max(step.elapsed()), steps + 1);
        if !is_more {
            break;
        }
    }
    println!("summed up in {steps} steps and {:?}, the longest {longest:?}", begun.elapsed());
    report("from quarters of an hour", 600);
    report("from minutes, for 2000 points", 2000);
    let settings = crate::history::Settings { minutes_kept: Duration::from_secs(86_400 * 20), ..Default::default() };
    let (mut longest, mut calls) = (Duration::ZERO, 0);
    loop {
        let call = Instant::now();
        let is_more = crate::history::retention::tidy(&database.connection, &settings, Time(end * MINUTE_MS)).unwrap();
        (longest, calls) = (longest.max(call.elapsed()), calls + 1);
        if !is_more {
            break;
        }
    }
    println!("10 days of minutes removed in {calls} calls, the longest {longest:?}");
}
