//! Hours that are made, and rows that are removed, while the writer has other work.

use super::*;
use crate::history::level::Level;
use crate::history::{AppSample, HostSample, Tick, database, sqlite};

/// A file as the first version left it, with so many days of minutes of three apps.
fn of_the_first_version(days: i64) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let mut connection = sqlite::open(&path, sqlite::Durability::Normal).unwrap();
    sqlite::migrate(&mut connection, &path, &database::STEPS[..1]).unwrap();
    let (last, count) = (now().ms() / 60_000, days * 24 * 60);
    let fill = format!(
        "INSERT INTO series VALUES (1, 0, 'a'), (2, 0, 'b'), (3, 0, 'c');
         WITH RECURSIVE m (n) AS (SELECT {last} - {count} UNION ALL SELECT n + 1 FROM m WHERE n + 1 < {last})
         INSERT INTO minutes SELECT s.id, m.n, 2, m.n % 5, 9, 12, 1, m.n % 7 + 1, 8 FROM m, series s"
    );
    connection.execute_batch(&fill).unwrap();
    folder
}

fn tick(bench: &Bench, time: Time) {
    let apps = vec![AppSample { app: "a".into(), cpu_percent: 1.0, memory_bytes: 1 << 20, figures: Vec::new() }];
    lock(&bench.writer.shared.recent).add_tick(&Tick { time, apps, host: HostSample::default() });
}

fn spans(bench: &Bench, series: i64, level: Level) -> i64 {
    level.read(bench.connection(), series, 0..i64::MAX).unwrap().len() as i64
}

#[test]
fn an_old_file_gets_its_hours_in_steps_between_which_others_have_their_turn() {
    let days = 5;
    let mut bench = Bench::open(of_the_first_version(days), Settings::default());
    assert_eq!(spans(&bench, 1, Level::Hours), 0, "opening it does not wait for them");
    bench.writer.chores();
    assert_eq!(spans(&bench, 1, Level::Hours), 0, "what is over is known with the first tick");
    tick(&bench, now());
    let mut steps = 0;
    bench.record(1, "");
    bench.writer.flush();
    assert_eq!(bench.stored(), [1], "written before the chore is done");
    while bench.writer.chores_at < Instant::now() + Duration::from_secs(1) {
        bench.writer.chores();
        steps += 1;
        assert!(steps < 100);
    }
    assert!(steps > 2, "{steps}");
    for series in 1..=3 {
        let (hours, quarters) = (spans(&bench, series, Level::Hours), spans(&bench, series, Level::QuarterHours));
        assert!((days * 24..=days * 24 + 1).contains(&hours), "{hours}");
        assert!((hours * 4 - 7..=hours * 4).contains(&quarters), "{quarters} of {hours}");
    }
    assert_eq!(bench.said(), [] as [String; 0]);
}

#[test]
fn a_kill_after_the_minutes_loses_no_hour_and_doubles_none() {
    let mut bench = Bench::new(Settings::default());
    let start = now().ms() / 3_600_000 * 3_600_000 - 3 * 3_600_000;
    for n in 0..240 {
        tick(&bench, Time(start + n * 30_000));
        bench.writer.write(start / 60_000 + n / 2);
    }
    // Two hours of minutes are there, none of it is summed up, and the last minute is not even a minute yet.
    assert_eq!(spans(&bench, 1, Level::Hours) + spans(&bench, 2, Level::Hours), 0);
    for life in 0..3 {
        let Bench { writer, folder, .. } = bench;
        drop(writer);
        bench = Bench::open(folder, Settings::default());
        tick(&bench, Time(start + 7_200_000 + life * 30_000));
        bench.writer.flush();
        let id = database::find(bench.connection(), &crate::history::sample::Series::App("a".into())).unwrap().unwrap();
        let hours = Level::Hours.read(bench.connection(), id, 0..start / 60_000 + 120).unwrap();
        assert_eq!(hours.iter().map(|hour| hour.count).collect::<Vec<_>>(), [120, 120]);
        let quarters = Level::QuarterHours.read(bench.connection(), id, 0..start / 60_000 + 120).unwrap();
        assert_eq!(quarters.iter().map(|quarter| quarter.count).collect::<Vec<_>>(), [30; 8]);
    }
}

#[test]
fn while_nothing_can_be_written_no_hour_is_made() {
    let mut bench = Bench::new(Settings::default());
    bench.connection().busy_timeout(Duration::from_millis(10)).unwrap();
    let hour = now().ms() / 3_600_000 * 3_600_000;
    tick(&bench, Time(hour - 90_000));
    let other = Connection::open(bench.folder.path().join("history.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    tick(&bench, Time(hour + 30_000));
    bench.writer.flush();
    assert_eq!(bench.writer.written, None);
    other.execute_batch("ROLLBACK").unwrap();
    bench.writer.flush();
    assert_eq!((1..=3).map(|series| spans(&bench, series, Level::Hours)).collect::<Vec<_>>(), [1, 1, 1]);
}

#[test]
fn a_file_that_was_not_closed_is_read_at_once_and_looked_through_later() {
    let from = Bench::open(of_the_first_version(2), Settings::default());
    let folder = tempfile::tempdir().unwrap();
    from.connection().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    from.connection().execute("INSERT INTO events VALUES (7, 1, 'node', NULL, NULL, '{}')", []).unwrap();
    for name in ["history.db", "history.db-wal"] {
        fs::copy(from.folder.path().join(name), folder.path().join(name)).unwrap();
    }
    // The pages at the end hold minutes of the last series, which nobody asks for at the start.
    let path = folder.path().join("history.db");
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.len();
    bytes[end - 8 * 4096..].fill(0xa5);
    fs::write(&path, bytes).unwrap();

    let mut bench = Bench::open(folder, Settings::default());
    assert_eq!(bench.stored(), [7]);
    assert_eq!(bench.said(), [] as [String; 0]);
    bench.writer.chores();
    let said = bench.said();
    assert!(said.len() == 1 && said[0].contains("history.db could not be used"), "{said:?}");
    assert_eq!(bench.stored(), [] as [u64; 0]);
}
