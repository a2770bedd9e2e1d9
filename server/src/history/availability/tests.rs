use std::sync::Arc;

use app::model::State;
use proptest::prelude::*;

use super::super::database::{Batch, Database};
use super::*;

const NOW: Time = Time(100 * 24 * HOUR_MS);

fn spell(from: i64, to: i64, is_down: bool) -> Spell {
    Spell { open: Open { from: Time(from), is_down, cause: Cause::Crash, message: "crash, exit 1".into() }, to: Time(to) }
}

/// An event so many hours before now.
fn event(id: u64, hours_ago: i64, kind: EventKind, cause: Cause) -> Event {
    let mut event = Event::new(NOW - hours_ago * HOUR_MS, kind, cause, kind.word());
    let state = if kind == EventKind::Online { State::Online } else { State::Starting };
    (event.id, event.app, event.index, event.state) = (id, Some("a".into()), Some(0), Some(state));
    event
}

fn story() -> Vec<Event> {
    vec![
        event(1, 40 * 24, EventKind::Online, Cause::Request),
        event(2, 31 * 24, EventKind::Exit, Cause::Crash),
        event(3, 29 * 24, EventKind::Online, Cause::Crash),
        event(4, 48, EventKind::Exit, Cause::Request),
        event(5, 36, EventKind::Online, Cause::Request),
        event(6, 1, EventKind::Exit, Cause::OutOfMemory),
    ]
}

fn told(availability: &Availability) -> Vec<(u64, u64)> {
    availability
        .spans
        .iter()
        .map(|span| (span.wanted_ms / HOUR_MS.unsigned_abs(), span.down_ms / HOUR_MS.unsigned_abs()))
        .collect()
}

#[test]
fn clipped_to_each_span_with_what_was_wanted_left_out() {
    let mut known = Known::default();
    story().iter().for_each(|event| known.apply(event, event.time));
    let availability = known.availability("a", Some(99.0), NOW);
    assert_eq!(told(&availability), [(24, 1), (7 * 24 - 12, 1), (30 * 24 - 12, 24 + 1)]);
    assert_eq!(availability.spans[0].percent, Some(100.0 * 23.0 / 24.0));
    assert_eq!(availability.budget, Some(ErrorBudget { target_percent: 99.0, allowed_ms: 25_920_000, left_ms: 0 }));
    let outages: Vec<_> = availability.outages.iter().map(|one| (one.cause, one.to)).collect();
    assert_eq!(outages, [(Cause::OutOfMemory, None), (Cause::Crash, Some(NOW - 29 * 24 * HOUR_MS))]);
}

#[test]
fn the_time_before_it_existed_is_not_counted() {
    let mut known = Known::default();
    known.apply(&event(1, 2, EventKind::Online, Cause::Request), NOW);
    known.apply(&event(2, 1, EventKind::Exit, Cause::Crash), NOW);
    let availability = known.availability("a", Some(99.9), NOW);
    assert_eq!(told(&availability), [(2, 1); 3]);
    assert_eq!(availability.spans[2].percent, Some(50.0));
    let nothing = Known::default().availability("a", Some(99.9), NOW);
    assert_eq!((nothing.since, nothing.spans[0].percent), (None, None));
    // 43 minutes and 12 seconds a month.
    assert_eq!(nothing.budget.unwrap().left_ms, 2_592_000);
}

/// Writes them, each in a transaction of its own, and asks.
fn written(home: &std::path::Path, events: &[Event]) -> Availability {
    let mut database = Database::open(&home.join("history.db"), 1 << 30).unwrap();
    for event in events {
        database.write(&Batch { events: &[Arc::new(event.clone())], ..Batch::default() }).unwrap();
    }
    read(&database.connection, "a", NOW).unwrap().availability("a", None, NOW)
}

#[test]
fn the_database_knows_the_same_however_often_it_is_told() {
    let home = tempfile::tempdir().unwrap();
    let mut known = Known::default();
    story().iter().for_each(|event| known.apply(event, event.time));
    let expected = known.availability("a", None, NOW);
    let first = written(home.path(), &story()[..4]);
    assert_eq!(first.outages.len(), 1);
    // After a kill the latest events are told again.
    assert_eq!(written(home.path(), &story()[2..]), expected);
    assert_eq!(written(home.path(), &story()), expected);
    // And it does not need the events.
    let database = Database::open(&home.path().join("history.db"), 1 << 30).unwrap();
    database.connection.execute("DELETE FROM events", []).unwrap();
    drop(database);
    assert_eq!(written(home.path(), &[]), expected);
}

#[test]
fn an_app_that_was_deleted_begins_anew() {
    let home = tempfile::tempdir().unwrap();
    let mut events = story();
    events.push(event(7, 1, EventKind::Deleted, Cause::Request));
    assert_eq!(written(home.path(), &events).since, None);
    events.push(event(8, 0, EventKind::Online, Cause::Request));
    let anew = written(home.path(), &events);
    assert_eq!((anew.since, anew.outages.len()), (Some(NOW), 0));
}

proptest! {
    #[test]
    fn sums_fit_into_their_spans(
        lengths in prop::collection::vec((1_i64..200 * HOUR_MS, any::<bool>()), 0..20),
        existed in 0_i64..60 * 24 * HOUR_MS,
    ) {
        let mut at = NOW.ms() - 40 * 24 * HOUR_MS;
        let mut spells = Vec::new();
        for (length, is_down) in lengths {
            spells.push(spell(at, at + length, is_down));
            at += 2 * length;
        }
        let mut before = 0;
        for hours in SPANS {
            let told = span(&spells, Some(NOW - existed), hours, NOW);
            let length = u64::from(hours) * HOUR_MS.unsigned_abs();
            prop_assert!(told.wanted_ms <= length.min(existed.unsigned_abs()));
            prop_assert!(told.down_ms <= told.wanted_ms);
            prop_assert!(told.percent.is_none_or(|percent| (0.0..=100.0).contains(&percent)));
            prop_assert_eq!(told.percent.is_some(), told.wanted_ms > 0);
            // A longer span holds the shorter one.
            prop_assert!(told.down_ms >= before);
            before = told.down_ms;
        }
    }

    #[test]
    fn a_spell_that_is_cut_in_two_counts_the_same(from in 0_i64..100, cut in 1_i64..100, rest in 1_i64..100) {
        let hour = |hour: i64| NOW.ms() - 200 * HOUR_MS + hour * HOUR_MS;
        let whole = [spell(hour(from), hour(from + cut + rest), true)];
        let parts = [spell(hour(from), hour(from + cut), true), spell(hour(from + cut), hour(from + cut + rest), true)];
        for hours in SPANS {
            prop_assert_eq!(span(&whole, Some(Time(0)), hours, NOW), span(&parts, Some(Time(0)), hours, NOW));
        }
    }
}
