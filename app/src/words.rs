//! What is said about apps and events, in words.

use crate::format;
use crate::model::{App, DayCell, Event, EventKind, LogStream, Sign, State, Time};
use crate::state::{Row, is_down, is_failure};

/// How something stands, for colour and shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// All is well.
    Good,
    /// Look at it when there is time.
    Warn,
    /// Look at it now.
    Bad,
    /// It is on its way.
    Busy,
    /// It rests, or it is merely told.
    Quiet,
}

impl Tone {
    /// Its class in the style sheet.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Busy => "busy",
            Self::Quiet => "quiet",
        }
    }
}

/// A piece of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The name of an app.
    Name(String),
    /// Anything else.
    Text(String),
}

/// The state of everything, in a sentence and one more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headline {
    /// `8 of 9 services are running.`
    pub title: String,
    /// `cloudflared has been down for 3 minutes; nothing critical is affected.`
    pub detail: Vec<Piece>,
}

fn text(words: impl Into<String>) -> Piece {
    Piece::Text(words.into())
}

const IN_TROUBLE: &str = "In trouble";

/// The state of an app in a word, and how that is to be shown.
#[must_use]
pub fn status(row: &Row) -> (Tone, &'static str) {
    let app = &row.app;
    match app.state {
        _ if is_down(app) && app.state != State::Unkillable => (Tone::Bad, "Down"),
        State::Starting if row.down_since.is_some() => (Tone::Bad, "Down"),
        State::Starting => (Tone::Busy, "Starting"),
        State::Stopping => (Tone::Busy, "Stopping"),
        State::Unkillable => (Tone::Bad, "Stuck"),
        State::Stopped => (Tone::Quiet, "Stopped"),
        _ if app.is_unhealthy() => (Tone::Bad, "Unhealthy"),
        _ if row.failures.len() > 1 => (Tone::Warn, "Unsteady"),
        _ if !app.findings.is_empty() => (Tone::Warn, IN_TROUBLE),
        _ if app.instances.iter().any(|one| one.state != State::Online) => (Tone::Warn, "Partly up"),
        _ => (Tone::Good, "Running"),
    }
}

/// How long it has been so: `2 d 19 h`, `down 3 m`; nothing for what never ran.
#[must_use]
pub fn since(row: &Row, now: Time) -> String {
    if let Some(since) = row.app.probe.as_ref().filter(|_| row.app.is_unhealthy()).and_then(|probe| probe.since) {
        return format::span(whole(now.since(since)));
    }
    if status(row) == (Tone::Warn, IN_TROUBLE)
        && let Some(since) = row.app.findings.iter().map(|one| one.since).min()
    {
        return format::span(whole(now.since(since)));
    }
    match (row.down_since, row.app.first()) {
        (Some(since), _) => "down ".to_owned() + &format::span(whole(now.since(since))),
        (None, Some(one)) => format::span(whole(now.since(one.started_at.unwrap_or(one.since)))),
        (None, None) => String::new(),
    }
}

/// Whole seconds, in ms: a running count with tenths would flicker.
const fn whole(ms: u64) -> u64 {
    ms / 1000 * 1000
}

/// What matters about an app, for the line beneath its name.
#[must_use]
pub fn note(row: &Row, now: Time) -> String {
    let app = &row.app;
    let (tone, _) = status(row);
    let mut parts = Vec::new();
    match tone {
        Tone::Bad => {
            let failed = app.probe.as_ref().filter(|_| app.is_unhealthy()).and_then(|probe| probe.message.clone());
            // Who took its port says more than that it ended.
            let taken = app.findings.iter().find(|one| one.sign == Sign::PortTaken).map(|one| one.message.clone());
            parts.extend(failed.or(taken).or_else(|| app.reason.clone()));
            if let Some(at) = app.instances.iter().filter_map(|one| one.retry_at).min().filter(|at| *at > now) {
                parts.push("retry in ".to_owned() + &format::span(whole(at.since(now)) + 1000));
            }
        }
        Tone::Warn => {
            parts.extend(app.findings.first().map(|one| one.message.clone()));
            if row.failures.len() > 1 {
                parts.push(format::count(row.failures.len() as u64, "restart") + " in 10 min");
            }
            parts.extend(
                app.first()
                    .and_then(|one| one.last_exit.as_ref())
                    .and_then(|exit| exit.last_lines.iter().rev().find(|line| !line.trim().is_empty()))
                    .map(|line| line.trim().to_owned()),
            );
        }
        Tone::Quiet => parts.extend(app.reason.clone()),
        Tone::Good | Tone::Busy => {}
    }
    if parts.is_empty() || tone == Tone::Warn && parts.len() < 2 {
        if app.critical {
            parts.push("critical".into());
        }
        if let Some(port) = app.first().and_then(|one| one.port).or(app.env_port) {
            parts.push(":".to_owned() + &port.to_string());
        }
    }
    if app.instances.len() > 1 {
        let live = app.instances.iter().filter(|one| one.state == State::Online).count();
        parts.push([&live.to_string(), " of ", &app.instances.len().to_string(), " instances"].concat());
    }
    parts.join(" · ")
}

/// The state of everything in a sentence.
#[must_use]
pub fn headline<'a>(rows: impl Iterator<Item = &'a Row>, now: Time) -> Headline {
    let rows: Vec<_> = rows.collect();
    let running = rows.iter().filter(|row| row.app.is_well()).count();
    Headline { title: title(&rows, running), detail: detail(&rows, running, now) }
}

fn title(rows: &[&Row], running: usize) -> String {
    match (rows, running) {
        ([], _) => "No services yet.".into(),
        ([only], _) if only.app.is_unhealthy() => only.app.name.clone() + " is not healthy.",
        (rows, _) if rows.iter().any(|row| row.app.is_unhealthy()) => {
            let verb = if running == 1 { " services is healthy." } else { " services are healthy." };
            [&running.to_string(), " of ", &rows.len().to_string(), verb].concat()
        }
        ([only], 1) => only.app.name.clone() + " is running.",
        ([only], _) => only.app.name.clone() + " is not running.",
        (_, 0) => ["None of the ", &rows.len().to_string(), " services is running."].concat(),
        ([_, _], 2) => "Both services are running.".into(),
        (_, _) if running == rows.len() => ["All ", &running.to_string(), " services are running."].concat(),
        (_, 1) => ["1 of ", &rows.len().to_string(), " services is running."].concat(),
        _ => [&running.to_string(), " of ", &rows.len().to_string(), " services are running."].concat(),
    }
}

fn detail(rows: &[&Row], running: usize, now: Time) -> Vec<Piece> {
    if rows.is_empty() {
        return vec![text("Start the first one on the command line: qd start ecosystem.config.js")];
    }
    let critical: Vec<_> = rows.iter().filter(|row| is_bad(row) && row.app.critical).copied().collect();
    let minor: Vec<_> = rows.iter().filter(|row| is_bad(row) && !row.app.critical).copied().collect();
    let rests = |row: &&Row| row.app.critical && status(row).0 == Tone::Quiet;
    let rests_critical = rows.iter().any(rests);
    let mut pieces = Vec::new();
    match (critical.as_slice(), minor.as_slice()) {
        ([], []) => {}
        ([], minor) => {
            name_all(&mut pieces, minor);
            let calm = if rests_critical { "." } else { "; nothing critical is affected." };
            pieces.push(text(been(minor, now) + calm));
        }
        (critical, minor) => {
            name_all(&mut pieces, critical);
            let which = if critical.len() == 1 { ", which is critical," } else { ", which are critical," };
            pieces.push(text(which.to_owned() + &been(critical, now) + if minor.is_empty() { "." } else { "; also down: " }));
            if !minor.is_empty() {
                name_all(&mut pieces, minor);
                pieces.push(text("."));
            }
        }
    }
    if !pieces.is_empty() {
        let resting: Vec<_> = rows.iter().copied().filter(rests).collect();
        if !resting.is_empty() {
            pieces.push(text(" "));
            name_all(&mut pieces, &resting);
            pieces.push(text(if resting.len() == 1 {
                ", which is critical, was stopped on purpose."
            } else {
                ", which are critical, were stopped on purpose."
            }));
        }
        return pieces;
    }
    let (in_trouble, unsteady): (Vec<_>, Vec<_>) =
        rows.iter().copied().filter(|row| status(row).0 == Tone::Warn).partition(|row| status(row).1 == IN_TROUBLE);
    if let [row] = in_trouble.as_slice()
        && let Some(found) = row.app.findings.first()
    {
        pieces.extend([Piece::Name(row.app.name.clone()), text([": ", &found.message, "."].concat())]);
    }
    let in_trouble = if in_trouble.len() > 1 { in_trouble } else { Vec::new() };
    let resting: Vec<_> = rows.iter().filter(|row| status(row).0 == Tone::Quiet).copied().collect();
    let busy: Vec<_> = rows.iter().filter(|row| status(row).0 == Tone::Busy).copied().collect();
    for (some, one, many) in [
        (busy, " is on its way.", " are on their way."),
        (in_trouble, "", " are in trouble: their pages say why."),
        (unsteady, " is unsteady: look at why it restarts.", " are unsteady: look at why they restart."),
        (
            resting,
            if rests_critical { ", which is critical, was stopped on purpose." } else { " was stopped on purpose." },
            " were stopped on purpose.",
        ),
    ] {
        if !some.is_empty() {
            if !pieces.is_empty() {
                pieces.push(text(" "));
            }
            name_all(&mut pieces, &some);
            pieces.push(text(if some.len() == 1 { one } else { many }));
        }
    }
    if pieces.is_empty() && running == rows.len() {
        let youngest = rows.iter().filter_map(|row| row.app.first().and_then(|one| one.started_at)).max();
        let calm = youngest.map(|time| now.since(time)).filter(|ms| *ms >= 60_000);
        pieces.push(text(calm.map_or_else(
            || "Nothing needs your attention.".into(),
            |ms| ["Nothing has restarted for ", &format::span_words(ms), "."].concat(),
        )));
    }
    pieces
}

fn is_bad(row: &Row) -> bool {
    status(row).0 == Tone::Bad
}

/// `a`, `a and b`, `a, b and 3 more`.
fn name_all(pieces: &mut Vec<Piece>, rows: &[&Row]) {
    const SHOWN: usize = 3;
    let shown = if rows.len() > SHOWN { SHOWN - 1 } else { rows.len() };
    for (index, row) in rows.iter().take(shown).enumerate() {
        if index > 0 {
            let last = index + 1 == rows.len();
            pieces.push(text(if last { " and " } else { ", " }));
        }
        pieces.push(Piece::Name(row.app.name.clone()));
    }
    if rows.len() > shown {
        pieces.push(text([" and ", &(rows.len() - shown).to_string(), " more"].concat()));
    }
}

fn been(rows: &[&Row], now: Time) -> String {
    match rows {
        [row] if row.app.state == State::Unkillable => " does not end, not even by SIGKILL".into(),
        [row] if row.app.is_unhealthy() => " runs, but does not pass its health check".into(),
        rows if rows.iter().any(|row| row.app.is_unhealthy()) => " need your attention".into(),
        [row] => [" has been down for ", &format::span_words(now.since(row.down_since.unwrap_or(now)))].concat(),
        _ => " are down".into(),
    }
}

/// What is worth a line in "what happened", of events that are sorted by their number, newest first.
/// What was asked for is told once, by what it led to.
#[must_use]
pub fn news(events: &[Event]) -> Vec<&Event> {
    let before =
        |at: usize, event: &Event| events.iter().skip(at + 1).find(|older| older.app == event.app && older.index == event.index);
    let is_news = |(at, event): &(usize, &Event)| match event.kind {
        EventKind::Exit
        | EventKind::SpawnFailed
        | EventKind::Errored
        | EventKind::Unkillable
        | EventKind::Adopted
        | EventKind::Deleted
        | EventKind::Changed
        | EventKind::Unhealthy
        | EventKind::Healthy
        | EventKind::Warning
        | EventKind::Cleared
        | EventKind::Exception
        | EventKind::Node => true,
        // That a restart was asked for is said by the end of the run before it.
        EventKind::Start => event.actor.is_some() && before(*at, event).is_none_or(|older| older.kind != EventKind::Exit),
        EventKind::Added | EventKind::Online | EventKind::Stopping | EventKind::Stopped | EventKind::BackingOff => false,
    };
    events.iter().enumerate().filter(is_news).map(|(_, event)| event).collect()
}

/// How an event is to be shown.
#[must_use]
pub fn tone(event: &Event) -> Tone {
    match event.kind {
        EventKind::SpawnFailed | EventKind::Errored | EventKind::Unkillable | EventKind::Unhealthy => Tone::Bad,
        EventKind::Exit if event.message.starts_with("went down") => Tone::Bad,
        EventKind::Warning | EventKind::Exception => Tone::Warn,
        _ if is_failure(event) => Tone::Warn,
        _ => Tone::Quiet,
    }
}

/// How a run ended and how it went: `ran 2 h 26 m · peak 131 MB · exit 0`.
#[must_use]
pub fn run(event: &Event) -> String {
    let mut parts = Vec::new();
    parts.extend(event.ran_ms.map(|ms| "ran ".to_owned() + &format::span(ms)));
    parts.extend(event.peak_memory_bytes.map(|bytes| "peak ".to_owned() + &format::size(bytes)));
    parts.extend(event.signal.clone().or_else(|| event.exit_code.map(|code| "exit ".to_owned() + &code.to_string())));
    parts.join(" · ")
}

/// What an app runs: `node database-api-server.js`, paths by their last part.
#[must_use]
pub fn command(app: &App) -> String {
    let last = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    let mut parts: Vec<_> = app.interpreter.iter().map(|path| last(path)).collect();
    parts.push(last(&app.script));
    parts.extend(app.args.iter().cloned());
    parts.join(" ")
}

/// The title of the document.
#[must_use]
pub fn page_title(page: Option<&str>) -> String {
    page.map_or_else(|| "Quarterdeck".into(), |page| page.to_owned() + " · Quarterdeck")
}

/// The last 24 hours, for those who do not see the strip.
#[must_use]
pub fn day(cells: &[DayCell]) -> String {
    let of = |wanted: DayCell| cells.iter().filter(|cell| **cell == wanted).count() as u64;
    let half_hours = |wanted: DayCell, words: &str| {
        Some(of(wanted)).filter(|number| *number > 0).map(|number| [words, " in ", &format::count(number, "half-hour")].concat())
    };
    let parts: Vec<_> =
        [half_hours(DayCell::Restarted, "restarted"), half_hours(DayCell::Down, "down"), half_hours(DayCell::Stopped, "stopped")]
            .into_iter()
            .flatten()
            .collect();
    let told = if parts.is_empty() {
        if of(DayCell::Up) > 0 { "no failure".into() } else { "nothing known".into() }
    } else {
        parts.join(", ")
    };
    "Last 24 hours: ".to_owned() + &told
}

/// The class of a line of a log.
#[must_use]
pub const fn stream_class(stream: LogStream) -> &'static str {
    match stream {
        LogStream::Stdout => "line",
        LogStream::Stderr => "line err",
    }
}

#[cfg(test)]
mod tests;
