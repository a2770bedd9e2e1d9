use proptest::prelude::*;

use super::*;
use crate::sample::{NOW, app, component, crash, health, instance, overview};

fn dashboard() -> Dashboard {
    Dashboard::new(overview(vec![app("a", State::Online), app("b", State::Online)]))
}

fn event(event: Event, state: State) -> Message {
    let after = crate::model::Instance { restarts: 1, ..instance(state) };
    Message::Event(Box::new(StreamEvent { event, instance: Some(after), definition: None }))
}

fn measured(time: Time, app: &App, memory_mb: Option<f32>) -> Message {
    let components = BTreeMap::from([(app.name.clone(), component(app, memory_mb))]);
    Message::Health(Box::new(HealthDocument { components, ..health(time) }))
}

fn state(dashboard: &Dashboard, name: &str) -> Option<State> {
    dashboard.row(name).map(|row| row.app.state)
}

#[test]
fn an_event_replaces_its_instance_and_nothing_else() {
    let mut it = dashboard();
    let before = it.row("b");
    it.apply(event(crash(11, "a", NOW), State::BackingOff));
    assert_eq!((state(&it, "a"), it.last_event_id, it.events.len()), (Some(State::BackingOff), 11, 1));
    let same = before.zip(it.row("b")).is_some_and(|(before, after)| Arc::ptr_eq(&before, &after));
    assert!(same, "the other row was touched");
}

#[test]
fn what_was_stopped_on_request_is_not_down() {
    let mut it = dashboard();
    let stopped = Event { state: Some(State::Stopped), ..Event::new(NOW, EventKind::Stopped, Cause::Request, "stopped by ana") };
    it.apply(event(Event { id: 11, app: Some("a".into()), index: Some(0), ..stopped }, State::Stopped));
    assert_eq!(it.row("a").map(|row| (row.app.wanted, row.down_since)), Some((false, None)));
    let started = Event { state: Some(State::Online), ..Event::new(NOW, EventKind::Start, Cause::Request, "started by ana") };
    it.apply(event(Event { id: 12, app: Some("a".into()), index: Some(0), ..started }, State::Online));
    assert_eq!(it.row("a").map(|row| row.app.wanted), Some(true));
}

#[test]
fn old_events_are_listed_and_change_nothing() {
    let mut it = dashboard();
    it.apply(event(crash(7, "a", NOW), State::Errored));
    assert_eq!((state(&it, "a"), it.last_event_id), (Some(State::Online), 10));
    assert_eq!(it.events.iter().map(|event| event.id).collect::<Vec<_>>(), [7]);
}

#[test]
fn apps_come_and_go() {
    let mut it = dashboard();
    let added = Event { id: 11, app: Some("c".into()), ..Event::new(NOW, EventKind::Added, Cause::Config, "added") };
    it.apply(Message::Event(Box::new(StreamEvent { event: added, instance: None, definition: Some(app("c", State::Stopped)) })));
    assert_eq!(*it.order, ["a", "b", "c"]);
    let deleted = Event { id: 12, app: Some("a".into()), ..Event::new(NOW, EventKind::Deleted, Cause::Request, "deleted") };
    it.apply(Message::Event(Box::new(StreamEvent { event: deleted, instance: None, definition: None })));
    assert_eq!((*it.order).clone(), ["b", "c"]);
    assert_eq!(it.row("a"), None);
    let snapshot =
        Snapshot { node: Node::default(), last_event_id: 20, apps: vec![app("b", State::Errored)], health: health(NOW) };
    it.apply(Message::Snapshot(Box::new(snapshot)));
    assert_eq!((it.rows().count(), state(&it, "b"), it.last_event_id), (1, Some(State::Errored), 20));
}

#[test]
fn figures_go_into_the_spark_lines() {
    let mut it = dashboard();
    let a = app("a", State::Online);
    for (seconds, memory) in [(2, 50.0), (4, 52.0), (12, 54.0), (42, 60.0)] {
        it.apply(measured(NOW + seconds * 1000, &a, Some(memory)));
    }
    let row = it.row("a").expect("it is there");
    assert_eq!(row.memory_mb, Some(60.0));
    assert_eq!(
        row.trend.memory_mb,
        [Some(50.0), Some(54.0), None, None, Some(60.0)],
        "a point each 10 s, a gap where nothing came"
    );
    assert_eq!(row.app.instances[0].port, Some(8080));
    it.apply(measured(NOW, &a, Some(1.0)));
    assert_eq!(it.row("a").map(|row| row.memory_mb), Some(Some(60.0)), "an older document came late");
}

#[test]
fn down_is_counted_from_the_first_failure() {
    let mut it = dashboard();
    let away = |since: Time, state| crate::model::Instance { since, ..instance(state) };
    let told = |id, instance| {
        Message::Event(Box::new(StreamEvent { event: crash(id, "a", NOW), instance: Some(instance), definition: None }))
    };
    it.apply(told(11, away(NOW, State::BackingOff)));
    it.apply(told(12, away(NOW + 5000, State::Starting)));
    it.apply(told(13, away(NOW + 6000, State::BackingOff)));
    let since = |it: &Dashboard| it.row("a").and_then(|row| row.down_since);
    assert_eq!(since(&it), Some(NOW));
    it.apply(told(14, away(NOW + 9000, State::Online)));
    assert_eq!(since(&it), None);
    assert_eq!(it.row("a").map(|row| row.failures.len()), Some(4));
    it.apply(measured(NOW + UNSTEADY_MS as i64 + 1, &app("a", State::Online), Some(1.0)));
    assert_eq!(it.row("a").map(|row| row.failures.len()), Some(0), "what is long ago does not count");
}

fn any_message() -> impl Strategy<Value = Message> {
    let names = prop_oneof![Just("a"), Just("b"), Just("c")];
    let states = prop_oneof![Just(State::Online), Just(State::BackingOff), Just(State::Errored), Just(State::Stopped)];
    prop_oneof![
        (0..30_u64, names.clone(), states.clone()).prop_map(|(id, name, state)| event(crash(id, name, NOW + id as i64), state)),
        (0..100_000_i64, names, states).prop_map(|(ms, name, state)| measured(NOW + ms, &app(name, state), Some(5.0))),
        (0..30_u64).prop_map(|last_event_id| Message::Overview(Box::new(Overview {
            last_event_id,
            ..overview(vec![app("b", State::Online)])
        }))),
    ]
}

proptest! {
    #[test]
    fn the_same_message_twice_does_no_harm(messages in proptest::collection::vec(any_message(), 0..20), last in any_message()) {
        let mut once = dashboard();
        for message in messages {
            once.apply(message);
        }
        once.apply(last.clone());
        let mut twice = once.clone();
        twice.apply(last);
        prop_assert_eq!(&once, &twice);
        prop_assert!(once.order.iter().all(|name| once.row(name).is_some()));
        prop_assert!(once.events.windows(2).all(|pair| pair[0].id > pair[1].id));
    }
}
