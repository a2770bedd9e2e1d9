//! The engine as others see it: which apps there are, and what is asked of them. It runs on a thread of its own,
//! apart from those that serve the web, so that a slow page or a locked database never delays a restart.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use app::model::{Action, AppRecord, AppSpec, Cause, EnvBlock, Event, EventKind, InstanceRecord, State, Time};
use futures_util::future::join_all;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::adopt::Survivors;
use super::board::Board;
use super::identity::Identities;
use super::instance::{Actor, Beginning, Goal, Message};
use super::machine::{Input, Why};
use super::shared::{AppCell, Shared};
use super::store::Store;
use super::{schedule, view, watch, words};
use crate::control::{Actor as Asker, Applied, Done, Refusal};
use crate::logs::Logs;
use crate::process;

/// What an engine is made of.
pub struct Options {
    /// The folder `run` of the home.
    pub run: PathBuf,
    /// What tells this home from others on the same host.
    pub home_id: String,
    /// How things stand, for readers.
    pub board: Arc<Board>,
    /// Where output goes.
    pub logs: Logs,
    /// What is remembered.
    pub store: Arc<dyn Store>,
}

/// Runs apps. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    runtime: Handle,
    shared: Arc<Shared>,
    store: Arc<dyn Store>,
    apps: Mutex<Vec<Entry>>,
    /// What should run has been started.
    ready: AtomicBool,
    /// Held while apps are added, changed or deleted, so that these do not cross each other.
    changing: tokio::sync::Mutex<()>,
}

struct Entry {
    name: String,
    cell: Arc<AppCell>,
    wanted: bool,
    created_at: Time,
    instances: Vec<Slot>,
    /// Ends what watches files and waits for schedules, when it is dropped.
    helpers: Vec<tokio::task::JoinHandle<()>>,
}

#[derive(Clone)]
struct Slot {
    pm_id: u32,
    index: u32,
    actor: mpsc::UnboundedSender<Message>,
}

/// Parts of a slot list that are asked to do something one after the other, or all at once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Together,
    OneByOne,
}

impl Engine {
    /// Starts the thread of the engine. Nothing runs until [`Engine::restore`] or [`Engine::apply`].
    ///
    /// # Errors
    /// The thread or the folder of identities cannot be made.
    pub fn start(options: Options) -> io::Result<Self> {
        process::become_subreaper()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(4).build()?;
        let identities = Identities::open(&options.run)?;
        let shared =
            Shared::new(options.board, options.logs, process::boot_id().unwrap_or_default(), options.home_id, identities);
        let inner = Inner {
            runtime: runtime.handle().clone(),
            shared: Arc::new(shared),
            store: options.store,
            apps: Mutex::default(),
            ready: AtomicBool::new(false),
            changing: tokio::sync::Mutex::default(),
        };
        let reaper = inner.shared.reaper.clone();
        std::thread::Builder::new().name("engine".into()).spawn(move || {
            runtime.block_on(async move {
                let children = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::child());
                match children {
                    Ok(mut children) => loop {
                        children.recv().await;
                        reaper.reap_orphans();
                    },
                    Err(error) => {
                        tracing::error!(%error, "failed to listen for the ends of orphans; they stay as zombies");
                        std::future::pending::<()>().await;
                    }
                }
            });
        })?;
        Ok(Self(Arc::new(inner)))
    }

    fn apps(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn board(&self) -> &Board {
        &self.0.shared.board
    }

    /// Takes up what is remembered: what runs is taken back, what should run and does not is started, what was stopped stays so.
    pub async fn restore(&self, records: Vec<AppRecord>) {
        let shared = self.0.shared.clone();
        let survivors = tokio::task::spawn_blocking(move || Survivors::find(&shared)).await.unwrap_or_default();
        let mut coming = Vec::new();
        for record in records {
            let (wanted, name) = (record.wanted, record.name.clone());
            let slots = self.insert(record, |pm_id, index| survivors.beginning(pm_id, &name, index));
            for (slot, fresh) in slots {
                // What runs is left alone, and what rests by its policy or is on its way needs no word.
                if wanted && fresh {
                    let cause = if survivors.rebooted { Cause::HostReboot } else { Cause::Restart };
                    coming.push(ask(&slot, Input::Start(Why::plain(cause)), Goal::Up));
                } else if !wanted {
                    coming.push(ask(&slot, Input::Stop(Why::plain(Cause::Restart)), Goal::Down));
                }
            }
        }
        for stray in survivors.strays() {
            self.node_event(&stray);
        }
        join_all(coming).await;
        self.0.ready.store(true, Ordering::Relaxed);
    }

    /// Takes up apps of a saved list: what is missing is added, what should run is started.
    pub async fn take_up(&self, records: Vec<AppRecord>) {
        let _changing = self.0.changing.lock().await;
        let (mut added, mut coming) = (Vec::new(), Vec::new());
        for mut record in records {
            let (name, wanted) = (record.name.clone(), record.wanted);
            if self.slots(&name).is_empty() {
                for (one, pm_id) in record.instances.iter_mut().zip(self.free_pm_ids()) {
                    one.pm_id = pm_id;
                }
                self.insert(record.clone(), |_, _| (Beginning::Fresh, None));
                added.push(record);
            }
            if wanted {
                self.board().with_app(&name, |app| app.wanted = true);
                if let Some(entry) = self.apps().iter_mut().find(|entry| entry.name == name) {
                    entry.wanted = true;
                }
                let why = Why::plain(Cause::Restart);
                coming.extend(self.slots(&name).iter().map(|slot| ask(slot, Input::Start(why.clone()), Goal::Up)));
            }
        }
        self.remember(added).await;
        join_all(coming).await;
    }

    /// Does the thread of the engine take work?
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.ready.load(Ordering::Relaxed)
    }

    /// The processes of every instance that runs, by `pm_id`.
    #[must_use]
    pub fn trees(&self) -> Vec<(u32, process::Tree)> {
        self.0.shared.trees()
    }

    /// Adds an app to the list and starts the actors of its instances. Gives each slot, and whether it begins with nothing.
    fn insert(&self, record: AppRecord, mut beginning: impl FnMut(u32, u32) -> (Beginning, Option<u32>)) -> Vec<(Slot, bool)> {
        let shared = &self.0.shared;
        let cell = Arc::new(AppCell::new(record.spec.clone(), shared.board.clone()));
        let now = process::wall_clock();
        let begun: Vec<_> = record.instances.iter().map(|one| (*one, beginning(one.pm_id, one.index))).collect();
        let rows = begun
            .iter()
            .map(|(one, (_, restarts))| view::new_instance(one.pm_id, one.index, restarts.unwrap_or(one.restarts), now));
        self.board().put_app(view::new_app(&record.spec, record.wanted, record.created_at, rows.collect()));
        let mut slots = Vec::new();
        for (one, (beginning, restarts)) in begun {
            let fresh = matches!(beginning, Beginning::Fresh);
            slots.push((self.start_actor(&cell, one.pm_id, one.index, restarts.unwrap_or(one.restarts), beginning), fresh));
        }
        let entry = Entry {
            name: record.name.clone(),
            helpers: self.helpers(&record.name, &record.spec),
            cell,
            wanted: record.wanted,
            created_at: record.created_at,
            instances: slots.iter().map(|(slot, _)| slot.clone()).collect(),
        };
        self.apps().push(entry);
        slots
    }

    fn start_actor(&self, cell: &Arc<AppCell>, pm_id: u32, index: u32, restarts: u32, beginning: Beginning) -> Slot {
        let (sender, inbox) = mpsc::unbounded_channel();
        let actor = Actor::new(self.0.shared.clone(), cell.clone(), pm_id, index, restarts);
        self.0.runtime.spawn(actor.run(beginning, inbox));
        Slot { pm_id, index, actor: sender }
    }

    /// What restarts an app by itself: its schedule and its watched files.
    fn helpers(&self, name: &str, spec: &AppSpec) -> Vec<tokio::task::JoinHandle<()>> {
        let note = |engine: Self, name: String| {
            move |why: Why| {
                for slot in engine.slots(&name) {
                    let _ = slot.actor.send(Message::Note(Input::Restart(why.clone())));
                }
            }
        };
        let mut helpers = Vec::new();
        if let Some(expression) = &spec.cron_restart {
            helpers.push(self.0.runtime.spawn(schedule::run(expression.clone(), note(self.clone(), name.into()))));
        }
        if let Some(watched) = &spec.watch {
            helpers.push(self.0.runtime.spawn(watch::run(watched.clone(), note(self.clone(), name.into()))));
        }
        helpers
    }

    fn slots(&self, name: &str) -> Vec<Slot> {
        self.apps().iter().find(|entry| entry.name == name).map(|entry| entry.instances.clone()).unwrap_or_default()
    }

    fn known(&self, name: &str) -> Result<Vec<Slot>, Refusal> {
        let slots = self.slots(name);
        if slots.is_empty() { Err(Refusal::NotFound(name.into())) } else { Ok(slots) }
    }

    /// Does something to an app, and answers when it is done.
    ///
    /// # Errors
    /// Unknown app; it was tried in vain.
    pub async fn act(&self, action: Action, name: &str, by: &Asker) -> Result<Done, Refusal> {
        let slots = self.known(name)?;
        let why = Why::asked_by(by.name.clone());
        let before = slots.iter().filter(|slot| self.state_of(name, slot.index) == Some(State::Online)).count();
        let (input, goal, manner) = match action {
            Action::Start => (Input::Start(why), Goal::Up, Manner::Together),
            Action::Stop => (Input::Stop(why), Goal::Down, Manner::Together),
            Action::Restart => (Input::Restart(why), Goal::Up, Manner::Together),
            Action::Reload => (Input::Restart(why), Goal::Up, Manner::OneByOne),
        };
        self.want(name, goal == Goal::Up).await;
        let failures = request_all(&slots, &input, goal, manner).await;
        let pm_id = slots.first().map_or(0, |slot| slot.pm_id);
        if let Some(failure) = failures.first() {
            let verb = action.word();
            return Err(Refusal::Failed(format!("Component could not {verb}: {failure}")));
        }
        let message = match action {
            Action::Start if before == slots.len() => "Component was running already".into(),
            Action::Stop if before == 0 => "Component stopped successfully; it was not running".into(),
            _ => format!("Component {} successfully", action.done()),
        };
        Ok(Done { pm_id, message })
    }

    fn state_of(&self, name: &str, index: u32) -> Option<State> {
        let apps = self.board().apps();
        apps.iter().find(|app| app.name == name)?.instances.iter().find(|one| one.index == index).map(|one| one.state)
    }

    /// Remembers whether an app is meant to run.
    async fn want(&self, name: &str, wanted: bool) {
        let changed = {
            let mut apps = self.apps();
            match apps.iter_mut().find(|entry| entry.name == name) {
                Some(entry) if entry.wanted != wanted => {
                    entry.wanted = wanted;
                    Some(self.record(entry))
                }
                _ => None,
            }
        };
        self.board().with_app(name, |app| app.wanted = wanted);
        if let Some(record) = changed {
            self.remember(vec![record]).await;
        }
    }

    fn record(&self, entry: &Entry) -> AppRecord {
        let apps = self.board().apps();
        let shown = apps.iter().find(|app| app.name == entry.name);
        let instances = entry.instances.iter().map(|slot| {
            let restarts =
                shown.and_then(|app| app.instances.iter().find(|one| one.index == slot.index)).map_or(0, |one| one.restarts);
            InstanceRecord { index: slot.index, pm_id: slot.pm_id, restarts }
        });
        AppRecord {
            name: entry.name.clone(),
            spec: AppSpec::clone(&entry.cell.latest()),
            wanted: entry.wanted,
            created_at: entry.created_at,
            instances: instances.collect(),
        }
    }

    /// Every app as it would be remembered.
    #[must_use]
    pub fn records(&self) -> Vec<AppRecord> {
        self.apps().iter().map(|entry| self.record(entry)).collect()
    }

    async fn remember(&self, records: Vec<AppRecord>) {
        let store = self.0.store.clone();
        let written = tokio::task::spawn_blocking(move || store.put(&records)).await;
        if let Ok(Err(error)) = written {
            self.node_event(&format!("what was asked for could not be written down, so it holds only until qd ends: {error}"));
        }
    }

    /// Takes definitions. New apps are added, and started unless `autostart` is off. With `run_all`, as a person wants who says
    /// `start`, what does not run is started and what runs with another definition is restarted; without it a changed
    /// definition counts from the next start, and what was stopped stays so.
    ///
    /// # Errors
    /// Something could not be started; the others run.
    pub async fn apply(&self, specs: Vec<AppSpec>, run_all: bool, by: &Asker) -> Result<Vec<(String, Applied)>, Refusal> {
        let changing = self.0.changing.lock().await;
        let (mut answers, mut records, mut waits, mut ended) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for spec in specs {
            let name = spec.name.clone();
            let old = self.apps().iter().find(|entry| entry.name == name).map(|entry| entry.cell.clone());
            let Some(cell) = old else {
                let record = self.new_record(spec);
                let start = record.wanted;
                self.insert(record.clone(), |_, _| (Beginning::Fresh, None));
                self.app_event(&name, EventKind::Added, by, "added");
                records.push(record);
                if start {
                    let why = Why { cause: Cause::Config, actor: None, detail: None };
                    waits.extend(self.slots(&name).iter().map(|slot| ask(slot, Input::Start(why.clone()), Goal::Up)));
                }
                answers.push((name, Applied::Added));
                continue;
            };
            let latest = cell.latest();
            let same = AppSpec { inherited_env: latest.inherited_env.clone(), ..spec.clone() } == *latest;
            if !same || (!run_all && spec.inherited_env != latest.inherited_env) {
                cell.put(spec.clone());
                self.board().with_app(&name, |app| app.changed = !same);
            }
            if !same {
                ended.extend(self.rescale(&name, &cell, &spec));
                self.app_event(&name, EventKind::Changed, by, "has a new definition; it counts from the next start");
            }
            if run_all {
                let why = Why::asked_by(by.name.clone());
                let input = if same { Input::Start(why) } else { Input::Restart(why) };
                waits.extend(self.slots(&name).iter().map(|slot| ask(slot, input.clone(), Goal::Up)));
            }
            let mut apps = self.apps();
            if let Some(entry) = apps.iter_mut().find(|entry| entry.name == name) {
                let wants = entry.wanted || run_all;
                let news = !same || wants != entry.wanted;
                entry.wanted = wants;
                if !same {
                    entry.helpers.drain(..).for_each(|helper| helper.abort());
                    entry.helpers = self.helpers(&name, &spec);
                }
                if news {
                    records.push(self.record(entry));
                }
            }
            drop(apps);
            self.board().with_app(&name, |app| app.wanted |= run_all);
            answers.push((name, if same { Applied::Unchanged } else { Applied::Changed }));
        }
        self.remember(records).await;
        drop(changing);
        join_all(ended).await;
        join_all(waits).await;
        Ok(answers)
    }

    fn new_record(&self, spec: AppSpec) -> AppRecord {
        let mut free = self.free_pm_ids();
        let instances =
            (0..spec.instances.max(1)).map(|index| InstanceRecord { index, pm_id: free.next().unwrap_or(0), restarts: 0 });
        AppRecord {
            name: spec.name.clone(),
            wanted: spec.autostart,
            created_at: process::wall_clock(),
            instances: instances.collect(),
            spec,
        }
    }

    /// Numbers that no instance has, from above the greatest, as PM2 counts.
    fn free_pm_ids(&self) -> impl Iterator<Item = u32> + use<> {
        let next = self.apps().iter().flat_map(|entry| &entry.instances).map(|slot| slot.pm_id + 1).max().unwrap_or(0);
        next..
    }

    /// Adds or ends instances, so that there are as many as a new definition says. Gives what has to be waited for.
    fn rescale(&self, name: &str, cell: &Arc<AppCell>, spec: &AppSpec) -> Vec<impl Future<Output = ()> + use<>> {
        let (have, want) = (self.slots(name), spec.instances.max(1));
        let now = process::wall_clock();
        for (index, pm_id) in (u32::try_from(have.len()).unwrap_or(u32::MAX)..want).zip(self.free_pm_ids()) {
            self.board().with_app(name, |app| app.instances.push(view::new_instance(pm_id, index, 0, now)));
            let slot = self.start_actor(cell, pm_id, index, 0, Beginning::Fresh);
            if let Some(entry) = self.apps().iter_mut().find(|entry| entry.name == name) {
                entry.instances.push(slot);
            }
        }
        for slot in &have {
            let _ = slot.actor.send(Message::Rules);
        }
        let surplus: Vec<Slot> = have.into_iter().filter(|slot| slot.index >= want).collect();
        if let Some(entry) = self.apps().iter_mut().find(|entry| entry.name == name) {
            entry.instances.retain(|slot| slot.index < want);
        }
        let (engine, spec, name) = (self.clone(), cell.running(), name.to_owned());
        surplus
            .into_iter()
            .map(move |slot| {
                let (engine, spec, name) = (engine.clone(), spec.clone(), name.clone());
                async move {
                    let _ = ask(&slot, Input::Stop(Why::plain(Cause::Config)), Goal::Down).await;
                    engine.retire(&slot, &spec);
                    engine.board().with_app(&name, |app| app.instances.retain(|one| one.pm_id != slot.pm_id));
                }
            })
            .collect()
    }

    fn retire(&self, slot: &Slot, spec: &AppSpec) {
        let _ = slot.actor.send(Message::End);
        self.0.shared.logs.detach(spec, slot.index);
        self.0.shared.forget_identity(slot.pm_id);
    }

    /// Stops an app and forgets it.
    ///
    /// # Errors
    /// Unknown app; it would not stop.
    pub async fn delete(&self, name: &str, by: &Asker) -> Result<(), Refusal> {
        let _changing = self.0.changing.lock().await;
        let slots = self.known(name)?;
        let why = Why::asked_by(by.name.clone());
        if let Some(failure) = request_all(&slots, &Input::Stop(why), Goal::Down, Manner::Together).await.first() {
            return Err(Refusal::Failed(format!("{name} could not be deleted, because it does not stop: {failure}")));
        }
        let entry = {
            let mut apps = self.apps();
            let at = apps.iter().position(|entry| entry.name == name);
            at.map(|at| apps.remove(at))
        };
        if let Some(entry) = entry {
            entry.helpers.iter().for_each(tokio::task::JoinHandle::abort);
            let spec = entry.cell.running();
            for slot in &entry.instances {
                self.retire(slot, &spec);
            }
        }
        self.board().remove_app(name);
        self.app_event(name, EventKind::Deleted, by, "deleted");
        let (store, owned) = (self.0.store.clone(), name.to_owned());
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || store.remove(&owned)).await {
            self.node_event(&format!(
                "{name} was deleted, but that could not be written down; it may come back with qd: {error}"
            ));
        }
        Ok(())
    }

    /// Sets the counters of an app to 0.
    ///
    /// # Errors
    /// Unknown app.
    pub fn reset(&self, name: &str) -> Result<(), Refusal> {
        for slot in self.known(name)? {
            let _ = slot.actor.send(Message::Note(Input::Reset));
        }
        Ok(())
    }

    /// The latest definition of an app.
    #[must_use]
    pub fn spec(&self, name: &str) -> Option<Arc<AppSpec>> {
        self.apps().iter().find(|entry| entry.name == name).map(|entry| entry.cell.latest())
    }

    /// The definition that its processes run with.
    #[must_use]
    pub fn running_spec(&self, name: &str) -> Option<Arc<AppSpec>> {
        self.apps().iter().find(|entry| entry.name == name).map(|entry| entry.cell.running())
    }

    /// The environment of the first instance of an app.
    #[must_use]
    pub fn environment(&self, name: &str) -> Option<EnvBlock> {
        let pm_id = self.slots(name).first()?.pm_id;
        Some(process::environment(&*self.running_spec(name)?, pm_id, 0, &self.0.shared.marker(pm_id, 0)))
    }

    /// Notes the memory of an instance, and restarts it if that is over its limit.
    pub fn note_memory(&self, pm_id: u32, bytes: u64) {
        self.0.shared.note_memory(pm_id, bytes);
        let apps = self.apps();
        let found = apps.iter().find_map(|entry| Some((entry, entry.instances.iter().find(|slot| slot.pm_id == pm_id)?)));
        if let Some((entry, slot)) = found
            && let Some(limit) = entry.cell.running().max_memory_restart
            && bytes > limit
        {
            let detail = format!("memory {} over its limit of {}", words::megabytes(bytes), words::megabytes(limit));
            let why = Why { cause: Cause::MemoryLimit, actor: None, detail: Some(detail) };
            let _ = slot.actor.send(Message::Note(Input::Restart(why)));
        }
    }

    /// The value of the marker of each instance that runs: what its processes carry in their environment.
    #[must_use]
    pub fn marker_prefix(&self) -> String {
        self.0.shared.marker_prefix()
    }

    /// Stops every app in order, and leaves them wanted: they run again when qd comes back.
    pub async fn shut_down(&self) {
        let _changing = self.0.changing.lock().await;
        let slots: Vec<Slot> = self.apps().iter().rev().flat_map(|entry| entry.instances.clone()).collect();
        request_all(&slots, &Input::Stop(Why::plain(Cause::Shutdown)), Goal::Down, Manner::Together).await;
        let records = self.records();
        self.remember(records).await;
    }

    /// Tells something about the node itself.
    pub fn node_event(&self, message: &str) {
        tracing::warn!("{message}");
        self.board().tell(Event::new(process::wall_clock(), EventKind::Node, Cause::Unknown, message));
    }

    fn app_event(&self, name: &str, kind: EventKind, by: &Asker, message: &str) {
        let mut event = Event::new(process::wall_clock(), kind, Cause::Request, message);
        event.app = Some(name.to_owned());
        event.actor = Some(by.name.clone());
        self.board().tell(event);
    }
}

/// Asks an actor; the answer comes when the goal is reached or cannot be.
fn ask(slot: &Slot, input: Input, goal: Goal) -> impl Future<Output = Result<(), String>> + Send + use<> {
    let (done, answer) = oneshot::channel();
    let sent = slot.actor.send(Message::Do { input, goal, done });
    async move {
        match sent {
            Ok(()) => answer.await.unwrap_or_else(|_| Err("it was deleted meanwhile".into())),
            Err(_) => Err("it was deleted meanwhile".into()),
        }
    }
}

/// Asks several actors and gives what went wrong.
async fn request_all(slots: &[Slot], input: &Input, goal: Goal, manner: Manner) -> Vec<String> {
    let mut results = Vec::new();
    if manner == Manner::Together {
        results = join_all(slots.iter().map(|slot| ask(slot, input.clone(), goal))).await;
    } else {
        for slot in slots {
            let result = ask(slot, input.clone(), goal).await;
            let failed = result.is_err();
            results.push(result);
            // What still runs is left as it is, once one did not come back.
            if failed {
                break;
            }
        }
    }
    results.into_iter().filter_map(Result::err).collect()
}
