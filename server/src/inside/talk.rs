//! The connection of one process: it is asked how it is, and for profiles.

use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{interval, timeout};

use super::word::{Exception, LONGEST, Word};
use super::{Inside, KEPT, Speaker};
use crate::process::{self, Moment};

/// How often a process is asked how it is.
const EVERY: Duration = Duration::from_secs(5);
/// How long an announced piece of a file may take.
const PIECE_PATIENCE: Duration = Duration::from_secs(10);
/// How often an app may tell of an exception that it lived through.
const EXCEPTION_EVERY: Duration = Duration::from_secs(10);

/// A profile that is to be taken.
#[derive(Debug)]
pub(super) struct Order {
    /// What the probe is told, with its line feed.
    pub(super) text: String,
    /// Where the profile goes.
    pub(super) file: File,
    /// No more bytes than this.
    pub(super) most: u64,
    /// Is given the number of bytes, or why there is no profile.
    pub(super) done: oneshot::Sender<Result<u64, String>>,
}

/// A profile that is being taken.
struct Taking {
    order: Order,
    bytes: u64,
    failure: Option<String>,
}

struct Talk {
    inside: Inside,
    pid: u32,
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    taking: Option<Taking>,
    /// What it died of, unless it goes on.
    fatal: Option<Exception>,
    told: Option<Instant>,
    /// What its next report tells of begins here.
    reported: Moment,
}

/// Talks until the connection ends or nonsense comes.
pub(super) async fn talk(inside: Inside, pid: u32, stream: UnixStream) {
    let (orders, mut inbox) = mpsc::channel(1);
    let connection = {
        let mut heard = inside.heard();
        heard.connections += 1;
        let connection = heard.connections;
        heard.speakers.insert(pid, Speaker { connection, figures: None, asked: None, orders });
        connection
    };
    let (reader, writer) = stream.into_split();
    let reader = BufReader::new(reader);
    let mut talk = Talk { inside, pid, reader, writer, taking: None, fatal: None, told: None, reported: Moment::now() };
    // Why it ended concerns nobody: most often, because the process has.
    let _ = talk.go_on(&mut inbox).await;
    talk.end(connection);
}

impl Talk {
    /// None when it is over.
    async fn go_on(&mut self, inbox: &mut mpsc::Receiver<Order>) -> Option<()> {
        let (mut line, mut due) = (Vec::new(), interval(EVERY));
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let room = (LONGEST + 1).saturating_sub(line.len()) as u64;
            let mut bounded = (&mut self.reader).take(room);
            tokio::select! {
                biased;
                read = bounded.read_until(b'\n', &mut line) => {
                    if read.ok()? == 0 || line.pop() != Some(b'\n') {
                        return None;
                    }
                    self.hear(Word::read(&line)?).await?;
                    line.clear();
                }
                order = inbox.recv() => self.begin(order?)?,
                _ = due.tick() => self.ask()?,
            }
        }
    }

    fn with_speaker(&self, change: impl FnOnce(&mut Speaker)) {
        if let Some(speaker) = self.inside.heard().speakers.get_mut(&self.pid) {
            change(speaker);
        }
    }

    fn say(&self, text: &str) -> Option<()> {
        // The words are short, and it is said nothing while it owes an answer: who has no room for them does not listen.
        (self.writer.try_write(text.as_bytes()).ok()? == text.len()).then_some(())
    }

    fn ask(&self) -> Option<()> {
        let mut owes = false;
        self.with_speaker(|speaker| owes = speaker.asked.is_some());
        if owes {
            return Some(());
        }
        self.say("report\n")?;
        self.with_speaker(|speaker| speaker.asked = Some(Moment::now()));
        Some(())
    }

    async fn hear(&mut self, word: Word) -> Option<()> {
        match word {
            Word::Report(report) => {
                let figures = report.figures(process::wall_clock());
                let is_interrupted = std::mem::replace(&mut self.reported, Moment::now()).is_interrupted();
                self.with_speaker(|speaker| {
                    speaker.asked = None;
                    // It stood still together with us, which is no lag of its own.
                    if !is_interrupted {
                        speaker.figures = Some(figures);
                    }
                });
            }
            Word::Exception(exception) if exception.fatal => self.fatal = Some(exception),
            Word::Exception(exception) => {
                if self.told.is_none_or(|told| told.elapsed() > EXCEPTION_EVERY) {
                    self.told = Some(Instant::now());
                    // Nobody may be there any more to hear it.
                    let _ = self.inside.0.caught.send((self.pid, exception));
                }
            }
            Word::Bytes(count) => {
                let mut bytes = vec![0; count];
                timeout(PIECE_PATIENCE, self.reader.read_exact(&mut bytes)).await.ok()?.ok()?;
                self.taking.as_mut()?.write(&bytes);
            }
            Word::End(failure) => {
                let taking = self.taking.take()?;
                let result = taking.failure.or(failure).map_or(Ok(taking.bytes), Err);
                // The one who asked may have gone away.
                let _ = taking.order.done.send(result);
            }
        }
        Some(())
    }

    fn begin(&mut self, order: Order) -> Option<()> {
        if self.taking.is_some() {
            let _ = order.done.send(Err("another profile of it is being taken; wait until that is done".into()));
            return Some(());
        }
        self.say(&order.text)?;
        self.taking = Some(Taking { order, bytes: 0, failure: None });
        Some(())
    }

    fn end(self, connection: u64) {
        if let Some(taking) = self.taking {
            let _ = taking.order.done.send(Err("the process ended or lost its connection meanwhile".into()));
        }
        {
            let mut heard = self.inside.heard();
            // It may be back already, with a connection that is newer than this one.
            if heard.speakers.get(&self.pid).is_some_and(|speaker| speaker.connection == connection) {
                heard.speakers.remove(&self.pid);
            }
            if let Some(exception) = self.fatal {
                if heard.exceptions.len() == KEPT {
                    heard.exceptions.pop_front();
                }
                heard.exceptions.push_back((self.pid, exception));
            }
        }
        self.inside.0.ended.send_replace(());
    }
}

impl Taking {
    /// What comes after a failure is read and forgotten, so that the app is not held up.
    fn write(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if self.failure.is_some() || self.order.done.is_closed() {
            return;
        }
        if self.bytes > self.order.most {
            self.failure = Some(format!("it is larger than {} MB", self.order.most >> 20));
        } else if let Err(error) = self.order.file.write_all(bytes) {
            self.failure = Some(format!("it could not be written: {error}"));
        }
    }
}
