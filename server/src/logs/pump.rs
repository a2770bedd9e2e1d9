//! The one thread that moves bytes from FIFOs to files.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use app::model::{LogPolicy, Rotation};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, epoll, eventfd, poll};
use rustix::io::Errno;
use tokio::sync::oneshot;

use super::names::{Layout, Route};
use super::scratch::Scratch;
use super::shed::{self, Lost};
use super::source::{Pass, Source, Trouble};
use super::target::{NameLock, Target};
use super::tidy;

/// Pause before a file that could not be written is tried again.
const PAUSE: Duration = Duration::from_millis(500);
/// A turn that takes longer than this shows that the disk cannot keep up.
const SLOW: Duration = Duration::from_millis(200);
/// After a round that moved less than this, in bytes, more is let gather: a wake-up for each line would cost more than the line.
const LITTLE: usize = 16 << 10;
const LULL: Duration = Duration::from_millis(2);
/// How long what waits in the FIFOs is moved when the thread is told to end.
const LAST_ROUNDS: Duration = Duration::from_secs(1);
const WAKE: u64 = 0;

/// What the thread is asked for.
pub(super) enum Request {
    /// Move what comes through this FIFO.
    Attach { key: PathBuf, fifo: OwnedFd, inode: u64, route: Route, rotation: Rotation, policy: LogPolicy },
    /// Move what is in the FIFO, then let go of it.
    Detach { key: PathBuf },
    /// Answer when what is in the FIFO now is in the file, or cannot be moved.
    Drain { key: PathBuf, done: oneshot::Sender<()> },
    /// Empty these files.
    Flush { files: Vec<PathBuf>, done: mpsc::Sender<io::Result<()>> },
    /// Move what waits, then end.
    Stop,
}

/// Sends requests and wakes the thread.
#[derive(Clone)]
pub(super) struct Sender {
    requests: mpsc::Sender<Request>,
    wake: Arc<OwnedFd>,
}

impl Sender {
    pub(super) fn send(&self, request: Request) {
        if self.requests.send(request).is_ok() {
            let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
        }
    }
}

/// Tells a person that something is wrong with a file, or right again.
pub(super) type Notices = Arc<dyn Fn(String) + Send + Sync>;

/// The state of the thread.
pub(super) struct Pump {
    layout: Layout,
    names: Arc<NameLock>,
    notices: Notices,
    tidier: mpsc::Sender<tidy::Job>,
    requests: mpsc::Receiver<Request>,
    wake: Arc<OwnedFd>,
    epoll: OwnedFd,
    scratch: Scratch,
    last_id: u64,
    sources: HashMap<u64, Source>,
    ids: HashMap<PathBuf, u64>,
    targets: HashMap<PathBuf, Target>,
    ready: VecDeque<u64>,
    waiting: HashMap<u64, Instant>,
}

impl Pump {
    pub(super) fn new(
        layout: Layout,
        names: Arc<NameLock>,
        notices: Notices,
        tidier: mpsc::Sender<tidy::Job>,
    ) -> io::Result<(Self, Sender)> {
        let (sender, requests) = mpsc::channel();
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &wake, epoll::EventData::new_u64(WAKE), epoll::EventFlags::IN)?;
        let pump = Self {
            layout,
            names,
            notices,
            tidier,
            requests,
            wake: wake.clone(),
            epoll,
            scratch: Scratch::new()?,
            last_id: WAKE,
            sources: HashMap::new(),
            ids: HashMap::new(),
            targets: HashMap::new(),
            ready: VecDeque::new(),
            waiting: HashMap::new(),
        };
        Ok((pump, Sender { requests: sender, wake }))
    }

    /// Works until it is told to stop. Sleeps while nothing is written.
    pub(super) fn run(mut self) {
        let mut events = Vec::with_capacity(64);
        let mut moved = 0;
        loop {
            if (1..LITTLE).contains(&moved) {
                self.lull();
            }
            let timeout = self.timeout().and_then(|pause| Timespec::try_from(pause).ok());
            events.clear();
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), timeout.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => {
                    tracing::error!(%error, "failed to wait for log output");
                    std::thread::sleep(PAUSE);
                }
            }
            for event in &events {
                match event.data.u64() {
                    WAKE if !self.answer_requests() => return self.last_rounds(),
                    WAKE => {}
                    id => self.make_ready(id),
                }
            }
            self.end_waits();
            moved = self.round();
        }
    }

    /// Waits for a moment, or for a request.
    fn lull(&self) {
        let pause = Timespec::try_from(LULL).ok();
        // Whatever came of it, what is ready is asked for next.
        let _ = poll(&mut [PollFd::new(&self.wake, PollFlags::IN)], pause.as_ref());
    }

    fn timeout(&self) -> Option<Duration> {
        if !self.ready.is_empty() {
            return Some(Duration::ZERO);
        }
        self.waiting.values().min().map(|until| until.saturating_duration_since(Instant::now()))
    }

    fn end_waits(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let now = Instant::now();
        let due: Vec<u64> = self.waiting.iter().filter(|(_, until)| **until <= now).map(|(id, _)| *id).collect();
        for id in due {
            self.make_ready(id);
        }
    }

    fn make_ready(&mut self, id: u64) {
        if let Some(source) = self.sources.get_mut(&id)
            && !std::mem::replace(&mut source.queued, true)
        {
            self.ready.push_back(id);
        }
    }

    /// Each that is ready has one turn. Gives how many bytes were moved.
    fn round(&mut self) -> usize {
        let mut moved = 0;
        for _ in 0..self.ready.len() {
            let Some(id) = self.ready.pop_front() else { break };
            self.waiting.remove(&id);
            let is_watched = self.watch(id).is_ok();
            match self.turn(id) {
                Some(Pass::Moved(count)) => {
                    moved += count;
                    self.make_ready(id);
                }
                Some(Pass::Rotated) => self.make_ready(id),
                Some(Pass::Wait(until) | Pass::Stuck(until)) => {
                    self.waiting.insert(id, until);
                }
                Some(Pass::Empty) if !is_watched => {
                    self.waiting.insert(id, Instant::now() + PAUSE);
                }
                Some(Pass::Empty) | None => {}
            }
        }
        moved
    }

    /// Moves some bytes of a stream, and tells what came of it; nothing if the stream was let go.
    fn turn(&mut self, id: u64) -> Option<Pass> {
        let source = self.sources.get_mut(&id)?;
        source.queued = false;
        let target = self.targets.get_mut(&source.route.file)?;
        let now = Instant::now();
        let pass = match target.blocked.filter(|until| now < *until) {
            Some(until) => Pass::Stuck(until),
            None => match pass(source, target, &mut self.scratch, &self.names, &self.notices, now) {
                Ok(pass) => pass,
                Err(Trouble::Rotate(error)) => {
                    (self.notices)(format!("The log file {} cannot be put aside and grows on: {error}", target.place.name()));
                    Pass::Moved(0)
                }
                Err(Trouble::Write(error)) => {
                    if target.blocked.is_none() {
                        let then = match source.policy {
                            LogPolicy::Block => "it waits",
                            LogPolicy::Drop | LogPolicy::Newest => "lines are dropped",
                        };
                        (self.notices)(format!(
                            "The log file {} cannot be written: {error}. Its app goes on until its buffer is full, then {then}",
                            target.place.name()
                        ));
                    }
                    target.trouble = Some(error);
                    target.blocked = Some(now + PAUSE);
                    Pass::Stuck(now + PAUSE)
                }
            },
        };
        match pass {
            Pass::Moved(count) => {
                if count > 0 {
                    end_trouble(target, &self.notices);
                }
                if let Some(copy) = source.route.copy.clone() {
                    self.copy(&copy, count);
                }
                if let Some(source) = self.sources.get_mut(&id) {
                    source.count(count);
                }
            }
            Pass::Rotated => {
                let _ = self.tidier.send(target.job());
            }
            Pass::Empty => source.end_waits(),
            Pass::Stuck(_) if target.blocked.is_some() => source.end_waits(),
            Pass::Wait(_) | Pass::Stuck(_) => {}
        }
        self.shed(id, &pass, now);
        let source = self.sources.get(&id)?;
        let ends = matches!(pass, Pass::Empty | Pass::Wait(_) | Pass::Stuck(_));
        if source.closing.is_some_and(|end| ends || source.moved >= end) {
            self.let_go(id);
            return None;
        }
        Some(pass)
    }

    /// Makes room for an app that may not wait, if its file cannot be written or its disk cannot keep up.
    fn shed(&mut self, id: u64, pass: &Pass, now: Instant) -> Option<()> {
        let source = self.sources.get_mut(&id).filter(|source| source.policy != LogPolicy::Block)?;
        let target = self.targets.get_mut(&source.route.file)?;
        let late = match pass {
            Pass::Moved(_) => now.elapsed() >= SLOW,
            Pass::Stuck(_) => true,
            Pass::Rotated | Pass::Empty | Pass::Wait(_) => false,
        };
        if !late {
            return None;
        }
        let lost = target.lost.get_or_insert_default();
        match shed::shed(&source.fifo, source.policy, &mut self.scratch, lost) {
            Ok(0) => {}
            Ok(count) => {
                lost.why = match &target.trouble {
                    Some(error) => format!("the file could not be written: {error}"),
                    None => "it was not written fast enough".into(),
                };
                source.count(count);
            }
            Err(error) => tracing::warn!(file = %target.place.name(), %error, "failed to drop lines"),
        }
        target.lost.take_if(|lost| lost.bytes == 0);
        Some(())
    }

    /// Writes what was seen to a second file as well. What fails is left out.
    fn copy(&mut self, file: &PathBuf, count: usize) {
        let Some(target) = self.targets.get_mut(file) else { return };
        let mut rest = self.scratch.seen(count);
        let written = target.look(&self.names).and_then(|()| {
            while !rest.is_empty() {
                let done = target.write(rest)?;
                rest = rest.get(done..).unwrap_or_default();
            }
            if target.has_room(1) { Ok(false) } else { target.rotate(&self.names).map(|()| true) }
        });
        match written {
            Ok(rotated) => {
                target.blocked = None;
                if rotated {
                    let _ = self.tidier.send(target.job());
                }
            }
            Err(error) => {
                if target.blocked.replace(Instant::now()).is_none() {
                    (self.notices)(format!("The log file {} misses lines: {error}", target.place.name()));
                }
            }
        }
    }

    /// Does what was asked for; false if it is to end.
    fn answer_requests(&mut self) -> bool {
        let mut count = [0; 8];
        let _ = rustix::io::read(&self.wake, &mut count);
        while let Ok(request) = self.requests.try_recv() {
            match request {
                Request::Attach { key, fifo, inode, route, rotation, policy } => {
                    self.attach(key, Source::new(fifo, inode, route, policy), rotation);
                }
                Request::Detach { key } => {
                    if let Some(id) = self.ids.remove(&key) {
                        if let Some(source) = self.sources.get_mut(&id) {
                            source.closing = Some(source.moved + source.available());
                        }
                        self.make_ready(id);
                    }
                }
                Request::Drain { key, done } => {
                    if let Some(id) = self.ids.get(&key).copied() {
                        if let Some(source) = self.sources.get_mut(&id) {
                            source.wait(done);
                        }
                        self.make_ready(id);
                    }
                }
                Request::Flush { files, done } => {
                    let _ = done.send(self.flush(files));
                }
                Request::Stop => return false,
            }
        }
        true
    }

    fn attach(&mut self, key: PathBuf, new: Source, rotation: Rotation) {
        for file in [Some(&new.route.file), new.route.copy.as_ref()].into_iter().flatten() {
            let place = || self.layout.place(file.clone());
            let target = self.targets.entry(file.clone()).or_insert_with(|| Target::new(place(), rotation));
            target.rotation = rotation;
            target.users += 1;
            let is_new = target.users == 1;
            if is_new || !file.exists() {
                let _ = self.tidier.send(target.job());
            }
        }
        let known = self.ids.get(&key).copied();
        if let Some(id) = known
            && let Some(source) = self.sources.get_mut(&id)
            && source.inode == new.inode
        {
            source.policy = new.policy;
            let old = std::mem::replace(&mut source.route, new.route);
            self.release(&old);
            return self.make_ready(id);
        }
        // If the name stands for another FIFO by now, the old one is still read: somebody may hold it.
        self.last_id += 1;
        let id = self.last_id;
        self.sources.insert(id, new);
        if let Err(error) = self.watch(id) {
            (self.notices)(format!("The output of an app cannot be watched, so it comes late: {error}"));
        }
        self.ids.insert(key, id);
        self.make_ready(id);
    }

    /// Makes the kernel tell when something comes from a source.
    fn watch(&mut self, id: u64) -> io::Result<()> {
        if let Some(source) = self.sources.get_mut(&id).filter(|source| !source.watched) {
            let data = epoll::EventData::new_u64(id);
            epoll::add(&self.epoll, &source.fifo, data, epoll::EventFlags::IN | epoll::EventFlags::ET)?;
            source.watched = true;
        }
        Ok(())
    }

    fn let_go(&mut self, id: u64) {
        if let Some(mut source) = self.sources.remove(&id) {
            source.end_waits();
            let _ = epoll::delete(&self.epoll, &source.fifo);
            self.release(&source.route);
        }
    }

    fn release(&mut self, route: &Route) {
        for file in [Some(&route.file), route.copy.as_ref()].into_iter().flatten() {
            if let Some(target) = self.targets.get_mut(file) {
                target.users -= 1;
                if target.users == 0 {
                    self.end_loss(file);
                    self.targets.remove(file);
                }
            }
        }
    }

    /// The last chance to say what a file lacks: there, or else to a person.
    fn end_loss(&mut self, file: &Path) {
        let Some(target) = self.targets.get_mut(file) else { return };
        match target.tell_lost(&self.names) {
            Ok(told) => told.into_iter().for_each(|text| (self.notices)(text)),
            Err(_) => {
                let lost = target.lost.take();
                lost.into_iter().for_each(|lost: Lost| (self.notices)(target.lacks(&lost.to_string())));
            }
        }
    }

    fn flush(&mut self, files: Vec<PathBuf>) -> io::Result<()> {
        let mut result = Ok(());
        for file in files {
            let flushed = match self.targets.get_mut(&file) {
                Some(target) => target.flush(&self.names),
                None => Target::new(self.layout.place(file), Rotation::default()).flush(&self.names),
            };
            result = result.and(flushed);
        }
        result
    }

    fn last_rounds(&mut self) {
        let end = Instant::now() + LAST_ROUNDS;
        let ids: Vec<u64> = self.sources.keys().copied().collect();
        ids.into_iter().for_each(|id| self.make_ready(id));
        while !self.ready.is_empty() && Instant::now() < end {
            self.round();
        }
        let files: Vec<PathBuf> = self.targets.keys().cloned().collect();
        files.iter().for_each(|file| self.end_loss(file));
    }
}

/// The file was written: tells it if it could not be before.
fn end_trouble(target: &mut Target, notices: &Notices) {
    if target.blocked.take().is_some() {
        target.trouble = None;
        notices(format!("The log file {} is written again", target.place.name()));
    }
}

/// Says first what is missing, so that it stands where it is missing; then moves some bytes.
fn pass(
    source: &mut Source,
    target: &mut Target,
    scratch: &mut Scratch,
    names: &NameLock,
    notices: &Notices,
    now: Instant,
) -> Result<Pass, Trouble> {
    if target.lost.is_some() {
        target.tell_lost(names)?.into_iter().for_each(|text| notices(text));
        end_trouble(target, notices);
    }
    source.pass(target, scratch, names, now)
}
