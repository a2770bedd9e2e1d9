use std::fs;
use std::io::Read;
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use app::model::{Cause, DayCell, EventKind};
use flate2::read::GzDecoder;
use rusqlite::{Connection, params};
use tempfile::TempDir;

use super::*;
use crate::history::{AppSample, HostSample};

struct Home {
    folder: TempDir,
    notices: Receiver<String>,
    notify: Notify,
}

impl Home {
    fn new() -> Self {
        let (told, notices) = channel();
        let told = Mutex::new(told);
        let notify: Notify = Arc::new(move |said| drop(told.lock().unwrap().send(said)));
        Self { folder: tempfile::tempdir().unwrap(), notices, notify }
    }

    fn open(&self) -> History {
        History::open(self.folder.path(), Settings::default(), Arc::clone(&self.notify))
    }

    fn notice(&self) -> String {
        self.notices.recv_timeout(Duration::from_secs(30)).unwrap()
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join(FILE)
    }

    fn aside(&self) -> Option<std::path::PathBuf> {
        let mut files = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        files.find(|path| path.to_string_lossy().contains("history.db.corrupt-") && !path.to_string_lossy().ends_with("-wal"))
    }
}

fn event(id: u64, app: &str, kind: EventKind) -> Arc<Event> {
    let mut event = Event::new(now(), kind, Cause::Crash, format!("event {id}"));
    event.id = id;
    event.app = Some(app.into());
    event.index = Some(0);
    Arc::new(event)
}

fn ids(history: &History, query: EventQuery) -> Vec<u64> {
    history.events(&query).unwrap().iter().map(|event| event.id).collect()
}

fn all() -> EventQuery {
    EventQuery { limit: 10_000, ..EventQuery::default() }
}

fn tick(time: Time, cpu_percent: f32) -> Tick {
    let apps = vec![AppSample { app: "a".into(), cpu_percent, memory_bytes: 64 << 20, figures: Vec::new() }];
    Tick { time, apps, host: HostSample { cpu_percent: 5.0, memory_percent: 6.0, disk_percent: 7.0 } }
}

fn last_day(limit: usize) -> Span {
    Span { from: now() + -86_400_000, to: now() + 1000, limit }
}

#[test]
fn events_are_told_once_whether_in_memory_or_written() {
    let home = Home::new();
    let history = home.open();
    for id in 1..=600 {
        history.record_event(&event(
            id,
            if id % 2 == 0 { "a" } else { "b" },
            if id % 3 == 0 { EventKind::Exit } else { EventKind::Start },
        ));
    }
    history.record_event(&event(600, "a", EventKind::Exit));
    assert_eq!(ids(&history, EventQuery { limit: 2, ..all() }), [600, 599]);
    history.flush();
    ask_about_events(&history);
    history.close();
    ask_about_events(&home.open());
}

fn ask_about_events(history: &History) {
    assert_eq!(ids(history, all()), (1..=600).rev().collect::<Vec<_>>());
    let exits_of_a = EventQuery { app: Some("a".into()), kind: Some(EventKind::Exit), limit: 3, ..all() };
    assert_eq!(ids(history, exits_of_a), [600, 594, 588]);
    assert_eq!(ids(history, EventQuery { after: Some(10), before: Some(14), ..all() }), [13, 12, 11]);
    assert_eq!(ids(history, EventQuery { after: Some(600), ..all() }), [] as [u64; 0]);
    assert_eq!(ids(history, EventQuery { from: Some(now() + 1000), ..all() }), [] as [u64; 0]);
    assert_eq!(history.last_event_id().unwrap(), Some(600));
}

#[test]
fn the_newest_sample_shows_at_once_and_all_of_them_after_a_restart() {
    let home = Home::new();
    let history = home.open();
    assert_eq!(history.metrics("a", last_day(3)).unwrap().points, []);
    let start = now() + -10_000;
    for n in 0..3 {
        history.record_tick(&tick(start + n * 2000, n as f32));
    }
    let metrics = history.metrics("a", last_day(3)).unwrap();
    assert_eq!(metrics.points.iter().map(|point| point.cpu_percent.mean).collect::<Vec<_>>(), [0.0, 1.0, 2.0]);
    assert_eq!(metrics.points[0].memory_bytes.max, f64::from(64 << 20));
    assert_eq!(metrics.step_ms, 2000);
    history.close();

    let history = home.open();
    assert_eq!(history.metrics("a", last_day(3)).unwrap().points, metrics.points);
    history.record_tick(&tick(start + 6000, 9.0));
    let few = history.metrics("a", last_day(2)).unwrap().points;
    assert!(few.len() <= 2 && few.last().unwrap().cpu_percent.max == 9.0, "{few:?}");
    let trend = history.trend("a");
    assert!(trend.cpu_percent.iter().flatten().count() >= 1, "{trend:?}");
    assert_eq!(history.metrics("never-there", last_day(3)).unwrap().points, []);
}

#[test]
fn a_killed_life_leaves_its_minutes_to_the_next() {
    let home = Home::new();
    let start = now() + -3 * 3_600_000;
    let history = home.open();
    for n in 0..90 {
        history.record_tick(&tick(start + n * 2000, 50.0));
    }
    history.flush();
    // As after a kill: the last minute was never summed up.
    let connection = Connection::open(home.file()).unwrap();
    connection.execute("DELETE FROM minutes", []).unwrap();
    drop((connection, history));

    let history = home.open();
    let span = Span { from: start + -30 * 86_400_000, to: now(), limit: 100 };
    let in_detail = history.metrics("a", Span { from: start, to: start + 200_000, limit: 1000 }).unwrap();
    assert_eq!(in_detail.points.len(), 90);
    let minutes = history.metrics("a", span).unwrap();
    assert!((1..=100).contains(&minutes.points.len()));
    assert!(minutes.points.iter().all(|point| point.cpu_percent.min == 50.0 && point.cpu_percent.max == 50.0));
}

#[test]
fn thirty_days_are_fast_and_a_gap_in_detail_is_filled_by_minutes() {
    let home = Home::new();
    let history = home.open();
    history.record_tick(&tick(now(), 1.0));
    history.flush();
    let mut connection = Connection::open(home.file()).unwrap();
    let transaction = connection.transaction().unwrap();
    let id: i64 = transaction.query_row("SELECT id FROM series WHERE name = 'a'", [], |row| row.get(0)).unwrap();
    let minute = now().ms() / 60_000;
    for n in 1..43_200 {
        let values = params![id, minute - n, 30, 100, 300, 6000, 1024, 1024, 30 * 1024];
        transaction.execute("INSERT OR REPLACE INTO minutes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)", values).unwrap();
    }
    // As in a file of an earlier version: no hours were made from them.
    transaction.execute("UPDATE series SET rolled = 0", []).unwrap();
    transaction.commit().unwrap();
    let begin = Instant::now();
    let metrics = history.metrics("a", Span { from: now() + -30 * 86_400_000, to: now(), limit: 300 }).unwrap();
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    assert!((250..=300).contains(&metrics.points.len()), "{} points", metrics.points.len());
    let range = metrics.points[5].cpu_percent;
    assert_eq!((range.min, range.mean, range.max), (1.0, 2.0, 3.0));
    // Every sample is wanted here, but there are only minutes.
    let hour = history.metrics("a", Span { from: now() + -7_200_000, to: now() + -3_600_000, limit: 300 }).unwrap();
    assert!((58..=61).contains(&hour.points.len()), "{} points", hour.points.len());
}

#[test]
fn documents_come_back_as_they_were_newest_first() {
    let home = Home::new();
    let history = home.open();
    let start = now();
    for n in 0..5 {
        history.record_document(start + n, Bytes::from(format!("{{\"n\":{n}}}")));
    }
    history.flush();
    let found = history.snapshots(Span { from: start + 1, to: start + 4, limit: 2 }).unwrap();
    assert_eq!(found.iter().map(|document| document.get()).collect::<Vec<_>>(), ["{\"n\":4}", "{\"n\":3}"]);
}

#[test]
fn the_day_of_an_app_is_known_after_a_restart() {
    let home = Home::new();
    let history = home.open();
    history.record_event(&event(1, "a", EventKind::Online));
    history.record_event(&event(2, "a", EventKind::Exit));
    history.close();
    let history = home.open();
    history.record_event(&event(3, "b", EventKind::Online));
    history.flush();
    let day = history.trend("a").day;
    assert_eq!((day[46], day.len()), (DayCell::Unknown, 48));
    assert!(day[47] == DayCell::Restarted || day[47] == DayCell::Up, "{day:?}");
}

#[test]
fn what_is_no_database_is_set_aside() {
    let home = Home::new();
    let junk = b"this is no database ".repeat(5000);
    fs::write(home.file(), &junk).unwrap();
    let history = home.open();
    let said = home.notice();
    assert!(said.contains("history.db could not be used"), "{said}");
    assert_eq!(fs::read(home.aside().unwrap()).unwrap(), junk);
    history.record_event(&event(1, "a", EventKind::Start));
    history.close();
    assert_eq!(ids(&home.open(), all()), [1]);
}

#[test]
fn one_that_was_cut_off_while_in_use_is_set_aside_and_memory_written_again() {
    let home = Home::new();
    let history = home.open();
    for id in 1..=500 {
        history.record_event(&event(id, "a", EventKind::Start));
    }
    history.record_tick(&tick(now(), 1.0));
    history.close();
    let file = fs::OpenOptions::new().write(true).open(home.file()).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2 / 4096 * 4096).unwrap();

    let history = home.open();
    history.record_event(&event(501, "a", EventKind::Start));
    // Damage is met by the writer or by a reader; whoever it was, the file is set aside.
    let deadline = Instant::now() + Duration::from_secs(30);
    while home.aside().is_none() {
        assert!(Instant::now() < deadline, "it was never set aside");
        let _ = history.events(&all());
        history.flush();
    }
    history.flush();
    assert_eq!(ids(&history, EventQuery { after: Some(500), ..all() }), [501]);
    history.close();
    let mut found = ids(&home.open(), all());
    found.dedup();
    assert_eq!(found.first(), Some(&501));
}

#[test]
fn a_folder_in_the_way_leaves_memory_and_a_clear_error() {
    let home = Home::new();
    fs::create_dir(home.file()).unwrap();
    fs::write(home.file().join("in-the-way"), "x").unwrap();
    let history = home.open();
    let said = home.notice();
    assert!(said.contains("not written for now") && said.contains("history.db"), "{said}");
    for id in 1..=3 {
        history.record_event(&event(id, "a", EventKind::Start));
    }
    history.record_tick(&tick(now(), 3.0));
    history.record_document(now(), Bytes::from_static(b"{}"));
    history.flush();
    assert_eq!(ids(&history, all()), [3, 2, 1]);
    assert_eq!(history.metrics("a", last_day(3)).unwrap().points.len(), 1);
    let error = history.snapshots(last_day(3)).unwrap_err().to_string();
    assert!(error.contains("runs without it"), "{error}");
    let state = State::open(home.folder.path(), &home.notify).unwrap();
    assert_eq!(names(history.backup(&state).unwrap()), ["state.db"]);
    history.close();
}

#[test]
fn the_backup_holds_both_databases_and_leaves_nothing_behind() {
    let home = Home::new();
    let (history, state) = (home.open(), State::open(home.folder.path(), &home.notify).unwrap());
    history.record_event(&event(1, "a", EventKind::Start));
    let backup = history.backup(&state).unwrap();
    assert_eq!(names(backup), ["state.db", "history.db"]);
    let hidden =
        fs::read_dir(home.folder.path()).unwrap().filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'));
    assert_eq!(hidden.count(), 0);
}

/// Unpacks an archive and looks whether each part is a good database.
fn names(archive: File) -> Vec<String> {
    let mut bytes = Vec::new();
    GzDecoder::new(archive).read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len() % 512, 0);
    let (mut names, mut at) = (Vec::new(), 0);
    while bytes[at] != 0 {
        let header = &bytes[at..at + 512];
        assert_eq!(&header[257..262], b"ustar");
        let text =
            |from: usize, to: usize| std::str::from_utf8(&header[from..to]).unwrap().trim_end_matches(['\0', ' ']).to_owned();
        let size = usize::from_str_radix(&text(124, 136), 8).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("copy.db"), &bytes[at + 512..at + 512 + size]).unwrap();
        let copy = Connection::open(folder.path().join("copy.db")).unwrap();
        assert_eq!(copy.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).unwrap(), "ok");
        names.push(text(0, 100));
        at += 512 + size.div_ceil(512) * 512;
    }
    names
}

/// What an app tells of its inside is there from memory, and again after a restart, under its own names.
#[test]
fn figures_of_an_app_are_kept_by_their_names() {
    let home = Home::new();
    let custom = |name: &str| Figure::Custom(name.into());
    let mut tick = tick(now(), 1.0);
    let told = [
        (Figure::HeapBytes, 5_000_704.0),
        (Figure::EventLoopLagMs, 12.3),
        (Figure::CheckMs, 0.7),
        (custom("Orders / min"), 1_234_567.5),
        (custom("odd"), -1.0),
    ];
    tick.apps[0].figures = told.to_vec();
    tick.apps.push(AppSample { app: "a b".into(), figures: vec![(custom("other"), 1.0)], ..tick.apps[0].clone() });
    let read = |history: &History| -> Vec<(Figure, f64)> {
        let figures = history.metrics("a", last_day(100)).unwrap().figures;
        assert!(figures.iter().flat_map(|one| &one.points).all(|one| one.min <= one.mean && one.mean <= one.max), "{figures:?}");
        figures.into_iter().map(|one| (one.figure, (one.points[0].mean * 10.0).round() / 10.0)).collect()
    };
    let expected = [
        (Figure::HeapBytes, 5_000_704.0),
        (Figure::EventLoopLagMs, 12.3),
        (Figure::CheckMs, 0.7),
        (custom("Orders / min"), 1_234_567.5),
        (custom("odd"), 0.0),
    ];
    let history = home.open();
    history.record_tick(&tick);
    assert_eq!(read(&history), expected);
    history.close();
    drop(history);
    assert_eq!(read(&home.open()), expected);
    let known = database::figures(&Connection::open(home.file()).unwrap(), "a").unwrap();
    assert_eq!(known.len(), expected.len(), "also those that are no longer in memory: {known:?}");
}
