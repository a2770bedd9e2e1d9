//! This host as a [`Control`]: engine, health, history and logs together.

mod ask;
mod exceptions;
mod healer;
mod prober;
mod profile;
mod pulse;
mod reports;
mod scraper;
mod ticker;
mod trouble;
mod upgrade;
pub mod watch;

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use app::model::{
    Action, App, AppMetrics, AppSpec, Availability, Definition, EnvBlock, Event, HealthDocument, LogPage, Node, Overview,
    ProfileFile, ProfileOrder,
};
use async_trait::async_trait;
use bytes::Bytes;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use crate::control::{Actor, Applied, Control, Done, EventQuery, Follow, Intake, LogQuery, Pieces, Refusal, Span, Told};
use crate::engine::{Board, Engine};
use crate::history::{History, State};
use crate::inside::{Inside, Profiles};
use crate::logs::Logs;

pub use exceptions::tell_exceptions;
pub use healer::Healer;
pub use prober::Prober;
pub use pulse::{ENGINE_EVERY, Pulse};
pub use scraper::scrape;
pub use ticker::{Ticker, no_document};
pub use trouble::Trouble;
pub use upgrade::TAKEOVER;

/// How many events the overview shows.
const OVERVIEW_EVENTS: usize = 40;

/// How a node ends.
#[derive(Debug)]
pub enum End {
    /// The apps are stopped.
    Stop,
    /// Another program takes its place, and everything else stays.
    Replace(PathBuf),
}

/// This host.
pub struct LocalNode {
    /// How things stand.
    pub board: Arc<Board>,
    /// What runs them.
    pub engine: Engine,
    /// What they wrote.
    pub logs: Logs,
    /// What must not be lost.
    pub state: State,
    /// What was.
    pub history: History,
    /// What apps tell of their insides.
    pub inside: Inside,
    /// What was taken of them.
    pub profiles: Profiles,
    /// What restarts apps for their health.
    pub healer: Arc<Healer>,
    /// Whether its loops turn.
    pub pulse: Pulse,
    /// Told when somebody asks for the end.
    pub end: mpsc::UnboundedSender<End>,
}

impl LocalNode {
    fn spec(&self, name: &str) -> Result<Arc<AppSpec>, Refusal> {
        self.engine.running_spec(name).ok_or_else(|| Refusal::NotFound(name.into()))
    }
}

/// Runs what may wait for the disk on a thread for that.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Refusal> + Send + 'static) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Refusal::Failed(format!("The answer was lost: {error}"))))
}

fn failed(what: &str, error: &dyn std::fmt::Display) -> Refusal {
    Refusal::Failed(format!("{what}: {error}"))
}

#[async_trait]
impl Control for LocalNode {
    fn node(&self) -> Node {
        self.board.node()
    }

    fn is_ready(&self) -> bool {
        self.engine.is_ready()
    }

    fn hangs(&self) -> bool {
        self.pulse.stuck(watch::STUCK).is_some()
    }

    fn apps(&self) -> Arc<Vec<App>> {
        self.board.apps()
    }

    fn health(&self) -> Arc<Told<HealthDocument>> {
        self.board.health()
    }

    fn hear_heartbeat(&self, key: &str) -> bool {
        self.engine.hear_heartbeat(key)
    }

    fn follow(&self, after: Option<u64>) -> Follow {
        self.board.follow(after)
    }

    async fn overview(&self) -> Overview {
        let apps = self.board.apps();
        let (history, names) = (self.history.clone(), apps.iter().map(|app| app.name.clone()).collect::<Vec<_>>());
        let query = EventQuery { limit: OVERVIEW_EVENTS, ..EventQuery::default() };
        let last_event_id = self.board.last_id();
        let read = blocking(move || {
            let trends = names.into_iter().map(|name| (name.clone(), history.trend(&name))).collect();
            Ok((trends, history.host_trend(), history.events(&query).unwrap_or_default()))
        });
        let (trends, host, events) = read.await.unwrap_or_default();
        let health = self.board.health().value.clone();
        Overview { node: self.board.node(), health, apps: apps.to_vec(), trends, host, events, last_event_id }
    }

    async fn act(&self, action: Action, name: &str, by: &Actor) -> Result<Done, Refusal> {
        self.engine.act(action, name, by).await
    }

    async fn apply(&self, specs: Vec<AppSpec>, intake: Intake, by: &Actor) -> Result<Vec<(String, Applied)>, Refusal> {
        self.engine.apply(specs, intake, by).await
    }

    async fn delete(&self, name: &str, by: &Actor) -> Result<(), Refusal> {
        self.engine.delete(name, by).await
    }

    async fn reset(&self, name: &str, _by: &Actor) -> Result<(), Refusal> {
        self.engine.reset(name)
    }

    async fn flush(&self, name: &str, _by: &Actor) -> Result<(), Refusal> {
        let (spec, logs) = (self.spec(name)?, self.logs.clone());
        blocking(move || logs.flush(&spec).map_err(|error| failed("The logs could not be emptied", &error))).await
    }

    async fn save(&self, _by: &Actor) -> Result<usize, Refusal> {
        let (state, records) = (self.state.clone(), self.engine.records());
        blocking(move || {
            state.save(&records).map_err(|error| failed("The list was not saved", &error))?;
            Ok(records.len())
        })
        .await
    }

    async fn resurrect(&self, _by: &Actor) -> Result<usize, Refusal> {
        let state = self.state.clone();
        let saved = blocking(move || state.saved().map_err(|error| failed("The saved list cannot be read", &error))).await?;
        let saved = saved.ok_or_else(|| Refusal::Failed("Nothing was saved yet; start your apps and run `qd save`".into()))?;
        let count = saved.len();
        self.engine.take_up(saved).await;
        Ok(count)
    }

    async fn shut_down(&self, _by: &Actor) {
        // Whoever asks twice is not told twice.
        let _ = self.end.send(End::Stop);
    }

    async fn upgrade(&self, program: String, by: &Actor) -> Result<(), Refusal> {
        let program = upgrade::tried(program.into()).await?;
        self.engine.node_event(&format!("{} takes over, as {} asked", program.display(), by.name));
        let _ = self.end.send(End::Replace(program));
        Ok(())
    }

    async fn definitions(&self) -> Vec<Definition> {
        let apps = self.board.apps();
        let path = |path: Option<std::path::PathBuf>| path.map(|path| path.to_string_lossy().into_owned());
        let definition = |app: &App| {
            let spec = self.engine.running_spec(&app.name)?;
            let (out, error) = self.logs.paths(&spec, 0);
            let (out_file, error_file) = (path(out), path(error));
            Some(Definition { app: app.clone(), spec: AppSpec::clone(&spec), out_file, error_file })
        };
        apps.iter().filter_map(definition).collect()
    }

    async fn environment(&self, name: &str) -> Result<EnvBlock, Refusal> {
        self.engine.environment(name).ok_or_else(|| Refusal::NotFound(name.into()))
    }

    async fn logs(&self, name: &str, query: LogQuery) -> Result<LogPage, Refusal> {
        let (spec, logs) = (self.spec(name)?, self.logs.clone());
        blocking(move || logs.page(&spec, &query)).await
    }

    async fn metrics(&self, name: &str, span: Span) -> Result<AppMetrics, Refusal> {
        self.spec(name)?;
        let (history, name) = (self.history.clone(), name.to_owned());
        blocking(move || history.metrics(&name, span).map_err(|error| failed("The history cannot be read", &error))).await
    }

    async fn availability(&self, name: &str) -> Result<Availability, Refusal> {
        let target = self.spec(name)?.availability_target;
        let (history, name) = (self.history.clone(), name.to_owned());
        blocking(move || history.availability(&name, target).map_err(|error| failed("The history cannot be read", &error))).await
    }

    async fn events(&self, query: EventQuery) -> Result<Vec<Event>, Refusal> {
        let history = self.history.clone();
        blocking(move || history.events(&query).map_err(|error| failed("The history cannot be read", &error))).await
    }

    async fn snapshots(&self, span: Span) -> Result<Vec<Box<RawValue>>, Refusal> {
        let history = self.history.clone();
        blocking(move || history.snapshots(span).map_err(|error| failed("The history cannot be read", &error))).await
    }

    async fn profile(&self, name: &str, order: ProfileOrder, _by: &Actor) -> Result<ProfileFile, Refusal> {
        self.take_profile(name, order).await
    }

    async fn profiles(&self, app: Option<String>) -> Result<Vec<ProfileFile>, Refusal> {
        let profiles = self.profiles.clone();
        blocking(move || profiles.list(app.as_deref()).map_err(|error| failed("The profiles cannot be read", &error))).await
    }

    async fn profile_file(&self, file: String) -> Result<Option<(ProfileFile, Pieces)>, Refusal> {
        let profiles = self.profiles.clone();
        let found = blocking(move || profiles.open(&file).map_err(|error| failed("The profile cannot be read", &error))).await?;
        Ok(found.map(|(about, file)| (about, profile::pieces(file))))
    }

    async fn backup(&self) -> Result<Bytes, Refusal> {
        let (history, state) = (self.history.clone(), self.state.clone());
        blocking(move || {
            let mut archive = history.backup(&state).map_err(|error| failed("The backup could not be made", &error))?;
            let mut bytes = Vec::new();
            archive.read_to_end(&mut bytes).map_err(|error| failed("The backup could not be read", &error))?;
            Ok(bytes.into())
        })
        .await
    }
}
