//! The history as others see it.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use app::model::{AppMetrics, Availability, Event, Figure, HostTrend, Time, Trend};
use bytes::Bytes;
use rusqlite::Connection;
use serde_json::value::RawValue;

use super::error::Trouble;
use super::readers::{Readers, lock};
use super::recent::Recent;
use super::sample::Series;
use super::writer::{Message, Shared, Writer};
use super::{Error, Notify, Settings, State, Tick, archive, availability, database, documents, events, metrics, now};
use crate::control::{EventQuery, Span};

const FILE: &str = "history.db";
/// How many events and documents wait for the writer before more are lost.
const WAITING: u32 = 4096;
/// How long a caller waits for the writer to write what it has.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was measured and what happened, in memory and in `history.db`. Cheap to clone.
///
/// What is recorded never waits for the disk and never fails: `record_*`, [`trend`](Self::trend) and
/// [`host_trend`](Self::host_trend) may be called anywhere. What reads the database may wait for it:
/// [`events`](Self::events), [`metrics`](Self::metrics), [`snapshots`](Self::snapshots), [`last_event_id`](Self::last_event_id),
/// [`backup`](Self::backup) and [`close`](Self::close) belong on a thread that may block.
#[derive(Clone)]
pub struct History {
    shared: Arc<Shared>,
    writer: Sender<Message>,
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("History").field("path", &self.shared.path).finish_non_exhaustive()
    }
}

impl History {
    /// Begins to keep a history in the home folder. The file is opened by the thread that writes it, so a slow disk delays
    /// nobody; where it cannot be opened, the history is in memory alone and `notify` is told.
    #[must_use]
    pub fn open(home: &Path, settings: Settings, notify: Notify) -> Self {
        let path = home.join(FILE);
        let (writer, inbox) = channel();
        let shared = Arc::new(Shared {
            readers: Readers::new(&path),
            is_new: !path.exists(),
            path,
            settings,
            notify,
            recent: Mutex::new(Recent::default()),
            lost: AtomicU64::new(0),
            is_to_check: AtomicBool::new(false),
            waiting: AtomicU32::new(0),
            size: AtomicU64::new(0),
        });
        let thread = Writer::new(Arc::clone(&shared));
        if let Err(error) = thread::Builder::new().name("qd-history".into()).spawn(move || thread.run(&inbox)) {
            let why = format!("the thread that writes it could not be started: {error}");
            shared.readers.away(&why);
            (shared.notify)(format!("the history is kept in memory alone: {why}"));
        }
        Self { shared, writer }
    }

    /// Keeps an event. Events come in the order of their numbers; one that comes twice is kept once.
    pub fn record_event(&self, event: &Arc<Event>) {
        if lock(&self.shared.recent).add_event(event) {
            self.send(Message::Event(Arc::clone(event)));
        }
    }

    /// Keeps what was measured at a tick. It shows at once.
    pub fn record_tick(&self, tick: &Tick) {
        lock(&self.shared.recent).add_tick(tick);
    }

    /// Keeps a health document, which is JSON.
    pub fn record_document(&self, time: Time, json: Bytes) {
        self.send(Message::Document(time, json));
    }

    fn send(&self, message: Message) {
        // Before it is sent: it may be taken out at once.
        let before = self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        if before >= WAITING || self.writer.send(message).is_err() {
            self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The last ten minutes and the last day of an app.
    #[must_use]
    pub fn trend(&self, app: &str) -> Trend {
        lock(&self.shared.recent).trend(app, now())
    }

    /// The last ten minutes of the host.
    #[must_use]
    pub fn host_trend(&self) -> HostTrend {
        lock(&self.shared.recent).host_trend(now())
    }

    /// How many events and documents wait for the thread that writes them.
    #[must_use]
    pub fn waiting(&self) -> u32 {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    /// Size of `history.db` in bytes, as it was a minute ago at most.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.shared.size.load(Ordering::Relaxed)
    }

    /// Events that fit, newest first. While there is no database, the latest from memory.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn events(&self, query: &EventQuery) -> Result<Vec<Event>, Error> {
        let (mut found, oldest) = {
            let recent = lock(&self.shared.recent);
            let fitting = recent.events().rev().filter(|event| events::fits(query, event)).take(query.limit);
            let found: Vec<Event> = fitting.map(|event| (**event).clone()).collect();
            (found, recent.events().next().map(|event| event.id))
        };
        let before = [query.before, oldest].into_iter().flatten().min();
        let is_complete = query.after.zip(before).is_some_and(|(after, before)| after + 1 >= before);
        if found.len() < query.limit && !is_complete {
            let rest = EventQuery { before, limit: query.limit - found.len(), ..query.clone() };
            let older = self.read(|connection| events::read(connection, &rest));
            found.extend(or_none_while_away(older)?.unwrap_or_default());
        }
        Ok(found)
    }

    /// Number of the latest event, of those in memory and in the database; none if there is none.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn last_event_id(&self) -> Result<Option<u64>, Error> {
        let recent = lock(&self.shared.recent).events().next_back().map(|event| event.id);
        match recent {
            Some(id) => Ok(Some(id)),
            // Memory has had all that there are.
            None if self.shared.is_new => Ok(None),
            None => self.read(|connection| Ok(events::last_id(connection)?)),
        }
    }

    /// Samples of an app, thinned to `span.limit` points at most. An app without samples gives none.
    ///
    /// # Errors
    /// The database cannot be read. While there is none, the last ten minutes come from memory.
    pub fn metrics(&self, app: &str, span: Span) -> Result<AppMetrics, Error> {
        let known = self.read(|connection| Ok(database::figures(connection, app)?));
        let figures: BTreeSet<Figure> =
            or_none_while_away(known)?.into_iter().flatten().chain(lock(&self.shared.recent).figures(app)).collect();
        let mut metrics = self.asked(&Series::App(app.into()), span, |question, connection| question.answer(app, connection))?;
        for figure in figures {
            let series = Series::Figure(app.into(), figure.clone());
            let found = self.asked(&series, span, |question, connection| question.figures(connection, &figure))?;
            metrics.figures.extend(Some(found).filter(|found| !found.points.is_empty()));
        }
        Ok(metrics)
    }

    /// Asks memory and database, or memory alone while there is no database.
    fn asked<T>(
        &self,
        series: &Series,
        span: Span,
        ask: impl Fn(metrics::Question<'_>, Option<&Connection>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let recent = lock(&self.shared.recent).samples(series);
        let question = metrics::Question { series, span, recent: &recent, sample_every: self.shared.settings.sample_every };
        let answer = self.read(|connection| ask(question, Some(connection)));
        match or_none_while_away(answer)? {
            Some(answer) => Ok(answer),
            None => ask(question, None),
        }
    }

    /// How available an app was in the last 24 hours, 7 days and 30 days, with what is left of the budget that a target in percent gives.
    ///
    /// # Errors
    /// The database cannot be read. While there is none, what is in memory counts alone.
    pub fn availability(&self, app: &str, target: Option<f64>) -> Result<Availability, Error> {
        let now = now();
        let read = self.read(|connection| availability::read(connection, app, now));
        let mut known = or_none_while_away(read)?.unwrap_or_default();
        // What is not written yet. The end of a host is told when the node starts, and written long before anybody asks.
        let recent = lock(&self.shared.recent);
        let mine = recent.events().filter(|event| event.app.as_deref() == Some(app));
        mine.for_each(|event| known.apply(event, event.time));
        drop(recent);
        Ok(known.availability(app, target, now))
    }

    /// Stored health documents as JSON, newest first.
    ///
    /// # Errors
    /// There is no database, or it cannot be read.
    pub fn snapshots(&self, span: Span) -> Result<Vec<Box<RawValue>>, Error> {
        self.read(|connection| documents::read(connection, &span))
    }

    /// A consistent copy of both databases: an archive made by tar and gzip, in a file that has no name any more.
    ///
    /// # Errors
    /// There is no room for it, or `state.db` cannot be read. A history that cannot be read is left out.
    pub fn backup(&self, state: &State) -> Result<File, Error> {
        self.flush();
        archive::make(&self.shared.path, state)
    }

    /// Waits until what was recorded so far is written, if it can be.
    pub fn flush(&self) {
        self.wait_for(Message::Flush);
    }

    /// Writes what is left and ends. What is recorded later is in memory alone.
    pub fn close(&self) {
        self.wait_for(Message::Close);
    }

    fn wait_for(&self, message: impl FnOnce(SyncSender<()>) -> Message) {
        let (done, is_done) = sync_channel(1);
        if self.writer.send(message(done)).is_ok() {
            // A disk that takes longer than this would take for ever.
            let _ = is_done.recv_timeout(PATIENCE);
        }
    }

    fn read<T>(&self, query: impl FnOnce(&rusqlite::Connection) -> Result<T, Error>) -> Result<T, Error> {
        let answer = self.shared.readers.read(query);
        if let Err(error) = &answer
            && matches!(error.trouble(), Trouble::Damaged | Trouble::Other)
            && !matches!(error, Error::Away(_))
        {
            // One look is enough, however many read meanwhile.
            if !self.shared.is_to_check.swap(true, Ordering::Relaxed) {
                let _ = self.writer.send(Message::Check);
            }
        }
        answer
    }
}

fn or_none_while_away<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Err(Error::Away(_)) => Ok(None),
        other => other.map(Some),
    }
}

#[cfg(test)]
mod tests;
