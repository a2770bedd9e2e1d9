use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use app::model::{AppRecord, AppSpec, InstanceRecord};
use tempfile::TempDir;

use super::*;
use crate::history::now;
use app::model::Time;

pub(super) type Notices = Arc<Mutex<Vec<String>>>;

pub(super) fn open(home: &TempDir) -> (Result<State, Error>, Notices) {
    let notices = Notices::default();
    let told = Arc::clone(&notices);
    (State::open(home.path(), &(Arc::new(move |said| told.lock().unwrap().push(said)) as Notify)), notices)
}

pub(super) fn home() -> (TempDir, State) {
    let home = tempfile::tempdir().unwrap();
    let state = open(&home).0.unwrap();
    (home, state)
}

pub(super) fn record(name: &str, wanted: bool) -> AppRecord {
    AppRecord {
        name: name.into(),
        spec: AppSpec { name: name.into(), script: "a.js".into(), ..AppSpec::default() }.into(),
        wanted,
        created_at: Time(1_765_473_224_408),
        instances: vec![InstanceRecord { index: 0, pm_id: 7, restarts: 3 }],
    }
}

#[test]
fn apps_are_kept_in_the_order_in_which_they_came() {
    let (home, state) = home();
    state.put_apps(&[record("b", true), record("a", true), record("c", true)]).unwrap();
    state.put_app(&record("b", false)).unwrap();
    state.remove_app("a").unwrap();
    state.remove_app("never-there").unwrap();
    drop(state);
    assert_eq!(open(&home).0.unwrap().apps().unwrap(), [record("b", false), record("c", true)]);
}

#[test]
fn an_empty_list_never_replaces_one_that_is_not() {
    let (_home, state) = home();
    assert_eq!(state.saved().unwrap(), None);
    state.save(&[]).unwrap();
    state.save(&[record("a", true)]).unwrap();
    assert!(matches!(state.save(&[]), Err(Error::EmptyList)));
    assert_eq!(state.saved().unwrap(), Some(vec![record("a", true)]));
}

#[test]
fn numbers_are_given_once() {
    let (home, state) = home();
    assert_eq!(state.reserve("event", 1000).unwrap(), 1);
    assert_eq!(state.reserve("event", 10).unwrap(), 1001);
    drop(state);
    assert_eq!(open(&home).0.unwrap().reserve("event", 1).unwrap(), 1011);
}

#[test]
fn a_definition_that_cannot_be_read_is_named() {
    let (_home, state) = home();
    state.put_app(&record("a", true)).unwrap();
    state.lock().execute("UPDATE apps SET spec = '{'", []).unwrap();
    let error = state.apps().unwrap_err().to_string();
    assert!(error.contains("the app a"), "{error}");
}

#[test]
fn nobody_else_may_read_the_files() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join(FILE), "").unwrap();
    fs::set_permissions(home.path().join(FILE), fs::Permissions::from_mode(0o644)).unwrap();
    let state = open(&home).0.unwrap();
    state.set_meta("a", "b").unwrap();
    state.back_up(now()).unwrap().unwrap();
    let mut seen = 0;
    for folder in [home.path().to_owned(), home.path().join("backup")] {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{:?} has mode {mode:o}", entry.path());
            seen += 1;
        }
    }
    assert_eq!(seen, 5, "state.db with -wal and -shm, the folder, the copy");
}

#[test]
fn a_newer_schema_is_refused_and_left_as_it_is() {
    let (home, state) = home();
    state.put_app(&record("a", true)).unwrap();
    state.lock().pragma_update(None, "user_version", 99).unwrap();
    drop(state);
    let (refused, notices) = open(&home);
    assert!(matches!(refused, Err(Error::Newer { found: 99, .. })), "{refused:?}");
    assert!(notices.lock().unwrap().is_empty());
    let connection = Connection::open(home.path().join(FILE)).unwrap();
    assert_eq!(connection.query_row("SELECT count(*) FROM apps", [], |row| row.get::<_, i64>(0)).unwrap(), 1);
}

#[test]
fn a_copy_is_made_each_day_and_three_are_kept() {
    let (home, state) = home();
    let day = |n: i64| Time(1_765_473_224_408 + n * 86_400_000);
    for n in 0..5 {
        assert!(state.back_up(day(n)).unwrap().is_some());
        assert!(state.back_up(day(n)).unwrap().is_none());
    }
    let mut names: Vec<_> =
        fs::read_dir(home.path().join("backup")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["state-2025-12-13.db", "state-2025-12-14.db", "state-2025-12-15.db"]);
}

#[test]
fn a_damaged_database_is_set_aside_and_the_newest_good_backup_takes_its_place() {
    let (home, state) = home();
    let day = |n: i64| Time(1_765_473_224_408 + n * 86_400_000);
    state.put_app(&record("a", true)).unwrap();
    state.back_up(day(0)).unwrap();
    state.put_app(&record("b", true)).unwrap();
    let bad = state.back_up(day(1)).unwrap().unwrap();
    drop(state);
    fs::write(bad, b"no database at all, but as long as one is ".repeat(200)).unwrap();
    let junk = b"this is no database ".repeat(5000);
    fs::write(home.path().join(FILE), &junk).unwrap();

    let (state, notices) = open(&home);
    assert_eq!(state.unwrap().apps().unwrap(), [record("a", true)]);
    let said = notices.lock().unwrap().join("\n");
    assert!(said.contains("state.db was damaged") && said.contains("state-2025-12-11.db"), "{said}");
    let aside = fs::read_dir(home.path())
        .unwrap()
        .map(|e| e.unwrap())
        .find(|e| e.file_name().to_string_lossy().starts_with("state.db.corrupt-"));
    assert_eq!(fs::read(aside.unwrap().path()).unwrap(), junk);
}

#[test]
fn a_truncated_database_without_a_backup_begins_empty() {
    let (home, state) = home();
    state.put_apps(&(0..200).map(|n| record(&format!("app-{n}"), true)).collect::<Vec<_>>()).unwrap();
    drop(state);
    let file = fs::OpenOptions::new().write(true).open(home.path().join(FILE)).unwrap();
    assert!(file.metadata().unwrap().len() > 20_000);
    file.set_len(9000).unwrap();
    let (state, notices) = open(&home);
    assert_eq!(state.unwrap().apps().unwrap(), []);
    assert!(notices.lock().unwrap()[0].contains("begins empty"));
}

#[test]
fn what_is_noted_is_there_at_once_and_in_the_file_itself_once_it_is_settled() {
    let (home, state) = home();
    let in_the_file_alone = || {
        let copy = tempfile::tempdir().unwrap();
        fs::copy(home.path().join(FILE), copy.path().join(FILE)).unwrap();
        open(&copy).0.unwrap().apps().unwrap()
    };
    state.note_apps(&[record("a", true)]).unwrap();
    assert_eq!(state.apps().unwrap(), [record("a", true)]);
    assert_eq!(in_the_file_alone(), []);
    state.settle().unwrap();
    assert_eq!(in_the_file_alone(), [record("a", true)]);
    state.lock().execute_batch("ALTER TABLE apps RENAME TO elsewhere").unwrap();
    state.note_apps(&[record("b", true)]).unwrap_err();
    let pragma = |name| state.lock().pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(["synchronous", "wal_autocheckpoint"].map(pragma), [2, 1000], "what comes after it waits for the disk again");
}

#[test]
fn what_cannot_be_opened_is_a_clear_error() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(FILE)).unwrap();
    let error = open(&home).0.unwrap_err().to_string();
    assert!(error.contains("state.db") && error.contains("a file that you may write"), "{error}");
}

#[test]
fn the_audit_log_only_grows() {
    let (_home, state) = home();
    for n in 1..=3 {
        let entry = AuditEntry {
            time: Time(n),
            actor: "ann\u{1b}[2J".into(),
            action: "restart".into(),
            object: format!("app-{n}"),
            result: "done".into(),
        };
        state.audit(&entry).unwrap();
    }
    assert!(state.lock().execute("UPDATE audit SET actor = 'bob'", []).is_err());
    assert!(state.lock().execute("DELETE FROM audit", []).is_err());
    let log = state.audit_log(2).unwrap();
    assert_eq!(log.iter().map(|entry| entry.object.as_str()).collect::<Vec<_>>(), ["app-3", "app-2"]);
    assert_eq!(log[0].actor, "ann [2J");
}

#[test]
fn a_copy_is_made_before_the_schema_changes() {
    let (home, state) = home();
    state.put_app(&record("a", true)).unwrap();
    backup::before_migration(&home.path().join(FILE), 1).unwrap();
    let copy = Connection::open(home.path().join("backup/state-before-schema-2.db")).unwrap();
    assert_eq!(copy.query_row("SELECT name FROM apps", [], |row| row.get::<_, String>(0)).unwrap(), "a");
    // It is not one of the daily ones, which come and go.
    assert!(backup::restore(&home.path().join("elsewhere.db"), 1).unwrap().is_none());
}
