//! A node with scripted answers, which writes down what it was asked.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use app::model::{
    Action, App, AppMetrics, AppSpec, Availability, Definition, EnvBlock, Event, HealthDocument, LogLine, LogPage, LogStream,
    Node, Overview, ProfileFile, ProfileOrder, Snapshot, StreamEvent,
};
use async_trait::async_trait;
use bytes::Bytes;
use quarterdeck::control::{
    Actor, Applied, Control, Done, EventQuery, Follow, Intake, Live, LogQuery, Pieces, Refusal, Span, Told,
};
use tokio::sync::{Notify, broadcast};

use super::sample;

/// How many events it remembers, and how far a subscriber may be behind.
pub(crate) const REMEMBERED: usize = 8;

pub(crate) struct Fake {
    apps: Arc<Vec<App>>,
    health: Mutex<Arc<Told<HealthDocument>>>,
    events: Mutex<(u64, VecDeque<Arc<Told<StreamEvent>>>)>,
    live: broadcast::Sender<Live>,
    /// Everything that it was asked to do, as text.
    pub(crate) asked: Mutex<Vec<String>>,
    /// What it refuses next.
    pub(crate) refusal: Mutex<Option<Refusal>>,
    /// Actions wait for this, if it is there.
    pub(crate) hold: Mutex<Option<Arc<Notify>>>,
    pub(crate) away: AtomicBool,
}

impl Fake {
    pub(crate) fn new(names: &[&str]) -> Arc<Self> {
        Arc::new(Self {
            apps: Arc::new(names.iter().map(|name| sample::app(name)).collect()),
            health: Mutex::new(Arc::new(Told::new(sample::health(names)))),
            events: Mutex::default(),
            live: broadcast::channel(REMEMBERED).0,
            asked: Mutex::default(),
            refusal: Mutex::default(),
            hold: Mutex::default(),
            away: AtomicBool::new(false),
        })
    }

    /// Something happens. Gives its number.
    pub(crate) fn happens(&self, app: &str) -> u64 {
        let mut events = self.events.lock().unwrap();
        events.0 += 1;
        let told = Arc::new(Told::new(sample::event(events.0, app)));
        events.1.push_back(Arc::clone(&told));
        if events.1.len() > REMEMBERED {
            events.1.pop_front();
        }
        // Nobody may be listening.
        let _ = self.live.send(Live::Event(told));
        events.0
    }

    /// The next sample is taken. A text of this size stands in it.
    pub(crate) fn ticks(&self, bytes: usize) {
        let mut document = sample::health(&["a"]);
        document.hostname = "x".repeat(bytes);
        let told = Arc::new(Told::new(document));
        *self.health.lock().unwrap() = Arc::clone(&told);
        let _ = self.live.send(Live::Health(told));
    }

    pub(crate) fn subscribers(&self) -> usize {
        self.live.receiver_count()
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn ask(&self, what: String) -> Result<(), Refusal> {
        self.asked.lock().unwrap().push(what);
        self.refusal.lock().unwrap().take().map_or(Ok(()), Err)
    }

    fn known(&self, name: &str) -> Result<&App, Refusal> {
        self.apps.iter().find(|app| app.name == name).ok_or_else(|| Refusal::NotFound(name.into()))
    }
}

#[async_trait]
impl Control for Fake {
    fn node(&self) -> Node {
        sample::node()
    }

    fn is_ready(&self) -> bool {
        !self.away.load(Ordering::Relaxed)
    }

    fn hangs(&self) -> bool {
        false
    }

    fn apps(&self) -> Arc<Vec<App>> {
        Arc::clone(&self.apps)
    }

    fn health(&self) -> Arc<Told<HealthDocument>> {
        Arc::clone(&self.health.lock().unwrap())
    }

    fn hear_heartbeat(&self, key: &str) -> bool {
        key == "known"
    }

    fn follow(&self, after: Option<u64>) -> Follow {
        let events = self.events.lock().unwrap();
        let oldest = events.1.front().map_or(events.0 + 1, |event| event.value.event.id);
        let resync = after.is_some_and(|after| after > events.0 || after + 1 < oldest);
        let missed = events.1.iter().filter(|event| after.is_some_and(|after| !resync && event.value.event.id > after));
        let snapshot = Snapshot {
            node: sample::node(),
            last_event_id: events.0,
            apps: self.apps.to_vec(),
            health: self.health().value.clone(),
        };
        Follow { resync, snapshot: Told::new(snapshot), missed: missed.cloned().collect(), live: self.live.subscribe() }
    }

    async fn overview(&self) -> Overview {
        sample::overview(self.apps.to_vec(), self.events.lock().unwrap().0)
    }

    async fn act(&self, action: Action, name: &str, by: &Actor) -> Result<Done, Refusal> {
        self.known(name)?;
        let hold = self.hold.lock().unwrap().clone();
        if let Some(hold) = hold {
            hold.notified().await;
        }
        self.ask(format!("{} {name} by {}", action.word(), by.name))?;
        Ok(Done { pm_id: 3, message: format!("Component {} successfully", action.done()) })
    }

    async fn apply(&self, specs: Vec<AppSpec>, intake: Intake, by: &Actor) -> Result<Vec<(String, Applied)>, Refusal> {
        let names: Vec<_> = specs.into_iter().map(|spec| spec.name).collect();
        let words = match intake {
            Intake::Run { environment: true } => " with its environment",
            Intake::Later { .. } => " later",
            Intake::Run { .. } | Intake::Reread => "",
        };
        self.ask(format!("apply {}{words} by {}", names.join(","), by.name))?;
        Ok(names.into_iter().map(|name| (name, Applied::Added)).collect())
    }

    async fn delete(&self, name: &str, by: &Actor) -> Result<(), Refusal> {
        self.known(name)?;
        self.ask(format!("delete {name} by {}", by.name))
    }

    async fn reset(&self, name: &str, by: &Actor) -> Result<(), Refusal> {
        self.known(name)?;
        self.ask(format!("reset {name} by {}", by.name))
    }

    async fn flush(&self, name: &str, by: &Actor) -> Result<(), Refusal> {
        self.known(name)?;
        self.ask(format!("flush {name} by {}", by.name))
    }

    async fn save(&self, by: &Actor) -> Result<usize, Refusal> {
        self.ask(format!("save by {}", by.name)).map(|()| self.apps.len())
    }

    async fn resurrect(&self, by: &Actor) -> Result<usize, Refusal> {
        self.ask(format!("resurrect by {}", by.name)).map(|()| self.apps.len())
    }

    async fn shut_down(&self, by: &Actor) {
        let _ = self.ask(format!("shut down by {}", by.name));
    }

    async fn upgrade(&self, program: String, by: &Actor) -> Result<(), Refusal> {
        self.ask(format!("upgrade to {program} by {}", by.name))
    }

    async fn definitions(&self) -> Vec<Definition> {
        let define = |app: &App| Definition { app: app.clone(), spec: AppSpec::default(), out_file: None, error_file: None };
        self.apps.iter().map(define).collect()
    }

    async fn environment(&self, name: &str) -> Result<EnvBlock, Refusal> {
        self.known(name)?;
        Ok([("DB_PASSWORD".to_owned(), "hunter2".to_owned())].into())
    }

    async fn logs(&self, name: &str, query: LogQuery) -> Result<LogPage, Refusal> {
        self.known(name)?;
        self.ask(format!("logs {query:?}"))?;
        let line = LogLine { time: sample::NOW, stream: LogStream::Stdout, index: Some(0), line: "hello".into() };
        Ok(LogPage { lines: vec![line], before: None, after: Some("cursor".into()) })
    }

    async fn metrics(&self, name: &str, span: Span) -> Result<AppMetrics, Refusal> {
        self.known(name)?;
        self.ask(format!("metrics {} points", span.limit))?;
        Ok(AppMetrics { app: name.into(), from: span.from, to: span.to, step_ms: 2000, points: Vec::new(), figures: Vec::new() })
    }

    async fn availability(&self, name: &str) -> Result<Availability, Refusal> {
        self.known(name)?;
        self.ask("availability".into())?;
        Ok(Availability { app: name.into(), ..Availability::default() })
    }

    async fn events(&self, query: EventQuery) -> Result<Vec<Event>, Refusal> {
        self.ask(format!("events {query:?}"))?;
        Ok(self.events.lock().unwrap().1.iter().rev().take(query.limit).map(|told| told.value.event.clone()).collect())
    }

    async fn snapshots(&self, span: Span) -> Result<Vec<Box<serde_json::value::RawValue>>, Refusal> {
        self.ask(format!("snapshots {}", span.limit))?;
        let json = String::from_utf8(self.health().json().to_vec()).unwrap();
        Ok(vec![serde_json::value::RawValue::from_string(json).unwrap()])
    }

    async fn profile(&self, name: &str, order: ProfileOrder, by: &Actor) -> Result<ProfileFile, Refusal> {
        self.known(name)?;
        self.ask(format!("profile {:?} {} s of {name} by {}", order.kind, order.seconds, by.name))?;
        Ok(sample::profile(name))
    }

    async fn profiles(&self, app: Option<String>) -> Result<Vec<ProfileFile>, Refusal> {
        self.ask(format!("profiles of {app:?}"))?;
        Ok(vec![sample::profile("a")])
    }

    async fn profile_file(&self, file: String) -> Result<Option<(ProfileFile, Pieces)>, Refusal> {
        let about = sample::profile("a");
        let pieces = futures_util::stream::iter([Ok(Bytes::from_static(b"{}"))]);
        Ok((file == about.name).then(|| (about, futures_util::StreamExt::boxed(pieces))))
    }

    async fn backup(&self) -> Result<Bytes, Refusal> {
        self.ask("backup".into())?;
        Ok(Bytes::from_static(b"\x1f\x8b archive"))
    }
}
