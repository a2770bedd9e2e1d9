//! What is asked in a check, over the network or not.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use app::model::{AppSpec, Heartbeat, LogProbe, Probe, Time};
use tokio::time::Instant;

use crate::control::LogQuery;
use crate::engine::{Engine, duration};
use crate::health::{Check, Passed};
use crate::logs::Logs;
use crate::process;

/// Pages of log that one check reads; what is left is read by the next.
const PAGES: usize = 20;
const PAGE: usize = 500;

/// A check of an app with everything that it needs.
pub(super) enum Ask {
    Net(Check),
    Command(String),
    /// The line, and how far the log was read.
    Log(LogProbe, Mutex<Seen>),
    Heartbeat(Heartbeat),
}

/// How far a log was read, and when the line was there last.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    cursor: Option<String>,
    last: Option<Time>,
}

impl Ask {
    /// Of an app that listens on this port. None if that has to be known, and is not.
    pub(super) fn new(probe: &Probe, port: Option<u16>) -> Option<Self> {
        match probe {
            Probe::Command(line) => Some(Self::Command(line.clone())),
            Probe::Log(log) => Some(Self::Log(log.clone(), Mutex::default())),
            Probe::Heartbeat(beat) => Some(Self::Heartbeat(beat.clone())),
            probe => Check::new(probe, port).map(Self::Net),
        }
    }

    /// What is asked, in words.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Net(check) => check.words(),
            Self::Command(line) => format!("command {line}"),
            Self::Log(log, _) => format!("a line with {:?} every {}", log.text, duration(log.within_ms)),
            Self::Heartbeat(Heartbeat { file: Some(file), within_ms }) => {
                format!("{file} written every {}", duration(*within_ms))
            }
            Self::Heartbeat(Heartbeat { file: None, within_ms }) => format!("a heartbeat every {}", duration(*within_ms)),
        }
    }

    /// The same in few words.
    pub(super) fn brief(&self) -> String {
        match self {
            Self::Net(check) => check.brief(),
            Self::Command(_) => "command".into(),
            Self::Log(..) => "log".into(),
            Self::Heartbeat(_) => "heartbeat".into(),
        }
    }

    /// Asks, and gives what came of it. `since` is when the process was started: it has had no more time than that.
    ///
    /// # Errors
    /// Why it failed, in words.
    pub(super) async fn run(&self, host: &Host<'_>, limit: Duration) -> Result<Passed, String> {
        let begun = Instant::now();
        match self {
            Self::Net(check) => return check.run(limit).await,
            Self::Command(line) => host.engine.run_beside(host.spec, line, limit).await?,
            Self::Log(log, seen) => {
                let last = last_line(host, log, seen).await?;
                fresh(last, host.started_at, log.within_ms, || format!("no line with {:?}", log.text))?;
            }
            Self::Heartbeat(beat) => {
                let last = match &beat.file {
                    Some(file) => written(&std::path::Path::new(&host.spec.cwd).join(file)),
                    None => host.engine.last_heartbeat(&host.spec.name),
                };
                fresh(last, host.started_at, beat.within_ms, || match &beat.file {
                    Some(file) => format!("{file} was not written"),
                    None => "no heartbeat".to_owned(),
                })?;
            }
        }
        Ok(Passed { time: begun.elapsed(), detail: None })
    }
}

/// Where it is asked.
pub(super) struct Host<'a> {
    pub(super) engine: &'a Engine,
    pub(super) logs: &'a Logs,
    pub(super) spec: &'a AppSpec,
    /// When the process was started: it has had no more time than that.
    pub(super) started_at: Time,
}

/// Is it, or the process, no older than that?
fn fresh(last: Option<Time>, started_at: Time, within_ms: u64, what: impl FnOnce() -> String) -> Result<(), String> {
    let old = process::wall_clock().since(last.unwrap_or(started_at).max(started_at));
    if old <= within_ms { Ok(()) } else { Err(format!("{} for {}", what(), duration(old))) }
}

fn written(path: &std::path::Path) -> Option<Time> {
    let modified = std::fs::metadata(path).and_then(|file| file.modified()).ok()?;
    let since = modified.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
}

/// When the line was there last, in what was read so far.
async fn last_line(host: &Host<'_>, log: &LogProbe, seen: &Mutex<Seen>) -> Result<Option<Time>, String> {
    let lock = || seen.lock().unwrap_or_else(PoisonError::into_inner);
    let known = lock().clone();
    let (logs, spec, text, started_at) = (host.logs.clone(), host.spec.clone(), log.text.clone(), host.started_at);
    let read = tokio::task::spawn_blocking(move || {
        let mut now = known;
        for _ in 0..PAGES {
            let after = now.cursor.clone().or_else(|| Some(started_at.to_string()));
            let page = logs.page(&spec, &LogQuery { after, limit: PAGE, text: Some(text.clone()), ..LogQuery::default() })?;
            now.last = page.lines.last().map(|line| line.time).or(now.last);
            let goes_on = page.after.is_some() && page.after != now.cursor;
            now.cursor = page.after.or(now.cursor);
            if !goes_on || page.lines.is_empty() {
                break;
            }
        }
        Ok::<_, crate::control::Refusal>(now)
    });
    let now = read.await.map_err(|error| format!("the log was not read: {error}"))?.map_err(|error| error.to_string())?;
    *lock() = now.clone();
    Ok(now.last)
}
