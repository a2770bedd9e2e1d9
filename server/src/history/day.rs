//! The last 24 hours of each app in 48 pieces, made from its events.

use std::collections::{BTreeMap, HashMap};

use app::model::{Cause, DayCell, Event, EventKind, Overview, State, Time};

const CELL_MS: i64 = 30 * 60 * 1000;
const CELLS: usize = Overview::DAY_CELLS;
/// How long an app may wait for its next start before that counts as down, in ms.
const LONG_WAIT_MS: u64 = 60_000;

/// The days of all apps. Events are applied in their order.
#[derive(Debug, Default)]
pub(super) struct Days(HashMap<String, Day>);

/// The day of one app.
#[derive(Debug)]
struct Day {
    /// Number of the newest piece, counted since the epoch.
    newest: i64,
    /// What was seen in each piece, the newest last.
    cells: [Seen; CELLS],
    /// How each instance has been since its last event.
    instances: BTreeMap<u32, Status>,
}

/// How an instance is, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Up,
    Down,
    Stopped,
    Unknown,
}

/// What was seen in a piece of the day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    up: bool,
    down: bool,
    stopped: bool,
    restarted: bool,
}

impl Seen {
    fn note(&mut self, status: Status) {
        match status {
            Status::Up => self.up = true,
            Status::Down => self.down = true,
            Status::Stopped => self.stopped = true,
            Status::Unknown => {}
        }
    }

    /// The worst that was seen.
    fn cell(self) -> DayCell {
        match self {
            Self { down: true, .. } => DayCell::Down,
            Self { restarted: true, .. } => DayCell::Restarted,
            Self { stopped: true, .. } => DayCell::Stopped,
            Self { up: true, .. } => DayCell::Up,
            _ => DayCell::Unknown,
        }
    }
}

impl Days {
    /// Takes account of an event.
    pub(super) fn apply(&mut self, event: &Event) {
        let Some(app) = event.app.as_deref() else { return };
        if event.kind == EventKind::Deleted {
            self.0.remove(app);
            return;
        }
        if !self.0.contains_key(app) {
            self.0.insert(app.to_owned(), Day { newest: 0, cells: [Seen::default(); CELLS], instances: BTreeMap::new() });
        }
        if let Some(day) = self.0.get_mut(app) {
            day.apply(event);
        }
    }

    /// The pieces of an app's last 24 hours, oldest first.
    pub(super) fn cells(&mut self, app: &str, now: Time) -> Vec<DayCell> {
        let Some(day) = self.0.get_mut(app) else { return vec![DayCell::Unknown; CELLS] };
        day.advance(now);
        day.cells.iter().map(|seen| seen.cell()).collect()
    }
}

impl Day {
    fn apply(&mut self, event: &Event) {
        self.advance(event.time);
        if came_down(event) {
            self.cells[CELLS - 1].restarted = true;
        }
        if let Some(status) = status_after(event) {
            self.instances.insert(event.index.unwrap_or(0), status);
            self.cells[CELLS - 1].note(self.status());
        }
    }

    /// Moves on to the piece of this time; what was last known holds until then. A clock that went back changes nothing.
    fn advance(&mut self, to: Time) {
        let to = to.ms().div_euclid(CELL_MS);
        let pieces = usize::try_from(to - self.newest).unwrap_or(0).min(CELLS);
        let mut seen = Seen::default();
        seen.note(self.status());
        self.cells.rotate_left(pieces);
        self.cells[CELLS - pieces..].fill(seen);
        self.newest = self.newest.max(to);
    }

    /// How the app is: as its worst instance, and up where nothing is worse.
    fn status(&self) -> Status {
        let any = |status| self.instances.values().any(|one| *one == status);
        [Status::Down, Status::Up, Status::Stopped].into_iter().find(|status| any(*status)).unwrap_or(Status::Unknown)
    }
}

/// Did a process end without being asked to?
fn came_down(event: &Event) -> bool {
    let is_asked = matches!(
        event.cause,
        Cause::Request | Cause::Watch | Cause::Cron | Cause::Config | Cause::Restart | Cause::Shutdown | Cause::HostReboot
    );
    event.kind == EventKind::Exit && !is_asked
}

/// How the instance is from now on; none if the event does not tell.
fn status_after(event: &Event) -> Option<Status> {
    match event.kind {
        EventKind::Online | EventKind::Adopted => Some(Status::Up),
        // One that says itself when it is ready is told of again then.
        EventKind::Start if event.state == Some(State::Online) => Some(Status::Up),
        EventKind::Errored => Some(Status::Down),
        EventKind::SpawnFailed if event.cause == Cause::Spawn => Some(Status::Down),
        EventKind::BackingOff => {
            let wait = event.retry_at.map_or(0, |at| at.since(event.time));
            (wait >= LONG_WAIT_MS).then_some(Status::Down)
        }
        EventKind::Stopped if event.cause == Cause::Shutdown => Some(Status::Unknown),
        EventKind::Stopped => Some(Status::Stopped),
        // While the node is away nothing is known.
        EventKind::Exit if matches!(event.cause, Cause::Shutdown | Cause::HostReboot) => Some(Status::Unknown),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(piece: i64, kind: EventKind, cause: Cause) -> Event {
        let mut event = Event::new(Time((1000 + piece) * CELL_MS + 60_000), kind, cause, "");
        event.app = Some("a".into());
        event.index = Some(0);
        event
    }

    /// The last pieces of a day that ends with this one, from the first that is known.
    fn day(events: &[Event], last: i64) -> String {
        let mut days = Days::default();
        events.iter().for_each(|event| days.apply(event));
        let cells = days.cells("a", Time((1000 + last) * CELL_MS + 120_000));
        assert_eq!(cells.len(), CELLS);
        let letters = cells.iter().map(|cell| match cell {
            DayCell::Unknown => '?',
            DayCell::Up => 'u',
            DayCell::Restarted => 'r',
            DayCell::Down => 'd',
            DayCell::Stopped => 's',
        });
        letters.collect::<String>().trim_start_matches('?').to_owned()
    }

    #[test]
    fn a_day_as_it_went() {
        let online = |piece| event(piece, EventKind::Online, Cause::Request);
        assert_eq!(day(&[online(0)], 3), "uuuu");
        assert_eq!(day(&[online(0), event(1, EventKind::Exit, Cause::Crash), online(1)], 3), "uruu");
        assert_eq!(day(&[online(0), event(1, EventKind::Exit, Cause::Request), online(1)], 3), "uuuu");
        assert_eq!(day(&[online(0), event(1, EventKind::Stopped, Cause::Request), online(3)], 4), "usssu");
        assert_eq!(day(&[online(0), event(1, EventKind::Errored, Cause::Crash), online(3)], 4), "udddu");
        assert_eq!(day(&[online(0), event(1, EventKind::Exit, Cause::Shutdown), online(3)], 4), "uu?uu");
        assert_eq!(day(&[online(0)], 500), "u".repeat(CELLS));
        let mut start = event(0, EventKind::Start, Cause::Config);
        assert_eq!(day(&[start.clone()], 1), "", "it is not ready yet");
        start.state = Some(State::Online);
        assert_eq!(day(&[start.clone()], 1), "uu");
        assert_eq!(day(&[event(0, EventKind::SpawnFailed, Cause::Spawn)], 1), "dd");
        assert_eq!(day(&[start, event(1, EventKind::SpawnFailed, Cause::NotReady)], 2), "uuu", "the old process goes on");
        assert_eq!(day(&[online(0), event(1, EventKind::Deleted, Cause::Request)], 3), "");
        assert_eq!(day(&[], 3), "");
    }

    #[test]
    fn a_long_wait_is_down_and_a_short_one_is_a_restart() {
        let wait = |ms| {
            let mut backing_off = event(1, EventKind::BackingOff, Cause::Crash);
            backing_off.retry_at = Some(backing_off.time + ms);
            day(&[event(0, EventKind::Online, Cause::Request), event(1, EventKind::Exit, Cause::Crash), backing_off], 2)
        };
        assert_eq!(wait(2000), "uru");
        assert_eq!(wait(120_000), "udd");
    }

    #[test]
    fn one_instance_of_two_that_is_down_shows() {
        let mut second = event(1, EventKind::Errored, Cause::Crash);
        second.index = Some(1);
        assert_eq!(day(&[event(0, EventKind::Online, Cause::Request), second], 2), "udd");
    }

    #[test]
    fn a_clock_that_goes_back_does_no_harm() {
        assert_eq!(day(&[event(5, EventKind::Online, Cause::Request), event(2, EventKind::Errored, Cause::Crash)], 5), "d");
    }
}
