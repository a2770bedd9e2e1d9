//! What the dashboard knows, and how each message of the live stream changes it. Pure, so that every rule has a test.
//!
//! Rows are shared by `Arc`: whoever shows one compares pointers to see whether it changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{
    App, Cause, Component, DayCell, Event, EventKind, EventLoopLag, Figure, HealthDocument, HostTrend, Node, Overview, Snapshot,
    State, StreamEvent, Time, Trend,
};

/// How many events are kept for "what happened".
const EVENTS: usize = 200;
/// An app that failed within this time is watched closely; ms.
pub const UNSTEADY_MS: u64 = 600_000;
const CELL_MS: i64 = 86_400_000 / Overview::DAY_CELLS as i64;

/// An app and its recent past.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What is configured and what is.
    pub app: App,
    /// CPU use in percent of one core, while it runs.
    pub cpu_percent: Option<f32>,
    /// Memory in MiB, while it runs.
    pub memory_mb: Option<f32>,
    /// Used heap in MiB, where the app tells it.
    pub heap_mb: Option<f32>,
    /// How long its event loop makes wait, where the app tells it.
    pub lag: Option<EventLoopLag>,
    /// Spark lines and the last 24 hours.
    pub trend: Trend,
    /// When it ended by itself in the last 10 minutes, oldest first.
    pub failures: Vec<Time>,
    /// Since when it is down, however often it was tried again.
    pub down_since: Option<Time>,
}

impl Row {
    /// What the app tells of its inside now.
    #[must_use]
    pub fn figures(&self) -> Vec<(Figure, f64)> {
        let heap = self.heap_mb.map(|mib| (Figure::HeapBytes, f64::from(mib) * 1_048_576.0));
        let lag = self.lag.map(|lag| (Figure::EventLoopLagMs, f64::from(lag.p99)));
        let check = self.app.probe.as_ref().and_then(|probe| probe.latency_ms).map(|ms| (Figure::CheckMs, ms));
        let custom = self.app.metrics.iter().map(|(name, value)| (Figure::Custom(name.clone()), *value));
        heap.into_iter().chain(lag).chain(check).chain(custom).collect()
    }
}

/// A message of the live stream, or what is asked for where there is none.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// How things stand.
    Snapshot(Box<Snapshot>),
    /// New figures.
    Health(Box<HealthDocument>),
    /// Something happened.
    Event(Box<StreamEvent>),
    /// How things stand, with the recent past.
    Overview(Box<Overview>),
}

/// Everything that the dashboard knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Dashboard {
    /// Who answers.
    pub node: Node,
    /// The latest figures of the host; its components are taken out.
    pub health: Arc<HealthDocument>,
    /// Names of the apps in the order in which they were added.
    pub order: Arc<Vec<String>>,
    /// The recent past of the host.
    pub host: Arc<HostTrend>,
    /// What happened, newest first.
    pub events: Arc<Vec<Event>>,
    /// Number of the latest event that is contained.
    pub last_event_id: u64,
    rows: BTreeMap<String, Arc<Row>>,
}

impl Dashboard {
    /// Begins with what the page was rendered from.
    #[must_use]
    pub fn new(overview: Overview) -> Self {
        let mut this = Self {
            node: overview.node.clone(),
            health: Arc::new(HealthDocument { components: BTreeMap::new(), ..overview.health.clone() }),
            order: Arc::default(),
            host: Arc::default(),
            events: Arc::default(),
            last_event_id: 0,
            rows: BTreeMap::new(),
        };
        this.begin(overview);
        this
    }

    /// An app by its name.
    #[must_use]
    pub fn row(&self, name: &str) -> Option<Arc<Row>> {
        self.rows.get(name).cloned()
    }

    /// Every app in order.
    pub fn rows(&self) -> impl Iterator<Item = &Arc<Row>> {
        self.order.iter().filter_map(|name| self.rows.get(name))
    }

    /// When the latest figures were measured.
    #[must_use]
    pub fn time(&self) -> Time {
        self.health.timestamp
    }

    /// Takes a message in. The same one twice does no harm.
    pub fn apply(&mut self, message: Message) {
        match message {
            Message::Overview(overview) => self.begin(*overview),
            Message::Snapshot(snapshot) => self.replace(*snapshot),
            Message::Health(health) => self.measure(*health),
            Message::Event(event) => self.happened(*event),
        }
    }

    fn begin(&mut self, mut overview: Overview) {
        self.host = Arc::new(overview.host);
        overview.events.sort_by_key(|event| std::cmp::Reverse(event.id));
        self.events = Arc::new(overview.events);
        for row in self.rows.values_mut() {
            if let Some(trend) = overview.trends.remove(&row.app.name) {
                Arc::make_mut(row).trend = trend;
            }
        }
        let snapshot =
            Snapshot { node: overview.node, last_event_id: overview.last_event_id, apps: overview.apps, health: overview.health };
        self.replace(snapshot);
        for (name, trend) in overview.trends {
            if let Some(row) = self.rows.get_mut(&name) {
                Arc::make_mut(row).trend = trend;
            }
        }
    }

    fn replace(&mut self, snapshot: Snapshot) {
        self.node = snapshot.node;
        self.last_event_id = snapshot.last_event_id;
        let names: Vec<_> = snapshot.apps.iter().map(|app| app.name.clone()).collect();
        self.rows.retain(|name, _| names.contains(name));
        if *self.order != names {
            self.order = Arc::new(names);
        }
        for app in snapshot.apps {
            self.put(app);
        }
        self.measure(snapshot.health);
    }

    fn put(&mut self, app: App) {
        let now = self.time();
        let known = self.rows.remove(&app.name);
        let mut row = known.map_or_else(|| fresh(&app, &self.events, now), Arc::unwrap_or_clone);
        row.down_since = match (is_down(&app), row.down_since) {
            (false, since) if app.state == State::Starting => since,
            (false, _) => None,
            (true, Some(since)) => Some(since),
            (true, None) => app.first().map(|one| one.since),
        };
        if app.first().is_none_or(|one| one.pid.is_none()) {
            (row.cpu_percent, row.memory_mb, row.heap_mb, row.lag) = (None, None, None, None);
        }
        row.app = app;
        self.rows.insert(row.app.name.clone(), Arc::new(row));
    }

    fn measure(&mut self, mut health: HealthDocument) {
        let (last, now) = (self.health.timestamp, health.timestamp);
        if now < last {
            return;
        }
        let again = now == last;
        for (name, part) in std::mem::take(&mut health.components) {
            if let Some(row) = self.rows.get_mut(&name) {
                update(Arc::make_mut(row), &part, last, now, again);
            }
        }
        if !again {
            let host = Arc::make_mut(&mut self.host);
            extend(&mut host.cpu_percent, Some(health.cpu.usage_percent), last, now);
            extend(&mut host.memory_percent, Some(health.memory.usage_percent), last, now);
            extend(&mut host.disk_percent, Some(health.disk.usage_percent), last, now);
        }
        self.health = Arc::new(health);
    }

    fn happened(&mut self, message: StreamEvent) {
        let StreamEvent { event, instance, definition } = message;
        let at = self.events.partition_point(|known| known.id > event.id);
        if self.events.get(at).is_some_and(|known| known.id == event.id) {
            return;
        }
        let news = event.id > self.last_event_id;
        if let Some(name) = event.app.clone().filter(|_| news) {
            self.last_event_id = event.id;
            match (definition, instance) {
                (Some(app), _) => {
                    if !self.rows.contains_key(&name) {
                        Arc::make_mut(&mut self.order).push(name.clone());
                    }
                    self.put(app);
                }
                (None, _) if event.kind == EventKind::Deleted => {
                    self.rows.remove(&name);
                    Arc::make_mut(&mut self.order).retain(|one| *one != name);
                }
                (None, Some(instance)) => {
                    if let Some(row) = self.rows.get(&name) {
                        let mut app = row.app.clone();
                        match app.instances.iter_mut().find(|one| one.index == instance.index) {
                            Some(one) => *one = instance,
                            None => app.instances.push(instance),
                        }
                        app.state =
                            app.instances.iter().map(|one| one.state).max_by_key(|state| badness(*state)).unwrap_or(app.state);
                        app.reason = app.instances.iter().find(|one| one.state == app.state).and_then(|one| one.reason.clone());
                        app.wanted = match (event.kind, event.state) {
                            (EventKind::Start, _) => true,
                            (_, Some(State::Stopped)) if event.cause == Cause::Request => false,
                            _ => app.wanted,
                        };
                        self.put(app);
                    }
                }
                (None, None) => {}
            }
            if is_failure(&event)
                && let Some(row) = self.rows.get_mut(&name)
            {
                let row = Arc::make_mut(row);
                if ends(&event) {
                    row.failures.push(event.time);
                }
                // A new process that failed beside the old one took nothing down.
                let goes_on = event.kind == EventKind::SpawnFailed && event.cause == Cause::NotReady;
                if let Some(cell) = row.trend.day.last_mut().filter(|_| !goes_on) {
                    *cell =
                        if event.kind == EventKind::Exit && *cell != DayCell::Down { DayCell::Restarted } else { DayCell::Down };
                }
            }
        }
        self.last_event_id = self.last_event_id.max(event.id);
        let events = Arc::make_mut(&mut self.events);
        events.insert(at, event);
        events.truncate(EVENTS);
    }
}

fn fresh(app: &App, events: &[Event], now: Time) -> Row {
    let mine = events.iter().filter(|event| {
        event.app.as_ref() == Some(&app.name) && is_failure(event) && ends(event) && now.since(event.time) < UNSTEADY_MS
    });
    let mut failures: Vec<_> = mine.map(|event| event.time).collect();
    failures.reverse();
    Row {
        app: app.clone(),
        cpu_percent: None,
        memory_mb: None,
        heap_mb: None,
        lag: None,
        trend: Trend::default(),
        failures,
        down_since: None,
    }
}

fn update(row: &mut Row, part: &Component, last: Time, now: Time, again: bool) {
    (row.cpu_percent, row.memory_mb) = (part.cpu_percent, part.memory_rss_mb);
    (row.heap_mb, row.lag) = (part.memory_heap_mb, part.event_loop_lag_ms);
    row.app.metrics.clone_from(&part.metrics);
    row.app.probe.clone_from(&part.probe);
    row.app.findings.clone_from(&part.findings);
    if let [only] = row.app.instances.as_mut_slice() {
        only.cpu_percent = part.cpu_percent.unwrap_or_default();
        only.memory_bytes = (part.memory_rss_mb.unwrap_or_default() * 1_048_576.0) as u64;
        if only.pid == part.pid {
            only.port = part.port;
        }
    }
    row.failures.retain(|time| now.since(*time) < UNSTEADY_MS);
    if again {
        return;
    }
    extend(&mut row.trend.cpu_percent, part.cpu_percent, last, now);
    extend(&mut row.trend.memory_mb, part.memory_rss_mb, last, now);
    let cell = match row.app.state {
        State::Online | State::Starting | State::Stopping => DayCell::Up,
        State::Stopped if !row.app.wanted => DayCell::Stopped,
        _ => DayCell::Down,
    };
    if now.0 / CELL_MS > last.0 / CELL_MS {
        push(&mut row.trend.day, cell, Overview::DAY_CELLS);
    } else if let Some(current) = row.trend.day.last_mut()
        && (cell == DayCell::Down || *current == DayCell::Unknown)
    {
        *current = cell;
    }
}

/// A new point each [`Overview::TREND_STEP_MS`]. Between them nothing moves: the figure itself stands beside the line.
fn extend(points: &mut Vec<Option<f32>>, value: Option<f32>, last: Time, now: Time) {
    let step = Overview::TREND_STEP_MS as i64;
    let steps = (now.0 / step - last.0 / step).clamp(0, Overview::TREND_POINTS as i64);
    if steps == 0 && !points.is_empty() {
        return;
    }
    for _ in 1..steps {
        push(points, None, Overview::TREND_POINTS);
    }
    push(points, value, Overview::TREND_POINTS);
}

fn push<T>(items: &mut Vec<T>, item: T, limit: usize) {
    items.push(item);
    let surplus = items.len().saturating_sub(limit);
    items.drain(..surplus);
}

/// Is it meant to run, and does not?
#[must_use]
pub fn is_down(app: &App) -> bool {
    match app.state {
        State::Online | State::Starting | State::Stopping => false,
        State::BackingOff | State::Errored | State::Unkillable => !app.is_live(),
        State::Stopped => app.wanted,
    }
}

/// Did something end that was not asked to?
#[must_use]
pub fn is_failure(event: &Event) -> bool {
    match event.kind {
        EventKind::Exit => matches!(
            event.cause,
            Cause::Crash
                | Cause::OutOfMemory
                | Cause::MemoryLimit
                | Cause::Probe
                | Cause::NotReady
                | Cause::Finished
                | Cause::Unknown
        ),
        EventKind::SpawnFailed | EventKind::Errored | EventKind::Unkillable => true,
        _ => false,
    }
}

/// Did a run end, or not even begin? That it was given up is told besides.
const fn ends(event: &Event) -> bool {
    matches!(event.kind, EventKind::Exit | EventKind::SpawnFailed)
}

const fn badness(state: State) -> u8 {
    match state {
        State::Stopped => 0,
        State::Online => 1,
        State::Starting => 2,
        State::Stopping => 3,
        State::BackingOff => 4,
        State::Unkillable => 5,
        State::Errored => 6,
    }
}

#[cfg(test)]
mod tests;
