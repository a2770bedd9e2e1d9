//! The engine as others see it: which apps there are, and what is asked of them. It runs on a thread of its own,
//! apart from those that serve the web, so that a slow page or a locked database never delays a restart.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use app::model::{Action, App, AppRecord, AppSpec, Cause, EnvBlock, Event, EventKind, InstanceRecord, State, Time, TreeFigures};
use indexmap::IndexMap;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::ask::{Slot, request_all};
use super::board::Board;
use super::identity::Identities;
use super::instance::{Actor, Beginning, Goal, Message, Past};
use super::primary::WORKER;
use super::remember::Written;
use super::shared::{AppCell, Shared};
use super::store::Store;
use super::terms::{Input, Why};
use super::{dependencies, schedule, view, watch, words};
use crate::control::{Actor as Asker, Done, Refusal};
use crate::inside::{Inside, lay_out};
use crate::logs::Logs;
use crate::process::{self, Notices};

/// What an engine is made of.
pub struct Options {
    /// The folder `run` of the home.
    pub run: PathBuf,
    /// What tells this home from others on the same host.
    pub home_id: String,
    /// Random, and the same as long as the home: what tells apps from those who only say that they are one.
    pub secret: String,
    /// How things stand, for readers.
    pub board: Arc<Board>,
    /// Where output goes.
    pub logs: Logs,
    /// What apps tell of their insides.
    pub inside: Inside,
    /// What is remembered.
    pub store: Arc<dyn Store>,
    /// Where the hierarchy of cgroups is, if not where it usually is. There are none where nothing is.
    pub cgroups: Option<PathBuf>,
}

/// Runs apps. Cheap to clone.
#[derive(Clone)]
pub struct Engine(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) runtime: Handle,
    pub(super) shared: Arc<Shared>,
    pub(super) store: Arc<dyn Store>,
    /// Held while the store is written, so that what is older never comes later.
    pub(super) writing: tokio::sync::Mutex<()>,
    /// The store lacks something, and the apps that it is to forget.
    pub(super) owed: Mutex<Option<Vec<String>>>,
    /// In the order in which they were added.
    pub(super) apps: Mutex<IndexMap<String, Entry>>,
    /// What should run has been started.
    pub(super) ready: AtomicBool,
    /// Held while apps are added, changed or deleted, so that these do not cross each other.
    pub(super) changing: tokio::sync::Mutex<()>,
}

pub(super) struct Entry {
    pub(super) cell: Arc<AppCell>,
    pub(super) wanted: bool,
    pub(super) created_at: Time,
    pub(super) instances: Vec<Slot>,
    /// Processes that may take the place of one of these, and some whose place was taken: they are stopped with the others.
    pub(super) beside: Vec<Slot>,
    /// Held while the processes of the app are replaced one by one.
    pub(super) reloading: Arc<tokio::sync::Mutex<()>>,
    /// Ends what watches files and waits for schedules, when it is dropped.
    pub(super) helpers: Vec<tokio::task::JoinHandle<()>>,
}

impl Engine {
    /// Starts the thread of the engine. Nothing runs until [`Engine::restore`] or [`Engine::apply`].
    ///
    /// # Errors
    /// The thread or the folder of identities cannot be made.
    pub fn start(options: Options) -> io::Result<Self> {
        process::become_subreaper()?;
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().max_blocking_threads(4);
        let runtime = process::runtime(builder)?;
        let identities = Identities::open(&options.run)?;
        let notices = {
            let _inside = runtime.enter();
            Notices::listen(&options.home_id)
        };
        let notify_address = notices.as_ref().ok().map(Notices::address);
        // Where workers of other users reach it too, if there is such a place.
        let folder = options.inside.folder().unwrap_or(&options.run);
        let worker = folder.join("worker.cjs");
        lay_out(&worker, WORKER)?;
        let shared =
            Shared::new(options.board, options.logs, options.home_id, options.secret, identities, notify_address, worker)?
                .with_cgroups(options.cgroups.as_deref())
                .with_inside(options.inside);
        let inner = Inner {
            runtime: runtime.handle().clone(),
            shared: Arc::new(shared),
            store: options.store,
            writing: tokio::sync::Mutex::default(),
            owed: Mutex::default(),
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
        let engine = Self(Arc::new(inner));
        match notices {
            Ok(notices) => drop(engine.0.runtime.spawn(engine.clone().hear(notices))),
            Err(error) => tracing::error!(%error, "failed to listen for apps that say that they are ready"),
        }
        Ok(engine)
    }

    /// Does this on the thread of the engine, next to its actors.
    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> tokio::task::JoinHandle<T> {
        self.0.runtime.spawn(work)
    }

    /// Calls this on the thread of the engine, again and again, for as long as that gets on.
    pub fn keep_calling(&self, every: std::time::Duration, call: impl Fn() + Send + 'static) {
        self.0.runtime.spawn(async move {
            loop {
                call();
                tokio::time::sleep(every).await;
            }
        });
    }

    /// Hands on what apps say over `NOTIFY_SOCKET`.
    async fn hear(self, notices: Notices) {
        loop {
            match notices.ready().await {
                Ok(pid) => {
                    let marker = process::marker_of(pid).unwrap_or_default();
                    let apps = self.apps();
                    let slots = apps.values().flat_map(|entry| entry.instances.iter().chain(&entry.beside));
                    for slot in slots.filter(|slot| self.0.shared.is_marker_of(&marker, slot.pm_id)) {
                        let _ = slot.actor.send(Message::Notified(marker.clone()));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "failed to hear an app that says that it is ready");
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                }
            }
        }
    }

    pub(super) fn apps(&self) -> MutexGuard<'_, IndexMap<String, Entry>> {
        self.0.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn board(&self) -> &Board {
        &self.0.shared.board
    }

    /// Does the thread of the engine take work?
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.ready.load(Ordering::Relaxed) && self.stays_open().is_ok()
    }

    /// Nothing is started any more once everything is being stopped: nobody would stop it again.
    pub(super) fn stays_open(&self) -> Result<(), Refusal> {
        if self.0.shared.is_closing() { Err(Refusal::Closing) } else { Ok(()) }
    }

    /// The processes of every instance that runs, by `pm_id`.
    #[must_use]
    pub fn trees(&self) -> Vec<(u32, process::Tree)> {
        self.0.shared.trees()
    }

    /// How they are held together.
    #[must_use]
    pub fn trees_held(&self) -> TreeFigures {
        match &self.0.shared.cgroups {
            Ok(cgroups) => words::held_by_cgroup(cgroups.controllers()),
            Err(why) => words::held_by_search(why),
        }
    }

    /// Adds an app to the list and starts the actors of its instances. Gives each slot, and whether it begins with nothing.
    pub(super) fn insert(
        &self,
        record: AppRecord,
        written: Written,
        mut beginning: impl FnMut(u32, u32) -> (Beginning, Option<Past>),
    ) -> Vec<(Slot, bool)> {
        let shared = &self.0.shared;
        let cell = Arc::new(AppCell::new(record.spec.clone(), written, shared.board.clone()));
        let now = process::wall_clock();
        let begun: Vec<_> = record.instances.iter().map(|one| (*one, beginning(one.pm_id, one.index))).collect();
        let rows = begun.iter().map(|(one, (_, past))| {
            view::new_instance(one.pm_id, one.index, past.as_ref().map_or(one.restarts, |past| past.restarts), now)
        });
        self.board().put_app(view::new_app(&record.spec, record.wanted, record.created_at, rows.collect()));
        let mut slots = Vec::new();
        for (one, (beginning, past)) in begun {
            let fresh = matches!(beginning, Beginning::Fresh);
            slots.push((
                self.start_actor(&cell, one.pm_id, one.index, past.unwrap_or_else(|| Past::of(one.restarts)), beginning),
                fresh,
            ));
        }
        let entry = Entry {
            helpers: self.helpers(&record.name, &record.spec),
            cell,
            wanted: record.wanted,
            created_at: record.created_at,
            instances: slots.iter().map(|(slot, _)| slot.clone()).collect(),
            beside: Vec::new(),
            reloading: Arc::default(),
        };
        self.apps().insert(record.name, entry);
        slots
    }

    pub(super) fn start_actor(&self, cell: &Arc<AppCell>, pm_id: u32, index: u32, past: Past, beginning: Beginning) -> Slot {
        self.run_actor(Actor::new(self.0.shared.clone(), cell.clone(), pm_id, index, past), pm_id, index, beginning)
    }

    pub(super) fn run_actor(&self, actor: Actor, pm_id: u32, index: u32, beginning: Beginning) -> Slot {
        let (sender, inbox) = mpsc::unbounded_channel();
        self.0.runtime.spawn(actor.run(beginning, inbox));
        Slot { pm_id, index, actor: sender }
    }

    /// What restarts an app by itself: its schedule and its watched files.
    pub(super) fn helpers(&self, name: &str, spec: &AppSpec) -> Vec<tokio::task::JoinHandle<()>> {
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
            let (engine, app) = (self.clone(), name.to_owned());
            let warn = move |message| {
                let mut event = Event::new(process::wall_clock(), EventKind::Warning, Cause::Watch, message);
                event.app = Some(app.clone());
                engine.board().tell(event);
            };
            helpers.push(self.0.runtime.spawn(watch::run(watched.clone(), note(self.clone(), name.into()), warn)));
        }
        helpers
    }

    pub(super) fn slots(&self, name: &str) -> Vec<Slot> {
        self.apps().get(name).map(|entry| entry.instances.clone()).unwrap_or_default()
    }

    /// With what runs beside its instances.
    pub(super) fn all_slots(&self, name: &str) -> Vec<Slot> {
        let apps = self.apps();
        let entry = apps.get(name);
        entry.into_iter().flat_map(|entry| entry.instances.iter().chain(&entry.beside)).cloned().collect()
    }

    /// The app that is meant, and which of its instances if not all of them.
    fn component<'a>(&self, component: &'a str) -> Result<(&'a str, Option<u32>), Refusal> {
        let whole = self.known(component).map(|_| (component, None));
        let one = || {
            let (name, index) = component.rsplit_once(':')?;
            let index = index.parse().ok()?;
            self.slots(name).iter().any(|slot| slot.index == index).then_some((name, Some(index)))
        };
        whole.or_else(|unknown| one().ok_or(unknown))
    }

    pub(super) fn known(&self, name: &str) -> Result<Vec<Slot>, Refusal> {
        let slots = self.slots(name);
        if slots.is_empty() { Err(Refusal::NotFound(name.into())) } else { Ok(slots) }
    }

    /// Does something to an app, or with `NAME:INDEX` to one of its instances, and answers when it is done.
    ///
    /// # Errors
    /// Unknown app; it was tried in vain.
    pub async fn act(&self, action: Action, name: &str, by: &Asker) -> Result<Done, Refusal> {
        let (name, only) = self.component(name)?;
        self.stays_open()?;
        // Before anybody is told: what is put beside the others after this is told as well.
        if only.is_none() || action != Action::Stop {
            self.want(name, action != Action::Stop).await;
        }
        let meant = |slots: Vec<Slot>| -> Vec<Slot> {
            slots.into_iter().filter(|slot| only.is_none_or(|index| slot.index == index)).collect()
        };
        let slots = meant(self.known(name)?);
        let why = Why::asked_by(by.name.clone());
        let before = slots.iter().filter(|slot| self.state_of(name, slot.index) == Some(State::Online)).count();
        let failures = match action {
            Action::Start => request_all(&slots, &Input::Start(why), Goal::Up).await,
            Action::Stop => request_all(&meant(self.all_slots(name)), &Input::Stop(why), Goal::Down).await,
            Action::Restart => request_all(&slots, &Input::Restart(why), Goal::Up).await,
            Action::Reload => self.reload(name, only, why).await.err().into_iter().collect(),
        };
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
        self.board().look(name, |app| app.instances.iter().find(|one| one.index == index).map(|one| one.state)).flatten()
    }

    /// Remembers whether an app is meant to run.
    pub(super) async fn want(&self, name: &str, wanted: bool) {
        let changed = {
            let mut apps = self.apps();
            match apps.get_mut(name) {
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

    pub(super) fn record(&self, entry: &Entry) -> AppRecord {
        let spec = entry.cell.latest();
        let counted = |app: &App| app.instances.iter().map(|one| (one.index, one.restarts)).collect();
        let restarts: BTreeMap<u32, u32> = self.board().look(&spec.name, counted).unwrap_or_default();
        let instances = entry.instances.iter().map(|slot| {
            let restarts = restarts.get(&slot.index).copied().unwrap_or(0);
            InstanceRecord { index: slot.index, pm_id: slot.pm_id, restarts }
        });
        AppRecord {
            name: spec.name.clone(),
            spec,
            wanted: entry.wanted,
            created_at: entry.created_at,
            instances: instances.collect(),
        }
    }

    /// Every app as it would be remembered.
    #[must_use]
    pub fn records(&self) -> Vec<AppRecord> {
        self.apps().values().map(|entry| self.record(entry)).collect()
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

    /// The definition that its processes run with.
    #[must_use]
    pub fn running_spec(&self, name: &str) -> Option<Arc<AppSpec>> {
        self.apps().get(name).map(|entry| entry.cell.running())
    }

    /// The same of all apps.
    #[must_use]
    pub fn running_specs(&self) -> HashMap<String, Arc<AppSpec>> {
        self.apps().iter().map(|(name, entry)| (name.clone(), entry.cell.running())).collect()
    }

    /// The environment of the first instance of an app.
    #[must_use]
    pub fn environment(&self, name: &str) -> Option<EnvBlock> {
        let pm_id = self.slots(name).first()?.pm_id;
        let (spec, marker) = (self.running_spec(name)?, self.0.shared.marker(pm_id, 0));
        let env = process::environment(&spec, pm_id, 0, &marker);
        Some(env.into_iter().map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// Notes the memory of an instance, and restarts it if that is over its limit and it may be.
    pub fn note_memory(&self, pm_id: u32, bytes: u64, may_restart: bool) {
        self.0.shared.note_memory(pm_id, bytes);
        let apps = self.apps();
        let found =
            apps.iter().find_map(|(name, entry)| Some((name, entry, entry.instances.iter().find(|slot| slot.pm_id == pm_id)?)));
        if let Some((name, entry, slot)) = found
            && let Some(limit) = entry.cell.running().max_memory_restart
            && bytes > limit
            && may_restart
        {
            let detail = format!("memory {} over its limit of {}", words::megabytes(bytes), words::megabytes(limit));
            let why = Why { cause: Cause::MemoryLimit, actor: None, detail: Some(detail) };
            if entry.instances.len() > 1 {
                let (name, index) = (name.clone(), slot.index);
                drop(apps);
                self.reload_in_passing(&name, Some(index), why);
            } else {
                let _ = slot.actor.send(Message::Note(Input::Restart(why)));
            }
        }
    }

    /// Heals an app that does not pass its checks: restarts it, of several instances the one that is named, or one after the other.
    pub fn heal(&self, name: &str, index: Option<u32>, why: String) {
        let why = Why { cause: Cause::Probe, actor: None, detail: Some(why) };
        match self.slots(name).as_slice() {
            [only] => _ = only.actor.send(Message::Note(Input::Restart(why))),
            _ => self.reload_in_passing(name, index, why),
        }
    }

    /// Tells that a check of a process passed, which makes it ready where its definition says so.
    pub fn passed_check(&self, name: &str, pm_id: u32, pid: u32) {
        if let Some(slot) = self.slots(name).into_iter().find(|slot| slot.pm_id == pm_id) {
            let _ = slot.actor.send(Message::Passed(pid));
        }
    }

    /// Stops every app, each before what it depends on, and leaves them wanted: they run again when qd comes back.
    pub async fn shut_down(&self) {
        let _changing = self.0.changing.lock().await;
        {
            let _apps = self.apps();
            self.0.shared.close();
        }
        let needs: Vec<(String, Vec<String>)> =
            self.apps().iter().map(|(name, entry)| (name.clone(), needed(&entry.cell.latest()))).collect();
        for together in dependencies::last_first(&needs) {
            let slots: Vec<Slot> = together.into_iter().flat_map(|name| self.all_slots(name)).collect();
            request_all(&slots, &Input::Stop(Why::plain(Cause::Shutdown)), Goal::Down).await;
        }
        self.0.shared.remove_cgroups(&self.0.shared.marker_prefix());
        let records = self.records();
        self.remember(records).await;
    }

    /// Tells something about the node itself.
    pub fn node_event(&self, message: &str) {
        tracing::warn!("{message}");
        self.board().tell(Event::new(process::wall_clock(), EventKind::Node, Cause::Unknown, message));
    }

    pub(super) fn app_event(&self, name: &str, kind: EventKind, by: &Asker, message: &str) {
        let mut event = Event::new(process::wall_clock(), kind, Cause::Request, message);
        event.app = Some(name.to_owned());
        event.actor = Some(by.name.clone());
        self.board().tell(event);
    }
}

fn needed(spec: &AppSpec) -> Vec<String> {
    spec.depends_on.iter().map(|one| one.app.clone()).collect()
}
