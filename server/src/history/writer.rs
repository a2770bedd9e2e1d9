//! The thread that writes `history.db`. What goes wrong there stays there: it waits, opens anew, sets aside or goes on
//! without a database, and says so once.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use app::model::{Event, Time};
use bytes::Bytes;

use super::database::{Batch, Database};
use super::error::Trouble;
use super::readers::{Readers, lock};
use super::recent::{MINUTES, Recent};
use super::sample::MINUTE_MS;
use super::{DAY, Error, Notify, Settings, before, now, sqlite};

/// How long a database waits to be made where there was none.
const NEW_WAITS: Duration = Duration::from_millis(100);
/// After an event that was waited for, others are left to gather for so long: whoever tells many at once is not to wake this thread
/// for each.
const GATHERS: Duration = Duration::from_millis(5);
/// How long events may wait to be written together.
const EVENTS_WAIT: Duration = Duration::from_secs(1);
/// How long samples may.
const SAMPLES_WAIT: Duration = Duration::from_secs(10);
/// How long until something that failed is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// How often old rows are removed, and at most how often the file is looked through.
pub(super) const TIDY: Duration = Duration::from_secs(60);
/// How many events wait in memory while there is no database.
const EVENTS: usize = 4096;
/// How many documents do.
const DOCUMENTS: usize = 8;

/// What the writer is sent.
#[derive(Debug)]
pub(super) enum Message {
    /// Something happened.
    Event(Arc<Event>),
    /// A health document.
    Document(Time, Bytes),
    /// A reader met trouble: look for damage.
    Check,
    /// Write now, and tell.
    Flush(SyncSender<()>),
    /// Write, end, and tell.
    Close(SyncSender<()>),
}

/// What the writer shares with all who ask.
pub(super) struct Shared {
    pub(super) path: PathBuf,
    /// There was no database.
    pub(super) is_new: bool,
    pub(super) settings: Settings,
    pub(super) notify: Notify,
    pub(super) recent: Mutex<Recent>,
    pub(super) readers: Readers,
    /// Records that were sent and not yet taken.
    pub(super) waiting: AtomicU32,
    /// Records that were lost since it was last told.
    pub(super) lost: AtomicU64,
    /// The writer was asked to look for damage, and has not begun to.
    pub(super) is_to_check: AtomicBool,
    /// Size of the files in bytes.
    pub(super) size: AtomicU64,
}

/// See the module.
pub(super) struct Writer {
    shared: Arc<Shared>,
    database: Option<Database>,
    events: Vec<Arc<Event>>,
    documents: Vec<(Time, Bytes)>,
    /// Is it known, and told, that nothing can be written?
    is_away: bool,
    /// Was it read what an earlier life left?
    has_begun: bool,
    /// Before this one all minutes are in the database; none while it cannot be written.
    written: Option<i64>,
    flush_at: Instant,
    retry_at: Instant,
    chores_at: Instant,
    tidy_at: Instant,
    check_at: Instant,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let at = Instant::now();
        let (events, documents) = (Vec::new(), Vec::new());
        let (is_away, has_begun) = (false, false);
        Self {
            shared,
            database: None,
            events,
            documents,
            is_away,
            has_begun,
            written: None,
            flush_at: at,
            retry_at: at,
            chores_at: at,
            tidy_at: at,
            check_at: at,
        }
    }

    /// Works until it is closed, or nobody is left who could send.
    pub(super) fn run(mut self, inbox: &Receiver<Message>) {
        if self.shared.is_new {
            // There is nothing to be read in it, and apps have to be started.
            self.flush_at = Instant::now() + NEW_WAITS;
            self.chores_at = self.flush_at;
        } else {
            self.open();
        }
        loop {
            let next = self.flush_at.min(self.chores_at);
            let waiting = inbox.try_recv();
            let was_empty = waiting.is_err();
            match waiting.or_else(|_| inbox.recv_timeout(next.saturating_duration_since(Instant::now()))) {
                Ok(Message::Close(done)) => {
                    self.close();
                    // Whoever asked may have stopped waiting.
                    let _ = done.send(());
                    return;
                }
                Ok(message) => {
                    let may_be_first = was_empty && matches!(message, Message::Event(_));
                    self.take(message);
                    if may_be_first {
                        std::thread::sleep(GATHERS);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.close(),
            }
            if Instant::now() >= self.flush_at {
                self.flush();
            } else if Instant::now() >= self.chores_at {
                self.chores();
            }
        }
    }

    pub(super) fn take(&mut self, message: Message) {
        if matches!(message, Message::Event(_) | Message::Document(..)) {
            self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        match message {
            Message::Event(event) => {
                self.events.push(event);
                self.flush_at = self.flush_at.min(Instant::now() + EVENTS_WAIT);
            }
            Message::Document(time, json) => {
                self.documents.push((time, json));
                self.flush_at = self.flush_at.min(Instant::now() + EVENTS_WAIT);
            }
            Message::Check => {
                self.shared.is_to_check.store(false, Ordering::Relaxed);
                self.check();
            }
            Message::Flush(done) | Message::Close(done) => {
                self.flush();
                let _ = done.send(());
            }
        }
    }

    /// Writes what waits, and tidies up when it is time to.
    pub(super) fn flush(&mut self) {
        self.flush_at = Instant::now() + SAMPLES_WAIT;
        let minute = lock(&self.shared.recent).minute();
        self.write(minute);
        self.chores();
        self.bound();
    }

    fn close(&mut self) {
        // The current minute is summed up as far as it went; the next life goes on with it.
        self.write(i64::MAX);
        if let Some(database) = self.database.take() {
            let _ = database.connection.execute_batch("PRAGMA optimize");
        }
        self.shared.readers.away("it is closed, because qd is ending");
    }

    fn write(&mut self, minute: i64) {
        self.written = None;
        if self.database.as_ref().is_some_and(|database| !database.is_in_place(&self.shared.path)) {
            self.tell("history.db was removed or replaced while it was in use; what was in it is gone, a new one is made".into());
            self.database = None;
        }
        if self.database.is_none() && Instant::now() >= self.retry_at {
            self.open();
        }
        let Some(database) = &mut self.database else { return };
        let samples = {
            let recent = lock(&self.shared.recent);
            recent.minutes(&recent.unwritten)
        };
        let batch = Batch { events: &self.events, documents: &self.documents, samples: &samples, minute };
        match database.write(&batch) {
            Ok(()) => {
                self.written = Some(minute);
                self.events.clear();
                self.documents.clear();
                lock(&self.shared.recent).unwritten.retain(|one| *one >= minute);
                self.is_back();
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Opens the database; one that is of no use to us is set aside first.
    pub(super) fn open(&mut self) {
        self.retry_at = Instant::now() + RETRY;
        let opened = match self.try_open() {
            Err(error) if matches!(error.trouble(), Trouble::Damaged | Trouble::Newer) => {
                self.set_aside(&error).and_then(|()| self.try_open())
            }
            other => other,
        };
        match opened {
            Ok(database) => {
                self.database = Some(database);
                self.shared.readers.opened();
                self.measure();
            }
            Err(error) => self.failed(&error),
        }
    }

    fn try_open(&mut self) -> Result<Database, Error> {
        let mut database = Database::open(&self.shared.path, self.shared.settings.max_bytes)?;
        let now = now();
        let earlier = database.earlier(now.ms().div_euclid(MINUTE_MS) - MINUTES, Time(before(now, DAY)))?;
        // Later, memory knows more than the database.
        if !std::mem::replace(&mut self.has_begun, true) {
            lock(&self.shared.recent).begin(earlier);
        }
        Ok(database)
    }

    fn set_aside(&mut self, why: &Error) -> Result<(), Error> {
        let word = if why.trouble() == Trouble::Newer { "newer" } else { "corrupt" };
        let aside = sqlite::set_aside(&self.shared.path, word, now())?;
        let said = format!("history.db could not be used (failed to {why}); it is now {} and a new one is made", aside.display());
        self.tell(said);
        // What is still in memory goes into the new one.
        let mut recent = lock(&self.shared.recent);
        let kept: Vec<_> = recent.events().cloned().collect();
        recent.forget_written();
        drop(recent);
        let first = self.events.first().map_or(u64::MAX, |event| event.id);
        self.events.splice(0..0, kept.into_iter().filter(|event| event.id < first));
        Ok(())
    }

    /// Does what a failure asks for.
    fn failed(&mut self, error: &Error) {
        self.flush_at = Instant::now() + RETRY;
        match error.trouble() {
            Trouble::Busy | Trouble::Full if self.database.is_none() => self.go_without(error),
            Trouble::Busy => {}
            Trouble::Full => self.tidy_at = Instant::now(),
            Trouble::Damaged if self.database.is_some() => {
                self.database = None;
                match self.set_aside(error) {
                    Ok(()) => return self.open(),
                    Err(error) => self.go_without(&error),
                }
            }
            _ => self.go_without(error),
        }
        if !std::mem::replace(&mut self.is_away, true) {
            self.tell(format!("the history is not written for now: failed to {error}; it is tried again every few seconds"));
        }
    }

    fn go_without(&mut self, error: &Error) {
        self.database = None;
        self.shared.readers.away(&format!("qd runs without it for now, because it failed to {error}"));
    }

    fn is_back(&mut self) {
        let lost = self.shared.lost.swap(0, Ordering::Relaxed);
        let was_away = std::mem::take(&mut self.is_away);
        match (was_away, lost) {
            (false, 0) => {}
            (true, 0) => self.tell("the history is written again; nothing was lost".into()),
            (_, lost) => self.tell(format!("the history is written again; {lost} events or documents were lost")),
        }
    }

    fn check(&mut self) {
        if Instant::now() < self.check_at {
            return;
        }
        self.check_at = Instant::now() + TIDY;
        let Some(database) = &self.database else { return };
        if let Err(error) = sqlite::check(&database.connection, &self.shared.path) {
            self.failed(&error);
        }
    }

    /// While nothing can be written, the oldest goes.
    fn bound(&mut self) {
        let events = self.events.len().saturating_sub(EVENTS);
        self.events.drain(..events);
        let documents = self.documents.len().saturating_sub(DOCUMENTS);
        self.documents.drain(..documents);
        self.shared.lost.fetch_add((events + documents) as u64, Ordering::Relaxed);
    }

    fn measure(&self) {
        let size = |ending| fs::metadata(sqlite::with_ending(&self.shared.path, ending)).map_or(0, |file| file.len());
        self.shared.size.store(size("") + size("-wal"), Ordering::Relaxed);
    }

    fn tell(&self, said: String) {
        (self.shared.notify)(said);
    }
}

mod chores;
#[cfg(test)]
mod tests;
