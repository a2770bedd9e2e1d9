//! Signs of trouble that a check does not see, from what is measured. Pure: the same readings lead to the same findings.

mod leak;

use app::model::{Remedy, Sign, Signs, Threshold, Time};

use self::leak::Memory;
use crate::process::OpenFiles;

type Mono = u64;

const MB: f64 = (1 << 20) as f64;
/// What is so near its limit counts as at it.
const NEAR_LIMIT: f64 = 0.95;
const NEAR_LIMIT_FOR: Mono = 10_000;
/// So many children may end at once without being waited for at once.
const ZOMBIES: u32 = 5;
const ZOMBIES_FOR: Mono = 30_000;
/// Nobody plans for what comes later.
const FORESIGHT: Mono = 3 * 24 * 3_600_000;

/// What was measured of an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// CPU of its tree in percent of one core.
    pub cpu_percent: f32,
    /// Memory of its tree, in bytes.
    pub memory_bytes: u64,
    /// Of the process of its tree that is nearest to its limit.
    pub files: Option<OpenFiles>,
    /// Children that ended, and that nobody waited for.
    pub zombies: u32,
    /// How late its event loop came.
    pub lag: Option<Lag>,
    /// How long it has written nothing, in ms.
    pub silent_ms: Option<u64>,
}

/// How late an event loop came at the 99th percentile, by what its app said last.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lag {
    /// When it said so.
    pub told: Time,
    /// So late, in ms. It grows while the app says nothing.
    pub ms: f32,
}

/// How much memory there is for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Room {
    /// Its limit, in bytes.
    pub limit: Option<u64>,
    /// What the host has left, in bytes.
    pub free: u64,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// What kind of trouble.
    pub sign: Sign,
    /// The evidence.
    pub message: String,
    /// When it will come to its worst, in ms from now.
    pub expected_ms: Option<u64>,
    /// What is to be done.
    pub remedy: Remedy,
    /// The instance, where there are several.
    pub index: Option<u32>,
}

impl Found {
    /// To be told, and nothing else.
    #[must_use]
    pub fn told(sign: Sign, message: String) -> Self {
        Self { sign, message, expected_ms: None, remedy: Remedy::Tell, index: None }
    }
}

/// What has been seen of the run of an instance.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    cpu: Since,
    lag: Since,
    last_lag: Option<Lag>,
    files: Since,
    zombies: Since,
    near: Since,
    memory: Memory,
}

/// Since when something has been so.
#[derive(Clone, Copy, Debug, Default)]
struct Since(Option<Mono>);

impl Since {
    /// Has it been so for that long?
    fn lasts(&mut self, is: bool, time: Mono, now: Mono) -> bool {
        self.0 = is.then(|| self.0.unwrap_or(now));
        self.0.is_some_and(|since| now.saturating_sub(since) >= time)
    }
}

impl Watch {
    /// Takes a reading, and gives what it shows together with those before.
    pub fn note(&mut self, reading: &Reading, room: Room, signs: &Signs, now: Mono) -> Vec<Found> {
        let mut found = Vec::new();
        if let Some(rule) = &signs.cpu
            && self.cpu.lasts(f64::from(reading.cpu_percent) > rule.above as f64, rule.for_ms, now)
        {
            let message =
                format!("uses {:.0} % of a core, and over {} % for {}", reading.cpu_percent, rule.above, seconds(self.cpu, now));
            found.push(Found { remedy: rule.remedy, ..Found::told(Sign::Busy, message) });
        }
        // An answer is about seconds that are over, and is read again until the next one: by itself it shows nothing that lasts.
        let is_news = std::mem::replace(&mut self.last_lag, reading.lag) != reading.lag;
        let lag = reading.lag.map_or(0.0, |lag| lag.ms);
        if let Some(rule) = &signs.lag
            && is_news
            && self.lag.lasts(f64::from(lag) > rule.above as f64, rule.for_ms, now)
        {
            let message = format!("its event loop is {lag:.0} ms late (99th percentile), for {}", seconds(self.lag, now));
            found.push(Found { remedy: rule.remedy, ..Found::told(Sign::Lag, message) });
        }
        let many = |rule: &Threshold| reading.files.filter(|files| files.open * 100 > files.limit.saturating_mul(rule.above));
        if let Some(rule) = &signs.files
            && self.files.lasts(many(rule).is_some(), rule.for_ms, now)
            && let Some(files) = reading.files
        {
            let message = format!("process {} has {} of {} files open that it may have", files.pid, files.open, files.limit);
            found.push(Found { remedy: rule.remedy, ..Found::told(Sign::Files, message) });
        }
        if self.zombies.lasts(reading.zombies >= ZOMBIES, ZOMBIES_FOR, now) {
            let message = format!("{} of its children ended, and it does not wait for them (zombies)", reading.zombies);
            found.push(Found::told(Sign::Zombies, message));
        }
        if let (Some(rule), Some(silent)) = (&signs.silence, reading.silent_ms)
            && silent > rule.above
        {
            let message = format!("has written nothing for {}", span(silent));
            found.push(Found { remedy: rule.remedy, ..Found::told(Sign::Silence, message) });
        }
        let used = reading.memory_bytes as f64 / MB;
        let limit = room.limit.map(|bytes| bytes as f64 / MB);
        if let Some(limit) = limit
            && self.near.lasts(used >= limit * NEAR_LIMIT, NEAR_LIMIT_FOR, now)
        {
            let message = format!("uses {used:.0} MB of memory, and its limit is {limit:.0} MB");
            found.push(Found::told(Sign::Memory, message));
        }
        if let Some(rule) = &signs.leak {
            self.memory.note(now, used, rule.for_ms);
            found.extend(self.memory.growth(rule.for_ms).and_then(|growth| leak(&growth, rule, limit, room.free)));
        }
        found
    }
}

fn leak(growth: &leak::Growth, rule: &Threshold, limit: Option<f64>, free: u64) -> Option<Found> {
    let (end, of_what) = match limit {
        Some(limit) => (limit, format!("its limit of {limit:.0} MB")),
        None => (growth.level + free as f64 / MB, "what this host has left".to_owned()),
    };
    let hours = (end - growth.level).max(0.0) / growth.per_hour;
    let left = (hours * 3_600_000.0) as u64;
    if growth.per_hour <= rule.above as f64 || left > FORESIGHT {
        return None;
    }
    let message = format!(
        "its memory grows by {:.0} MB an hour, from {:.0} to {:.0} MB within {}; it reaches {of_what} in {}",
        growth.per_hour,
        growth.from,
        growth.level,
        span(rule.for_ms),
        span(left)
    );
    Some(Found { expected_ms: Some(left), remedy: rule.remedy, ..Found::told(Sign::Leak, message) })
}

/// What is said when it is over.
#[must_use]
pub fn over(sign: Sign) -> &'static str {
    match sign {
        Sign::Busy => "has a pause again: it is no longer busy all the time",
        Sign::Memory => "uses less memory than its limit again",
        Sign::Leak => "its memory no longer grows steadily",
        Sign::Lag => "its event loop is in time again",
        Sign::Files => "has files to open left again",
        Sign::Zombies => "waits for its children again",
        Sign::Silence => "writes again",
        Sign::Flapping => "no longer fails again and again",
        Sign::PortTaken => "nobody else listens on its port any more",
    }
}

fn seconds(since: Since, now: Mono) -> String {
    span(since.0.map_or(0, |since| now.saturating_sub(since)))
}

fn span(ms: u64) -> String {
    crate::engine::duration(ms)
}

#[cfg(test)]
mod tests;
