//! How things stand, for all who read: apps, the latest health document, recent events, and the live stream of both.
//! Writers hold the lock for microseconds, so that no reader ever delays a restart.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use app::model::{App, Event, EventKind, HealthDocument, Instance, Node, Snapshot, State, StreamEvent};
use indexmap::IndexMap;
use tokio::sync::{broadcast, watch};

use super::journal::Journal;
use crate::control::{Follow, Live, Told};

/// How many events can be replayed to a client that was away.
const RING_EVENTS: usize = 2_000;
/// How many messages a slow client may lag behind before it has to begin anew.
const LIVE_MESSAGES: usize = 256;

/// Called with every event; must not block.
pub type Sink = Box<dyn Fn(Arc<Event>) + Send + Sync>;

/// How things stand.
pub struct Board {
    node: Node,
    inner: Mutex<Inner>,
    live: broadcast::Sender<Live>,
    standing: watch::Sender<()>,
    sink: Sink,
}

struct Inner {
    /// In the order in which they were added.
    apps: IndexMap<String, App>,
    /// The same for readers, until something changes.
    shared: Option<Arc<Vec<App>>>,
    recent: VecDeque<Arc<Told<StreamEvent>>>,
    last_id: u64,
    journal: Journal,
    health: Arc<Told<HealthDocument>>,
}

impl Inner {
    fn shared_apps(&mut self) -> Arc<Vec<App>> {
        self.shared.get_or_insert_with(|| Arc::new(self.apps.values().cloned().collect())).clone()
    }
}

impl Board {
    /// A board without apps that goes on counting events after `last_id`.
    #[must_use]
    pub fn new(node: Node, journal: Journal, recent: Vec<Event>, last_id: u64, health: HealthDocument, sink: Sink) -> Self {
        let skip = recent.len().saturating_sub(RING_EVENTS);
        let recent = recent.into_iter().skip(skip);
        let recent = recent.map(|event| Arc::new(Told::new(StreamEvent { event, instance: None, definition: None })));
        let inner = Inner {
            apps: IndexMap::new(),
            shared: None,
            recent: recent.collect(),
            last_id,
            journal,
            health: Arc::new(Told::new(health)),
        };
        let live = broadcast::Sender::new(LIVE_MESSAGES);
        Self { node, inner: Mutex::new(inner), live, standing: watch::Sender::new(()), sink }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who this is.
    #[must_use]
    pub fn node(&self) -> Node {
        self.node.clone()
    }

    /// Every app, in the order in which they were added.
    #[must_use]
    pub fn apps(&self) -> Arc<Vec<App>> {
        self.lock().shared_apps()
    }

    /// Looks at one app, without a copy of all.
    pub fn look<T>(&self, name: &str, with: impl FnOnce(&App) -> T) -> Option<T> {
        self.lock().apps.get(name).map(with)
    }

    /// The latest health document.
    #[must_use]
    pub fn health(&self) -> Arc<Told<HealthDocument>> {
        self.lock().health.clone()
    }

    /// Takes a new health document and tells it to all who follow.
    pub fn set_health(&self, document: HealthDocument) -> Arc<Told<HealthDocument>> {
        let told = Arc::new(Told::new(document));
        self.lock().health = told.clone();
        // Nobody listening is no error.
        let _ = self.live.send(Live::Health(told.clone()));
        told
    }

    /// Adds an app, or replaces what is told about it; instances that are known stay as they are.
    pub fn put_app(&self, mut app: App) {
        let mut inner = self.lock();
        match inner.apps.get_mut(&app.name) {
            Some(known) => {
                for one in &mut app.instances {
                    if let Some(old) = known.instances.iter().find(|old| old.index == one.index) {
                        *one = old.clone();
                    }
                }
                *known = app;
                judge(known);
            }
            None => {
                judge(&mut app);
                inner.apps.insert(app.name.clone(), app);
            }
        }
        inner.shared = None;
        self.standing.send_replace(());
    }

    /// Tells when an app comes or goes, is wanted or not, or one of its instances is in another
    /// state, has another reason, listens on another port, or passes its checks or not.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<()> {
        self.standing.subscribe()
    }

    /// Forgets an app.
    pub fn remove_app(&self, name: &str) {
        let mut inner = self.lock();
        inner.apps.shift_remove(name);
        inner.shared = None;
        self.standing.send_replace(());
    }

    /// Changes an app in place.
    pub fn with_app(&self, name: &str, change: impl FnOnce(&mut App)) {
        let mut inner = self.lock();
        if let Some(app) = inner.apps.get_mut(name) {
            let before = standing(app);
            change(app);
            judge(app);
            // Only news: who waits for some and tells that here would wake itself for ever.
            if standing(app) != before {
                self.standing.send_replace(());
            }
        }
        inner.shared = None;
    }

    /// Changes an instance in place.
    pub fn with_instance(&self, name: &str, index: u32, change: impl FnOnce(&mut Instance)) {
        self.with_app(name, |app| {
            if let Some(one) = app.instances.iter_mut().find(|one| one.index == index) {
                change(one);
            }
        });
    }

    /// Changes what apps count themselves, which nobody waits for.
    pub fn set_metrics(&self, metrics_of: impl Fn(&App) -> BTreeMap<String, f64>) {
        let mut inner = self.lock();
        for app in inner.apps.values_mut() {
            app.metrics = metrics_of(app);
        }
        inner.shared = None;
    }

    /// Changes every instance in place: for samples.
    pub fn with_all_instances(&self, mut change: impl FnMut(&mut Instance)) {
        let mut inner = self.lock();
        let mut moved = false;
        for one in inner.apps.values_mut().flat_map(|app| &mut app.instances) {
            let port = one.port;
            change(one);
            moved |= one.port != port;
        }
        if moved {
            self.standing.send_replace(());
        }
        inner.shared = None;
    }

    /// Numbers an event, keeps it and tells it to all. Gives its number.
    pub fn tell(&self, mut event: Event) -> u64 {
        let mut inner = self.lock();
        inner.last_id += 1;
        event.id = inner.last_id;
        inner.journal.append(&event);
        let app = event.app.as_ref().and_then(|name| inner.apps.get(name));
        let (instance, definition) = match (app, event.index) {
            (Some(app), Some(index)) => (app.instances.iter().find(|one| one.index == index).cloned(), None),
            (Some(app), None) => (None, Some(app.clone())),
            (None, _) => (None, None),
        };
        let told = Arc::new(Told::new(StreamEvent { event, instance, definition }));
        inner.recent.push_back(told.clone());
        if inner.recent.len() > RING_EVENTS {
            inner.recent.pop_front();
        }
        (self.sink)(Arc::new(told.value.event.clone()));
        let _ = self.live.send(Live::Event(told));
        inner.last_id
    }

    /// What was last told of the processes of each instance, as far back as events are remembered: start, return or end.
    #[must_use]
    pub(super) fn last_runs(&self) -> HashMap<(String, u32), HashMap<u32, EventKind>> {
        let inner = self.lock();
        let events = inner.recent.iter().map(|told| &told.value.event);
        let runs = events.filter(|event| matches!(event.kind, EventKind::Start | EventKind::Adopted | EventKind::Exit));
        let mut last: HashMap<_, HashMap<_, _>> = HashMap::new();
        for event in runs {
            if let (Some(app), Some(index), Some(pid)) = (&event.app, event.index, event.pid) {
                last.entry((app.clone(), index)).or_default().insert(pid, event.kind);
            }
        }
        last
    }

    /// Number of the latest event.
    #[must_use]
    pub fn last_id(&self) -> u64 {
        self.lock().last_id
    }

    /// How things stand, what the caller missed after the event `after`, and all that comes.
    #[must_use]
    pub fn follow(&self, after: Option<u64>) -> Follow {
        let mut inner = self.lock();
        let apps = inner.shared_apps();
        let live = self.live.subscribe();
        let oldest = inner.recent.front().map_or(inner.last_id + 1, |told| told.value.event.id);
        let resync = after.is_some_and(|id| id > inner.last_id || id + 1 < oldest);
        let missed = match after {
            Some(id) if !resync => inner.recent.iter().filter(|told| told.value.event.id > id).cloned().collect(),
            _ => Vec::new(),
        };
        let (last_event_id, health) = (inner.last_id, inner.health.value.clone());
        drop(inner);
        let snapshot = Told::new(Snapshot { node: self.node.clone(), last_event_id, apps: apps.to_vec(), health });
        Follow { resync, snapshot, missed, live }
    }
}

/// What others wait for: is it wanted, does it pass its checks, and how does each instance stand?
type Standing = (bool, Option<bool>, Vec<(State, Option<String>)>);

fn standing(app: &App) -> Standing {
    let healthy = app.probe.as_ref().and_then(|probe| probe.healthy);
    (app.wanted, healthy, app.instances.iter().map(|one| (one.state, one.reason.clone())).collect())
}

/// The state that stands for all instances: the one that needs the most attention.
fn judge(app: &mut App) {
    let rank = |state: State| match state {
        State::Unkillable => 0,
        State::Errored => 1,
        State::BackingOff => 2,
        State::Stopping => 3,
        State::Starting => 4,
        State::Online => 5,
        State::Stopped => 6,
    };
    if let Some(worst) = app.instances.iter().min_by_key(|one| rank(one.state)) {
        app.state = worst.state;
        app.reason = worst.reason.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::view;
    use crate::health::{HostFigures, document};
    use app::model::{AppSpec, Time};

    #[test]
    fn who_waits_is_woken_by_news_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(folder.path()).unwrap();
        let node = Node { hostname: "h".into(), version: "0".into(), started_at: Time(0), sample_every_ms: 2000 };
        let health = document(&[], &HostFigures::default(), "h", Time(0), Time(0));
        let board = Board::new(node, journal, Vec::new(), 0, health, Box::new(|_| {}));
        let spec = AppSpec { name: "a".into(), ..AppSpec::default() };
        let mut standing = board.standing();
        let mut news = |what: &str, change: &dyn Fn()| {
            change();
            let news = standing.has_changed().unwrap();
            standing.mark_unchanged();
            (what.to_owned(), news)
        };
        let put = || board.put_app(view::new_app(&spec, true, Time(0), vec![view::new_instance(0, 0, 0, Time(0))]));
        let state = |state| move |one: &mut Instance| one.state = state;
        let told = [
            news("it comes", &put),
            news("another state", &|| board.with_instance("a", 0, state(State::Starting))),
            news("the same", &|| board.with_instance("a", 0, state(State::Starting))),
            news("a sample", &|| board.with_instance("a", 0, |one| one.memory_bytes += 1)),
            news("another reason", &|| board.with_instance("a", 0, |one| one.reason = Some("waits for b".into()))),
            news("no longer wanted", &|| board.with_app("a", |app| app.wanted = false)),
            news("it goes", &|| board.remove_app("a")),
        ];
        let silent: Vec<&str> = told.iter().filter(|(_, news)| !news).map(|(what, _)| what.as_str()).collect();
        assert_eq!(silent, ["the same", "a sample"]);
    }
}
