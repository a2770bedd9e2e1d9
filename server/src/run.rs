//! What is wired to what.

mod notices;
mod place;
mod runtime;
mod signals;

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use app::model::{AppRecord, Node};
use tokio::sync::{mpsc, watch};

use self::notices::Notices;
use self::place::{Place, Sockets};
use self::signals::{Signals, Told};
use crate::api;
use crate::auth::{self, Auth};
use crate::cli::{Failure, ServeOptions};
use crate::config::{self, ConfigErrors, LoadOptions, Settings};
use crate::control::{Actor, Intake};
use crate::engine::{Board, Engine, Journal, Options, Store};
use crate::health::Sampler;
use crate::history::{self, History, Notify, State};
use crate::inside::{Inside, Profiles};
use crate::logs::{self, Logs};
use crate::node::{
    ENGINE_EVERY, End, Healer, LocalNode, Prober, Pulse, Ticker, Trouble, no_document, scrape, tell_exceptions, watch as watcher,
};
use crate::process;
use crate::web;

/// Threads that serve the web. The engine, the logs, the history and the tick have threads of their own.
const WEB_THREADS: usize = 2;
/// Threads for what waits for the disk on behalf of the web.
const DISK_THREADS: usize = 8;

/// After this the start is over, and memory is given back; then so often.
const STARTED: Duration = Duration::from_secs(5);
const SLIM_EVERY: Duration = Duration::from_mins(5);
/// How often it is looked at whether `state.db` is due for its daily copy.
const BACK_UP_LOOK: Duration = Duration::from_secs(3600);
/// How often it is looked at whether it is still there.
const IN_PLACE_LOOK: Duration = Duration::from_secs(5);
/// How soon after that went wrong.
const BACK_UP_AGAIN: Duration = Duration::from_secs(5);
/// How many of the latest events the history is told again at the start: more than it can have missed by a kill.
const REPLAYED_EVENTS: usize = 3_000;
/// How long apps may take to come before the web is served without them.
const FIRST_APPS: Duration = Duration::from_secs(2);

/// `qd serve`: runs the node until a signal or a request ends it.
///
/// # Errors
/// Another node runs on this home, the config is bad, or something that is needed cannot be had. Nothing was started then.
pub fn serve(options: &ServeOptions) -> Result<(), Failure> {
    process::settle_in();
    start_log();
    let place = Place::open(&options.home)?;
    let (settings, warnings) = Settings::load(&options.home)?;
    let notices = Notices::default();
    let state = Opening::begin(&options.home, notices.notify())?;
    let history = open_history(&options.home, &settings, notices.notify());
    let file = options.config.clone();
    let specs = file.as_deref().map(|file| load(file, &settings)).transpose().inspect_err(|_| history.close())?;
    for warning in warnings.iter().chain(specs.iter().flat_map(|loaded| &loaded.warnings)) {
        let _ = writeln!(io::stderr(), "warning: {warning}");
    }
    let sockets = Sockets::open(options, &settings, &place)?;
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(WEB_THREADS).max_blocking_threads(DISK_THREADS).enable_all();
    let runtime = process::runtime(builder)
        .map_err(|error| failed("the threads that serve the web cannot be started; are too many processes running?", &error))?;
    let (end, ended) = mpsc::unbounded_channel();
    // Not in `block_on`: what has a runtime of its own, and fails, drops it there, which tokio forbids.
    let running = {
        let _inside = runtime.enter();
        Running::start(&place, &settings, end, &options.home, (state, history), &notices)?
    };
    runtime.block_on(running.run(&place, sockets, specs.unwrap_or_default(), file, settings, ended))
}

/// What must not be lost, and the apps in it.
type Remembered = (State, Vec<AppRecord>);

/// `state.db`, which a thread of its own opens: it waits for the disk.
struct Opening(Option<JoinHandle<Result<Remembered, Failure>>>);

impl Opening {
    fn begin(home: &Path, notify: Notify) -> Result<Self, Failure> {
        let home = home.to_owned();
        let open = move || {
            let state = State::open(&home, &notify).map_err(|error| failed("state.db cannot be opened", &error))?;
            let records = state.apps().map_err(|error| failed("the apps in state.db cannot be read", &error))?;
            Ok((state, records))
        };
        let thread = std::thread::Builder::new().name("qd-state".into()).spawn(open);
        let thread = thread.map_err(|error| {
            failed("the thread that opens state.db cannot be started; are too many processes running?", &error)
        })?;
        Ok(Self(Some(thread)))
    }

    fn done(mut self) -> Result<Remembered, Failure> {
        let opened = self.0.take().and_then(|thread| thread.join().ok());
        opened.unwrap_or_else(|| Err(Failure::Failed("state.db cannot be opened; see above".into())))
    }
}

impl Drop for Opening {
    /// Whatever else is wrong, it is not left in the midst of being opened, or mended.
    fn drop(&mut self) {
        let _ = self.0.take().map(JoinHandle::join);
    }
}

/// Opens `history.db`, which a thread of its own does.
fn open_history(home: &Path, settings: &Settings, notify: Notify) -> History {
    let kept = history::Settings {
        sample_every: settings.sample_every,
        samples_kept: settings.history.raw,
        minutes_kept: settings.history.minutes,
        quarter_hours_kept: settings.history.quarter_hours,
        hours_kept: settings.history.hours,
        max_bytes: settings.history.max_bytes,
        ..history::Settings::default()
    };
    History::open(home, kept, notify)
}

fn failed(what: &str, why: &dyn std::fmt::Display) -> Failure {
    Failure::Failed(format!("{what}: {why}"))
}

fn start_log() {
    let colours = io::IsTerminal::is_terminal(&io::stderr());
    let log = tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(colours).with_max_level(tracing::Level::INFO);
    // A second call in one process, as in tests, keeps the first log.
    let _ = log.try_init();
}

fn load(file: &Path, settings: &Settings) -> Result<config::Loaded, ConfigErrors> {
    let environment = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let config::settings::Logs { rotation, policy, .. } = settings.logs;
    let options = LoadOptions { env_name: None, only: None, environment: environment.collect(), rotation, log_policy: policy };
    config::load(file, &options)
}

/// What `state.db` keeps for the engine.
struct Kept(State);

impl Store for Kept {
    fn put(&self, records: &[AppRecord]) -> Result<(), String> {
        self.0.put_apps(records).map_err(|error| error.to_string())
    }

    fn note(&self, records: &[AppRecord]) -> Result<(), String> {
        self.0.note_apps(records).map_err(|error| error.to_string())
    }

    fn settle(&self) -> Result<(), String> {
        self.0.settle().map_err(|error| error.to_string())
    }

    fn remove(&self, name: &str) -> Result<(), String> {
        self.0.remove_app(name).map_err(|error| error.to_string())
    }
}

struct Running {
    node: Arc<LocalNode>,
    records: Vec<AppRecord>,
}

impl Running {
    fn start(
        place: &Place,
        settings: &Settings,
        end: mpsc::UnboundedSender<End>,
        home: &Path,
        (state, history): (Opening, History),
        notices: &Notices,
    ) -> Result<Self, Failure> {
        let logs = {
            let notify = notices.notify();
            let limits = logs::Limits { total_bytes: settings.logs.total_max_bytes, free_bytes: settings.logs.min_free_bytes };
            Logs::start(home, limits, move |notice| notify(notice))
                .map_err(|error| failed("the logs cannot be opened", &error))?
        };
        let (journal, told) =
            Journal::open(&place.run).map_err(|error| failed("the journal of events cannot be opened", &error))?;
        // Neither is synced to the disk: after a power cut one may know more than the other, and no number may come twice.
        let recorded = history.last_event_id().ok().flatten().unwrap_or(0);
        let last_id = told.last().map_or(0, |event| event.id).max(recorded);
        // What the history has already is kept once: events are known by their numbers.
        for event in &told[told.len().saturating_sub(REPLAYED_EVENTS)..] {
            history.record_event(&Arc::new(event.clone()));
        }
        let sink = {
            let history = history.clone();
            Box::new(move |event| history.record_event(&event))
        };
        let hostname = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let node = Node {
            hostname: hostname.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            started_at: process::wall_clock(),
            sample_every_ms: u64::try_from(settings.sample_every.as_millis()).unwrap_or(2000),
        };
        let board = Arc::new(Board::new(node, journal, told, last_id, no_document(&hostname), sink));
        let (inside, caught) = Inside::start(place.runtime.as_ref().map(|one| one.folder()), &place.run)
            .map_err(|error| failed("the thread that hears Node apps cannot be started", &error))?;
        let (state, records) = state.done()?;
        let engine = Engine::start(Options {
            inside: inside.clone(),
            run: place.run.clone(),
            home_id: place.id.clone(),
            secret: place.secret()?,
            board: board.clone(),
            logs: logs.clone(),
            store: Arc::new(Kept(state.clone())),
            cgroups: std::env::var_os("QD_CGROUPS").map(PathBuf::from),
        })
        .map_err(|error| failed("the engine cannot be started", &error))?;
        notices.deliver_to(engine.clone());
        let healer = Arc::new(Healer::new(engine.clone()));
        tokio::spawn(tell_exceptions(board.clone(), caught));
        tokio::spawn(scrape(board.clone(), engine.clone(), inside.clone()));
        let pulse = Pulse::default();
        engine.keep_calling(ENGINE_EVERY, {
            let beat = pulse.engine.clone();
            move || beat.turn(ENGINE_EVERY)
        });
        let ticker = Ticker {
            board: board.clone(),
            engine: engine.clone(),
            history: history.clone(),
            logs: logs.clone(),
            inside: inside.clone(),
            sampler: Sampler::new(home),
            trouble: Trouble::new(board.clone(), logs.clone(), healer.clone()),
            healer: healer.clone(),
            pulse: pulse.clone(),
            every: settings.sample_every,
        };
        ticker.start().map_err(|error| failed("the thread that measures cannot be started", &error))?;
        let prober = Prober::new(board.clone(), engine.clone(), logs.clone(), healer.clone());
        prober.start().map_err(|error| failed("the thread that checks health cannot be started", &error))?;
        let profiles = Profiles::of(home);
        let node = LocalNode { board, engine, logs, state, history, inside, profiles, pulse, healer, end };
        Ok(Self { node: Arc::new(node), records })
    }

    async fn run(
        self,
        place: &Place,
        sockets: Sockets,
        loaded: config::Loaded,
        file: Option<PathBuf>,
        settings: Settings,
        mut ended: mpsc::UnboundedReceiver<End>,
    ) -> Result<(), Failure> {
        let rate = auth::Rate { burst: settings.control.burst, per_second: f64::from(settings.control.per_minute) / 60.0 };
        let auth = Auth::new(self.node.state.clone(), auth::Settings { hosts: settings.hosts.clone(), control_rate: rate })
            .map_err(|error| failed("the tokens in state.db cannot be read", &error))?;
        let (stop, stopping) = watch::channel(false);
        let address = sockets.tcp.local_addr().map_err(|error| failed("the address is not known", &error))?;
        // Apps are on this host, wherever else it is listened.
        let near = if address.ip().is_unspecified() { "127.0.0.1".into() } else { address.ip().to_string() };
        self.node.engine.answers_at(format!("http://{near}:{}", address.port()));
        // Copies outlive those that serve, so that whoever comes in between waits instead of being refused.
        let copies = sockets.copy().map_err(|error| failed("the listening sockets cannot be copied", &error))?;
        let mut signals = Signals::listen().map_err(|error| failed("signals cannot be listened for", &error))?;
        let engine = self.node.engine.clone();
        let (records, earlier) = (self.records, place.earlier);
        let mut beginning = self.node.engine.spawn(async move {
            engine.restore(records, earlier).await;
            if let Err(error) = engine.apply(loaded.specs, Intake::Reread, &config_file()).await {
                engine.node_event(&error.to_string());
            }
        });
        let listeners = web::Listeners { tcp: vec![sockets.tcp], unix: Some(sockets.unix) };
        // Whoever asks first is to find what was there before; an app that is slow to come keeps nobody out.
        let _ = tokio::time::timeout(FIRST_APPS, &mut beginning).await;
        settle(self.node.state.clone()).await;
        // Not before: to put the pages and the description of the API together takes a while, in which apps can start.
        let streams = settings.stream.max_clients as usize;
        let context = api::Context::new(self.node.clone(), auth.clone(), streams, stopping.clone());
        let router = web::router(context);
        let serving = web::serve(listeners, router, stopping);
        let serving = tokio::spawn(serving.map_err(|error| failed("nobody can be listened to", &error))?);
        let url = format!("http://{address}");
        let _ = std::fs::write(place.run.join("address"), &url);
        greet(&self.node.state, &url, &auth).await;
        tokio::spawn(stay_slim(self.node.state.clone()));
        tokio::spawn(look_after_state(self.node.state.clone(), self.node.engine.clone()));
        if let Some(runtime) = place.runtime.clone() {
            tokio::task::spawn_blocking(move || runtime.sweep());
        }
        let manager = process::Manager::of_environment();
        tell(&manager, "READY=1");
        tokio::spawn(watcher::feed(manager.clone(), self.node.pulse.clone()));
        if let Some(url) = settings.heartbeat.url.clone() {
            tokio::spawn(watcher::heartbeat(url, settings.heartbeat.every, self.node.pulse.clone()));
        }
        let mut successor = None;
        let mut boot = String::new();
        let leave = loop {
            tokio::select! {
                end = ended.recv() => match end {
                    Some(End::Replace(program)) => {
                        successor = Some(program);
                        break true;
                    }
                    Some(End::Stop) | None => break false,
                },
                told = signals.next() => match told {
                    Told::End => {
                        boot = process::boot_id().unwrap_or_default();
                        break false;
                    }
                    Told::Leave => break true,
                    Told::Reload => reload(&self.node.engine, file.as_deref(), &settings).await,
                },
            }
        };
        if successor.is_none() {
            tell(&manager, "STOPPING=1");
        }
        if !leave {
            // Before anything is stopped: who looks in between is not to take it for a mishap.
            if let Err(error) = std::fs::write(place.stopped(), boot) {
                tracing::error!(%error, "failed to write down that qd was stopped on purpose; `qd check --heal` will start it again");
            }
            // What is still being started must be known before it can be stopped.
            if !beginning.is_finished() {
                let _ = tokio::time::timeout(FIRST_APPS, beginning).await;
            }
            tokio::select! {
                () = self.node.engine.shut_down() => {}
                () = signals.second_end() => tracing::warn!("told to end a second time: apps that have not ended are left running"),
            }
        }
        // Nobody may be there any more to hear it.
        let _ = stop.send(true);
        let _ = serving.await;
        self.node.engine.end_beside_apps().await;
        let history = self.node.history.clone();
        let _ = tokio::task::spawn_blocking(move || history.close()).await;
        if let Some(program) = successor {
            hand_over(&program, &copies);
        }
        let _ = std::fs::remove_file(place.run.join("qd.sock"));
        let _ = std::fs::remove_file(place.run.join("address"));
        // Threads that pump and measure end with the process.
        std::process::exit(0);
    }
}

/// Tells the service manager, if there is one.
fn tell(manager: &process::Manager, what: &str) {
    if let Err(error) = manager.tell(what) {
        tracing::warn!(%error, what, "failed to tell the service manager");
    }
}

/// Becomes the program, or this one again if that fails. Comes back if neither works: then the apps run on without us.
fn hand_over(program: &Path, sockets: &Sockets) {
    let kept = [sockets.tcp.as_fd(), sockets.unix.as_fd()];
    let mut words: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(at) = words.iter().position(|word| word == "--inherit") {
        words.drain(at..(at + 2).min(words.len()));
    }
    let numbers = format!("{},{}", kept[0].as_raw_fd(), kept[1].as_raw_fd());
    words.extend(["--inherit".into(), numbers.into()]);
    for program in [program, Path::new("/proc/self/exe")] {
        let error = process::replace(program, &words, &kept);
        tracing::error!(%error, program = %program.display(), "failed to become another program");
    }
}

/// Gives back what the start needed, and later what the dashboard did.
async fn stay_slim(state: State) {
    let mut pauses = tokio::time::interval_at(tokio::time::Instant::now() + STARTED, SLIM_EVERY);
    loop {
        pauses.tick().await;
        let state = state.clone();
        let slimmed = tokio::task::spawn_blocking(move || {
            let done = state.slim();
            process::slim();
            done
        });
        if let Ok(Err(error)) = slimmed.await {
            tracing::warn!(%error, "state.db did not give back its memory");
        }
    }
}

/// Has a `state.db` that was made just now on the disk before anybody is answered.
async fn settle(state: State) {
    if let Ok(Err(error)) = tokio::task::spawn_blocking(move || state.settle()).await {
        tracing::warn!(%error, "failed to wait until state.db is on the disk");
    }
}

/// Looks every hour whether `state.db` is still whole and whether it is to be copied, which it is once a day: the node may
/// have been away when that was due.
async fn look_after_state(state: State, engine: Engine) {
    let mut hours = tokio::time::interval(BACK_UP_LOOK);
    let mut told = None;
    loop {
        tokio::select! {
            _ = hours.tick() => {}
            () = taken_away(&state) => {}
        }
        let (state, about) = (state.clone(), engine.clone());
        let looked = tokio::task::spawn_blocking(move || {
            let notify: Notify = {
                let engine = about.clone();
                Arc::new(move |notice| engine.node_event(&notice))
            };
            // What the copy does not know is still known to the engine.
            let mended = state.mend(&notify).and_then(|is_new| if is_new { state.put_apps(&about.records()) } else { Ok(()) });
            mended
                .map_err(|error| format!("state.db is damaged or cannot be read, and could not be mended: failed to {error}"))
                .and_then(|()| {
                    let copied = state.back_up(process::wall_clock());
                    copied.map_err(|error| format!("the daily copy of state.db could not be made: failed to {error}"))
                })
        });
        match looked.await {
            Ok(Ok(_)) => told = None,
            Ok(Err(trouble)) => {
                // Until it is mended, nothing that is asked for outlives this process.
                hours.reset_after(BACK_UP_AGAIN);
                if told.as_ref() != Some(&trouble) {
                    engine.node_event(&trouble);
                }
                told = Some(trouble);
            }
            Err(error) => tracing::error!(%error, "state.db was not looked after to the end"),
        }
    }
}

/// Waits until somebody removes or replaces the file.
async fn taken_away(state: &State) {
    loop {
        tokio::time::sleep(IN_PLACE_LOOK).await;
        if !state.is_in_place() {
            return;
        }
    }
}

/// One line with the address, and at the first start one with a login link. Nobody may be there to read them.
async fn greet(state: &State, url: &str, auth: &Auth) {
    let mut lines = format!("Quarterdeck is at {url}\n");
    if state.meta("greeted").is_ok_and(|greeted| greeted.is_none()) {
        match auth.create_login_link().await {
            Ok(secret) => {
                lines += &format!("Sign in as admin within 15 minutes, once: {url}/login/{secret}\n");
                let _ = state.set_meta("greeted", "yes");
            }
            Err(error) => tracing::error!("no login link could be made: {error}; make one with `qd login-link`"),
        }
    }
    let mut out = io::stdout();
    let _ = out.write_all(lines.as_bytes()).and_then(|()| out.flush());
}

fn config_file() -> Actor {
    Actor { name: "the config file".into() }
}

/// SIGHUP: reads the config again. New apps are started, changed definitions count from the next start.
/// A file with mistakes changes nothing.
async fn reload(engine: &Engine, file: Option<&Path>, settings: &Settings) {
    let Some(file) = file.map(Path::to_owned) else {
        engine.node_event("was told to read its config again, but was started without one");
        return;
    };
    let settings = settings.clone();
    match tokio::task::spawn_blocking(move || load(&file, &settings)).await {
        Ok(Ok(loaded)) => {
            if let Err(error) = engine.apply(loaded.specs, Intake::Reread, &config_file()).await {
                engine.node_event(&error.to_string());
            }
        }
        Ok(Err(mistakes)) => engine.node_event(&format!("the config was not read again, because it has mistakes: {mistakes}")),
        Err(error) => engine.node_event(&format!("the config could not be read again: {error}")),
    }
}
