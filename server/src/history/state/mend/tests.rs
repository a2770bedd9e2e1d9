use std::sync::{Arc, Mutex};

use app::model::Time;
use tempfile::TempDir;

use super::super::tests::{home, open as open_state, record};
use super::*;

fn day(n: i64) -> Time {
    Time(1_765_473_224_408 + n * 86_400_000)
}

/// Overwrites the middle of the file, as a disk does that forgets.
fn spoil(home: &TempDir, state: &State) {
    state.lock().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let path = home.path().join("state.db");
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.len();
    bytes[end / 4 / 4096 * 4096..].fill(0xa5);
    fs::write(&path, bytes).unwrap();
}

fn mend(state: &State) -> (Result<bool, Error>, Vec<String>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let notices = Arc::clone(&told);
    let mended = state.mend(&(Arc::new(move |said| notices.lock().unwrap().push(said)) as Notify));
    let said = told.lock().unwrap().clone();
    (mended, said)
}

fn names(state: &State) -> Vec<String> {
    state.apps().unwrap().into_iter().map(|app| app.name).collect()
}

#[test]
fn one_that_is_damaged_while_it_is_in_use_is_mended() {
    let (home, state) = home();
    state.put_app(&record("a", true)).unwrap();
    assert!(!mend(&state).0.unwrap());
    state.back_up(day(0)).unwrap().unwrap();
    state.put_app(&record("b", true)).unwrap();
    spoil(&home, &state);

    state.back_up(day(1)).unwrap_err();
    assert_eq!(fs::read_dir(home.path().join("backup")).unwrap().count(), 1, "a bad copy is none, and the older one is kept");
    let (mended, said) = mend(&state);
    assert!(mended.unwrap());
    assert!(said.len() == 1 && said[0].contains("state-2025-12-11.db took its place"), "{said:?}");
    assert_eq!(names(&state), ["a"]);
    // What the engine still knows is written again, and stays.
    state.put_apps(&[record("a", true), record("b", true)]).unwrap();
    assert!(!mend(&state).0.unwrap());
    state.back_up(day(1)).unwrap().unwrap();
    drop(state);
    assert_eq!(names(&open_state(&home).0.unwrap()), ["a", "b"]);
}

#[test]
fn one_that_could_not_be_replaced_is_opened_again_later() {
    let (_home, state) = home();
    state.put_app(&record("a", true)).unwrap();
    *state.lock() = Connection::open_in_memory().unwrap();
    state.apps().unwrap_err();
    assert!(mend(&state).0.unwrap());
    assert_eq!(names(&state), ["a"]);
}

#[test]
fn one_that_another_process_locks_is_told_and_not_set_aside() {
    let (home, state) = home();
    state.put_app(&record("a", true)).unwrap();
    state.lock().busy_timeout(std::time::Duration::from_millis(10)).unwrap();
    let other = Connection::open(home.path().join("state.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = state.put_app(&record("b", true)).unwrap_err().to_string();
    assert!(error.contains("locked"), "{error}");
    assert!(!mend(&state).0.unwrap());
    drop(other);
    state.put_app(&record("b", true)).unwrap();
    assert_eq!(names(&state), ["a", "b"]);
}

#[test]
fn one_that_was_emptied_is_restored_and_a_new_one_is_not_damaged() {
    let (home, state) = home();
    state.put_app(&record("a", true)).unwrap();
    state.back_up(day(0)).unwrap().unwrap();
    drop(state);
    fs::write(home.path().join("state.db"), "").unwrap();
    let (state, notices) = open_state(&home);
    assert_eq!(names(&state.unwrap()), ["a"]);
    assert!(notices.lock().unwrap()[0].contains("it is empty"));
}

#[test]
fn a_copy_of_a_newer_version_is_passed_over() {
    let (home, state) = home();
    state.put_app(&record("a", true)).unwrap();
    state.back_up(day(0)).unwrap().unwrap();
    let newer = state.back_up(day(1)).unwrap().unwrap();
    Connection::open(newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
    spoil(&home, &state);
    drop(state);
    let (state, notices) = open_state(&home);
    assert_eq!(names(&state.unwrap()), ["a"]);
    assert!(notices.lock().unwrap()[0].contains("state-2025-12-11.db"));
}

#[test]
fn no_schema_is_changed_before_there_is_a_good_copy() {
    let (home, state) = home();
    state.put_app(&record("a", true)).unwrap();
    drop(state);
    let path = home.path().join("state.db");
    let steps = [STEPS[0], "ALTER TABLE apps ADD COLUMN note TEXT"];
    let notify: Notify = Arc::new(|said| panic!("{said}"));

    fs::write(home.path().join("backup"), "in the way").unwrap();
    let error = open(&path, &steps, &notify).unwrap_err().to_string();
    assert!(error.contains("backup"), "{error}");
    assert_eq!(sqlite::schema(&Connection::open(&path).unwrap()).unwrap(), 1);

    fs::remove_file(home.path().join("backup")).unwrap();
    assert_eq!(sqlite::schema(&open(&path, &steps, &notify).unwrap()).unwrap(), 2);
    let copy = Connection::open(home.path().join("backup/state-before-schema-2.db")).unwrap();
    sqlite::verify(&copy, &path).unwrap();
    assert_eq!(sqlite::schema(&copy).unwrap(), 1);
    assert_eq!(copy.query_row("SELECT name FROM apps", [], |row| row.get::<_, String>(0)).unwrap(), "a");
}

#[test]
fn one_that_is_removed_or_replaced_while_it_is_in_use_is_written_anew() {
    let others: [(&str, &[&str], usize); 3] = [
        ("removed", &["state.db"], 1),
        ("its -wal too", &["state.db", "state.db-wal", "state.db-shm"], 1),
        ("its -wal", &["state.db-wal"], 2),
    ];
    for (what, removed, left) in others {
        let (home, state) = home();
        state.put_app(&record("a", true)).unwrap();
        assert!(state.is_in_place());
        state.set_meta("key", "value").unwrap();
        removed.iter().for_each(|name| fs::remove_file(home.path().join(name)).unwrap());
        state.put_app(&record("b", true)).unwrap();
        assert!(!state.is_in_place(), "{what}");
        let (mended, said) = mend(&state);
        assert!(!mended.unwrap(), "{what}: nothing is missing");
        assert!(said.len() == 1 && said[0].contains("was written anew"), "{what}: {said:?}");
        assert!(state.is_in_place(), "{what}");
        state.put_app(&record("c", true)).unwrap();
        drop(state);
        let (again, told) = open_state(&home);
        let again = again.unwrap();
        assert_eq!((names(&again), again.meta("key").unwrap()), (vec!["a".into(), "b".into(), "c".into()], Some("value".into())));
        assert!(told.lock().unwrap().is_empty(), "{what}");
        let all = fs::read_dir(home.path()).unwrap().flatten().filter(|file| file.file_name().to_string_lossy().ends_with("Z"));
        assert_eq!(all.count() + 1, left, "{what}");
    }
    let (home, state) = home();
    state.put_app(&record("a", true)).unwrap();
    fs::write(home.path().join("state.db.mine"), "of somebody").unwrap();
    fs::rename(home.path().join("state.db.mine"), home.path().join("state.db")).unwrap();
    let (mended, said) = mend(&state);
    assert!(!mended.unwrap() && said[0].contains("state.db.other-"), "{said:?}");
    assert_eq!(names(&state), ["a"]);
}
