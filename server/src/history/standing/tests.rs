use proptest::prelude::*;

use super::*;

/// An event at a second, for the first instance.
fn event(second: i64, kind: EventKind, cause: Cause, state: State) -> Event {
    let mut event = Event::new(Time(second * 1000), kind, cause, format!("{} {}", kind.word(), cause.word()));
    (event.app, event.index, event.state) = (Some("a".into()), Some(0), Some(state));
    event
}

fn online(second: i64) -> Event {
    event(second, EventKind::Online, Cause::Request, State::Online)
}

fn exit(second: i64, cause: Cause) -> Event {
    event(second, EventKind::Exit, cause, State::Starting)
}

/// Times in which it was not there, in seconds: `down 2-5`, `off 0-1`. The last may go on.
fn spells(events: &[Event]) -> String {
    let mut standing = Standing::new(Time(0));
    let mut told: Vec<String> = Vec::new();
    let word = |open: &Open| format!("{} {}", if open.is_down { "down" } else { "off" }, open.from.ms() / 1000);
    for event in events {
        told.extend(standing.apply(event, Time(10_000)).iter().map(|one| format!("{}-{}", word(&one.open), one.to.ms() / 1000)));
    }
    told.extend(standing.open.iter().map(|open| format!("{}-", word(open))));
    told.join(", ")
}

#[test]
fn what_counts() {
    use Cause::{Cron, Finished, MemoryLimit, Probe, Request, Shutdown, Spawn, Unknown, Watch};
    use EventKind::{BackingOff, Errored, Healthy, SpawnFailed, Stopped, Stopping, Unhealthy};
    let at = event;
    for (events, expected) in [
        (vec![online(1)], ""),
        (vec![online(1), exit(2, Cause::Crash), online(3)], "down 2-3"),
        (vec![online(1), exit(2, Finished), online(3)], "down 2-3"),
        (vec![online(1), exit(2, Unknown), online(3)], "down 2-3"),
        (vec![online(1), exit(2, Cause::Crash), at(2, BackingOff, Cause::Crash, State::BackingOff), online(9)], "down 2-9"),
        (vec![online(1), exit(2, Cause::Crash), at(2, Errored, Cause::Crash, State::Errored)], "down 2-"),
        (vec![at(1, SpawnFailed, Spawn, State::BackingOff)], "down 1-"),
        (vec![online(1), at(2, Stopping, MemoryLimit, State::Stopping), exit(4, MemoryLimit), online(5)], "down 2-5"),
        (vec![online(1), at(2, Unhealthy, Probe, State::Online), at(7, Healthy, Probe, State::Online)], "down 2-7"),
        // Healed, and not healthy before a check passes.
        (
            vec![
                online(1),
                at(2, Unhealthy, Probe, State::Online),
                exit(3, Probe),
                online(4),
                at(9, Healthy, Probe, State::Online),
            ],
            "down 2-9",
        ),
        // What was asked for.
        (vec![online(1), at(2, Stopping, Request, State::Stopping), exit(3, Request), online(5)], "off 2-5"),
        (vec![online(1), exit(3, Request), at(3, Stopped, Request, State::Stopped)], "off 3-"),
        (vec![online(1), exit(3, Watch), online(4), exit(5, Cron), online(6)], "off 3-4, off 5-6"),
        (vec![online(1), exit(3, Shutdown), at(3, Stopped, Shutdown, State::Stopped), online(9)], "off 3-9"),
        // It ended by itself, and is not to come back.
        (vec![online(1), at(3, EventKind::Exit, Finished, State::Stopped)], "off 3-"),
        // Somebody ends what was an outage.
        (vec![online(1), exit(2, Cause::Crash), at(4, Stopped, Request, State::Stopped), online(8)], "down 2-4, off 4-8"),
        (
            vec![online(1), at(2, Unhealthy, Probe, State::Online), at(4, Stopping, Request, State::Stopping), online(5)],
            "down 2-4, off 4-5",
        ),
        // The old process of a reload, and one that fails.
        (vec![online(1), Event { state: None, ..exit(3, Request) }], ""),
        (vec![online(1), at(3, SpawnFailed, Cause::NotReady, State::Online)], ""),
        // The host ended after 10 s, and came back after 60.
        (vec![online(1), at(60, EventKind::Start, Cause::HostReboot, State::Online)], "down 10-60"),
        (vec![online(1), exit(2, Request), at(60, EventKind::Start, Cause::HostReboot, State::Online)], "off 2-60"),
        // qd came back: it lives.
        (vec![online(1), at(60, EventKind::Adopted, Cause::Restart, State::Online)], ""),
        // A clock that was set back.
        (vec![online(5), exit(9, Cause::Crash), online(3)], ""),
    ] {
        assert_eq!(spells(&events), expected, "{events:#?}");
    }
}

#[test]
fn one_instance_that_is_there_is_enough() {
    let second = |event: Event| Event { index: Some(1), ..event };
    let events =
        [online(1), second(online(1)), exit(2, Cause::Crash), second(exit(4, Cause::Crash)), online(5), second(online(6))];
    assert_eq!(spells(&events), "down 4-5");
}

fn any_event() -> impl Strategy<Value = Event> {
    let causes = [Cause::Crash, Cause::Request, Cause::Probe, Cause::Spawn, Cause::HostReboot, Cause::Shutdown, Cause::Unknown];
    let states = [State::Online, State::Starting, State::Stopped, State::BackingOff];
    (0_i64..50, prop::sample::select(EventKind::ALL.to_vec()), prop::sample::select(causes.to_vec()), 0_u32..3, 0..states.len())
        .prop_map(move |(second, kind, cause, index, state)| Event {
            index: Some(index),
            ..event(second, kind, cause, states[state])
        })
}

proptest! {
    #[test]
    fn times_follow_each_other(mut events in prop::collection::vec(any_event(), 0..40)) {
        events.sort_by_key(|event| event.time);
        let mut standing = Standing::new(Time(0));
        let mut ended = Vec::new();
        for event in &events {
            ended.extend(standing.apply(event, event.time));
        }
        prop_assert!(ended.iter().all(|one| one.open.from < one.to));
        prop_assert!(ended.windows(2).all(|pair| pair[0].to <= pair[1].open.from));
        prop_assert!(standing.open.is_none_or(|open| ended.last().is_none_or(|last| last.to <= open.from)));
    }

    #[test]
    fn what_is_written_is_read(events in prop::collection::vec(any_event(), 0..10)) {
        let mut standing = Standing::new(Time(0));
        for event in &events {
            standing.apply(event, event.time);
        }
        let text = serde_json::to_string(&standing).unwrap();
        prop_assert_eq!(serde_json::from_str::<Standing>(&text).unwrap(), standing);
    }
}
