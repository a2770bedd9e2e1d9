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
    Log(LogProbe, Mutex<Option<String>>, LastSeen),
    Heartbeat(Heartbeat, LastSeen),
}

/// A sign of life, and when another one was seen. Its own time is compared with the one before and nothing else, because the
/// clock of the host may jump.
pub(super) struct LastSeen(Mutex<(Option<Time>, u64)>);

impl LastSeen {
    /// One that has not come yet, and may take its time from now on, in ms of [`process::monotonic_ms`].
    fn new(now: u64) -> Self {
        Self(Mutex::new((None, now)))
    }

    /// Notes the last one, and says how long there was no other.
    fn note(&self, last: Option<Time>, now: u64) -> u64 {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some() && last != known.0 {
            *known = (last, now);
        }
        now.saturating_sub(known.1)
    }
}

impl Ask {
    /// Of an app that listens on this port. None if that has to be known, and is not.
    pub(super) fn new(probe: &Probe, port: Option<u16>) -> Option<Self> {
        match probe {
            Probe::Command(line) => Some(Self::Command(line.clone())),
            Probe::Log(log) => Some(Self::Log(log.clone(), Mutex::default(), LastSeen::new(process::monotonic_ms()))),
            Probe::Heartbeat(beat) => Some(Self::Heartbeat(beat.clone(), LastSeen::new(process::monotonic_ms()))),
            probe => Check::new(probe, port).map(Self::Net),
        }
    }

    /// What is asked, in words.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Net(check) => check.words(),
            Self::Command(line) => format!("command {line}"),
            Self::Log(log, ..) => format!("a line with {:?} every {}", log.text, duration(log.within_ms)),
            Self::Heartbeat(Heartbeat { file: Some(file), within_ms }, _) => {
                format!("{file} written every {}", duration(*within_ms))
            }
            Self::Heartbeat(Heartbeat { file: None, within_ms }, _) => format!("a heartbeat every {}", duration(*within_ms)),
        }
    }

    /// The same in few words.
    pub(super) fn brief(&self) -> String {
        match self {
            Self::Net(check) => check.brief(),
            Self::Command(_) => "command".into(),
            Self::Log(..) => "log".into(),
            Self::Heartbeat(..) => "heartbeat".into(),
        }
    }

    /// Asks, and gives what came of it.
    ///
    /// # Errors
    /// Why it failed, in words.
    pub(super) async fn run(&self, host: &Host<'_>, limit: Duration) -> Result<Passed, String> {
        let (begun, now) = (Instant::now(), process::monotonic_ms());
        match self {
            Self::Net(check) => return check.run(limit).await,
            Self::Command(line) => host.engine.run_beside(host.spec, line, limit).await?,
            Self::Log(log, cursor, sign) => {
                let last = last_line(host, log, cursor).await?;
                fresh(sign.note(last, now), log.within_ms, || format!("no line with {:?}", log.text))?;
            }
            Self::Heartbeat(beat, sign) => {
                let last = match &beat.file {
                    Some(file) => written(&std::path::Path::new(&host.spec.cwd).join(file)),
                    None => host.engine.last_heartbeat(&host.spec.name),
                };
                fresh(sign.note(last, now), beat.within_ms, || match &beat.file {
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
    /// When the process was started: what was written before is of another one.
    pub(super) started_at: Time,
}

fn fresh(old: u64, within_ms: u64, what: impl FnOnce() -> String) -> Result<(), String> {
    if old <= within_ms { Ok(()) } else { Err(format!("{} for {}", what(), duration(old))) }
}

fn written(path: &std::path::Path) -> Option<Time> {
    let modified = std::fs::metadata(path).and_then(|file| file.modified()).ok()?;
    let since = modified.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
}

/// When the line was there last, of what was written since the last time.
async fn last_line(host: &Host<'_>, log: &LogProbe, cursor: &Mutex<Option<String>>) -> Result<Option<Time>, String> {
    let lock = || cursor.lock().unwrap_or_else(PoisonError::into_inner);
    let (logs, spec, text, began) = (host.logs.clone(), host.spec.clone(), log.text.clone(), host.started_at);
    // The clock may have been set back since.
    let mut after = lock().clone().or_else(|| Some(began.min(process::wall_clock()).to_string()));
    let read = tokio::task::spawn_blocking(move || {
        let mut last = None;
        for _ in 0..PAGES {
            let query = LogQuery { after: after.clone(), limit: PAGE, text: Some(text.clone()), ..LogQuery::default() };
            let page = logs.page(&spec, &query)?;
            last = page.lines.last().map(|line| line.time).or(last);
            let goes_on = page.after.is_some() && page.after != after && !page.lines.is_empty();
            after = page.after.or(after);
            if !goes_on {
                break;
            }
        }
        Ok::<_, crate::control::Refusal>((last, after))
    });
    let read = read.await.map_err(|error| format!("the log was not read: {error}"))?;
    let (last, after) = read.map_err(|error| error.to_string())?;
    *lock() = after;
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the clock of the host says: another sign is a sign, and the same one is none.
    #[test]
    fn signs_of_life_while_the_clock_jumps() {
        let mut now = 1_000;
        let sign = LastSeen::new(now);
        now += 5000;
        assert_eq!(sign.note(None, now), 5000);
        for time in [Time(1_000_000), Time(9_999_000_000), Time(-5), Time(0)] {
            assert_eq!(sign.note(Some(time), now), 0);
            now += 2000;
            assert_eq!((sign.note(Some(time), now), sign.note(None, now)), (2000, 2000));
        }
    }
}
