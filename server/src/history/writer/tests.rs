//! The writer by hand, without its thread: what it does when the disk or another process is in its way.

use std::sync::mpsc::{Receiver as Told, channel};

use app::model::{Cause, EventKind};
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::history::retention;

mod chores;
mod size;

struct Bench {
    writer: Writer,
    notices: Told<String>,
    folder: TempDir,
}

impl Bench {
    fn new(settings: Settings) -> Self {
        Self::open(tempfile::tempdir().unwrap(), settings)
    }

    fn open(folder: TempDir, settings: Settings) -> Self {
        let path = folder.path().join("history.db");
        let (told, notices) = channel();
        let told = Mutex::new(told);
        let shared = Shared {
            is_new: false,
            readers: Readers::new(&path),
            path,
            settings,
            notify: Arc::new(move |said| drop(told.lock().unwrap().send(said))),
            recent: Mutex::default(),
            lost: AtomicU64::new(0),
            is_to_check: AtomicBool::new(false),
            waiting: Default::default(),
            size: AtomicU64::new(0),
        };
        let mut writer = Writer::new(Arc::new(shared));
        writer.open();
        Self { writer, notices, folder }
    }

    fn record(&mut self, id: u64, message: &str) {
        let mut event = Event::new(now(), EventKind::Node, Cause::Unknown, message);
        event.id = id;
        self.writer.take(Message::Event(Arc::new(event)));
    }

    fn again(&mut self) {
        self.writer.retry_at = Instant::now();
        self.writer.flush();
    }

    fn stored(&self) -> Vec<u64> {
        let read = |connection: &Connection| {
            let mut statement = connection.prepare("SELECT id FROM events ORDER BY id")?;
            let ids = statement.query_map([], |row| row.get::<_, i64>(0))?.map(|id| id.map(i64::unsigned_abs));
            Ok(ids.collect::<Result<_, _>>()?)
        };
        self.writer.shared.readers.read(read).unwrap()
    }

    fn connection(&self) -> &Connection {
        &self.writer.database.as_ref().unwrap().connection
    }

    fn said(&self) -> Vec<String> {
        self.notices.try_iter().collect()
    }
}

#[test]
fn one_that_another_process_locks_is_written_later() {
    let mut bench = Bench::new(Settings::default());
    bench.connection().busy_timeout(Duration::from_millis(10)).unwrap();
    let other = Connection::open(bench.folder.path().join("history.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for id in 1..=3 {
        bench.record(id, "");
        bench.writer.flush();
    }
    let said = bench.said();
    assert!(said.len() == 1 && said[0].contains("locked"), "{said:?}");
    other.execute_batch("ROLLBACK").unwrap();
    bench.writer.flush();
    assert_eq!(bench.stored(), [1, 2, 3]);
    assert_eq!(bench.said(), ["the history is written again; nothing was lost"]);
}

#[test]
fn one_that_is_locked_from_the_start_is_read_from_memory_until_it_is_free() {
    let mut bench = Bench::new(Settings::default());
    bench.writer.database = None;
    let other = Connection::open(bench.folder.path().join("history.db")).unwrap();
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE mine (x)").unwrap();
    bench.record(1, "");
    bench.again();
    assert_eq!(bench.said().len(), 1);
    assert!(matches!(bench.writer.shared.readers.read(|_| Ok(())), Err(Error::Away(_))));
    drop(other);
    bench.again();
    assert_eq!(bench.stored(), [1]);
    assert_eq!(bench.said(), ["the history is written again; nothing was lost"]);
}

#[test]
fn a_full_disk_keeps_the_newest_in_memory_and_recovers() {
    let mut bench = Bench::new(Settings::default());
    bench.record(1, "");
    bench.writer.flush();
    let pages: i64 = bench.connection().pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    bench.connection().pragma_update(None, "max_page_count", pages).unwrap();
    let large = "x".repeat(20_000);
    bench.record(2, &large);
    bench.writer.flush();
    let said = bench.said();
    assert!(said.len() == 1 && said[0].contains("full"), "{said:?}");
    for id in 3..=5000 {
        bench.record(id, "");
    }
    bench.writer.flush();
    assert_eq!(bench.writer.events.len(), EVENTS);
    assert_eq!(bench.stored(), [1], "what is there can be read all the time");
    bench.connection().pragma_update(None, "max_page_count", 100_000).unwrap();
    bench.writer.flush();
    let stored = bench.stored();
    assert_eq!((stored.len(), stored.last()), (EVENTS + 1, Some(&5000)));
    let said = bench.said();
    assert!(said.len() == 1 && said[0].contains("903 events or documents were lost"), "{said:?}");
}

#[test]
fn one_that_is_removed_is_made_anew() {
    let mut bench = Bench::new(Settings::default());
    bench.record(1, "");
    bench.writer.flush();
    for ending in ["", "-wal", "-shm"] {
        fs::remove_file(bench.folder.path().join(format!("history.db{ending}"))).unwrap();
    }
    bench.record(2, "");
    bench.again();
    assert_eq!(bench.stored(), [2]);
    assert!(bench.said()[0].contains("removed or replaced"));
}

#[test]
fn a_folder_in_the_way_that_goes_away_is_no_trouble_any_more() {
    let mut bench = Bench::new(Settings::default());
    bench.writer.database = None;
    let path = bench.folder.path().join("history.db");
    let elsewhere = bench.folder.path().join("elsewhere.db");
    fs::rename(&path, &elsewhere).unwrap();
    fs::create_dir(&path).unwrap();
    bench.record(1, "");
    bench.again();
    bench.again();
    assert_eq!(bench.said().len(), 1);
    fs::remove_dir(&path).unwrap();
    bench.again();
    assert_eq!(bench.stored(), [1]);
    assert_eq!(bench.said(), ["the history is written again; nothing was lost"]);
}

#[test]
fn a_newer_schema_is_set_aside_and_not_lost() {
    let mut bench = Bench::new(Settings::default());
    bench.record(1, "");
    bench.writer.flush();
    bench.connection().pragma_update(None, "user_version", 99).unwrap();
    bench.writer.database = None;
    bench.writer.open();
    assert!(bench.said()[0].contains("newer"));
    assert_eq!(bench.stored(), [] as [u64; 0]);
    let aside = fs::read_dir(bench.folder.path())
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|path| path.to_string_lossy().contains(".newer-"));
    let kept = Connection::open(aside.unwrap()).unwrap();
    assert_eq!(kept.query_row("SELECT count(*) FROM events", [], |row| row.get::<_, i64>(0)).unwrap(), 1);
}

#[test]
fn what_is_old_goes_and_the_file_stays_below_its_limit() {
    let mut bench = Bench::new(Settings { max_bytes: 400_000, ..Settings::default() });
    let noise =
        |seed: u64| (0..800_u64).map(|n| ((seed * 7919 + n * n * 104_729) % 251) as u8).map(char::from).collect::<String>();
    for round in 0..40 {
        for n in 0..8 {
            let id = round * 8 + n + 1;
            bench.writer.take(Message::Document(now() + id as i64, format!("{:?}", noise(id)).into()));
            bench.record(id, &noise(id));
        }
        bench.writer.tidy_at = Instant::now();
        bench.writer.flush();
    }
    assert!(retention::used_bytes(bench.connection()).unwrap() <= 400_000);
    assert!(fs::metadata(bench.folder.path().join("history.db")).unwrap().len() <= 700_000);
    assert_eq!(bench.stored().last(), Some(&320), "the newest is kept");
    assert_eq!(bench.said(), [] as [String; 0]);

    let old = "INSERT INTO series VALUES (1, 0, 'a', 60);
        INSERT INTO raw VALUES (1, 1, x'00'); INSERT INTO minutes VALUES (1, 1, 1, 1, 1, 1, 1, 1, 1)";
    bench.connection().execute_batch(old).unwrap();
    bench.writer.tidy_at = Instant::now();
    bench.again();
    let count = |table| {
        bench.connection().query_row(&format!("SELECT count(*) FROM {table} WHERE minute = 1"), [], |row| row.get::<_, i64>(0))
    };
    assert_eq!((count("raw").unwrap(), count("minutes").unwrap()), (0, 0));
}
