//! Lines of all files of an app in the order of time.

use std::io;
use std::path::PathBuf;

use app::model::{AppSpec, LogLine, LogPage, LogStream, Time};
use regex::bytes::{Regex, RegexBuilder};

use super::clean::clean;
use super::cursor::{self, Edge};
use super::service::{Logs, STREAMS};
use super::walk::{Budget, Position, RawLine, Step, Walk};
use crate::control::{LogQuery, Refusal};

/// Most lines of a page.
const LINES: usize = 10_000;
/// A page ends when its text has so many bytes.
const TEXT: usize = 4 << 20;
/// Bytes that are read for a page. What was not looked at then is behind the cursor.
const WORK: u64 = 32 << 20;
/// Longest text that is searched for, in bytes.
const PATTERN: usize = 1000;
/// Most bytes of a line that is told with an exit.
const LAST_LINE: usize = 2 << 10;
/// Lines of stderr are preferred if they are at most so much older than the newest line, in µs.
const RECENT: i64 = 10_000_000;

/// A file that is read for a page.
struct Lane {
    stream: LogStream,
    index: Option<u32>,
    mark: String,
    walk: Walk,
    /// Where it began.
    origin: Position,
    /// Where it must end, if it goes forward.
    bound: Position,
    /// Its next line.
    head: Option<RawLine>,
    ended: bool,
}

impl Lane {
    /// Finds the next line if there is none yet; false if the work is spent.
    fn fill(&mut self, forward: bool, pattern: Option<&Regex>, budget: &mut Budget) -> io::Result<bool> {
        while self.head.is_none() && !self.ended {
            if budget.0 == 0 {
                return Ok(false);
            }
            match if forward { self.walk.forward(self.bound, budget)? } else { self.walk.back(budget)? } {
                Step::Line(line) if pattern.is_none_or(|pattern| fits(&line.bytes, pattern)) => self.head = Some(line),
                Step::Line(_) => {}
                Step::Spent => return Ok(false),
                Step::End => self.ended = true,
            }
        }
        Ok(true)
    }

    /// The place behind what was given out.
    fn reached(&self, forward: bool) -> Position {
        match &self.head {
            Some(line) if forward => line.start,
            Some(line) => line.end,
            None => self.walk.at,
        }
    }
}

fn fits(line: &[u8], pattern: &Regex) -> bool {
    // Escapes may stand within what the reader sees as one word.
    if line.iter().any(|byte| *byte < b' ' && *byte != b'\t') {
        pattern.is_match(clean(line).as_bytes())
    } else {
        pattern.is_match(line)
    }
}

impl Logs {
    /// Lines of an app, oldest first. Blocks on the disk; bounded in memory and work whatever the files hold: when the work
    /// is spent, the page has fewer lines than were asked for, and its cursor leads on.
    ///
    /// # Errors
    /// A bad cursor or text; a file that cannot be read.
    pub fn page(&self, spec: &AppSpec, query: &LogQuery) -> Result<LogPage, Refusal> {
        let before = edge("before", query.before.as_deref())?;
        let after = edge("after", query.after.as_deref())?;
        let pattern = pattern(query.text.as_deref())?;
        self.read_page(spec, query, before.as_ref(), after.as_ref(), pattern.as_ref()).map_err(|error| {
            tracing::warn!(app = spec.name, %error, "failed to read log files");
            Refusal::Failed(format!("The log of {} cannot be read: {}", spec.name, error.kind()))
        })
    }

    fn read_page(
        &self,
        spec: &AppSpec,
        query: &LogQuery,
        before: Option<&Edge>,
        after: Option<&Edge>,
        pattern: Option<&Regex>,
    ) -> io::Result<LogPage> {
        let forward = after.is_some();
        let mut lanes = self.lanes(spec, 0..spec.instances.max(1), query.stream)?;
        for lane in &mut lanes {
            lane.bound = match before {
                Some(edge) => place(lane, edge, 0)?,
                None => lane.walk.tail()?,
            };
            lane.origin = match after {
                // What came in the millisecond of that time was shown with it.
                Some(edge) => place(lane, edge, 1)?,
                None => lane.bound,
            };
            lane.walk.at = lane.origin;
        }
        let mut lines = merge(&mut lanes, forward, query.limit.clamp(1, LINES), pattern)?;
        if !forward {
            lines.reverse();
        }
        // Where the page begins and ends in each file.
        let ends: Vec<(Position, Position)> = lanes
            .iter()
            .map(|lane| if forward { (lane.origin, lane.reached(true)) } else { (lane.reached(false), lane.origin) })
            .collect();
        let older = lanes.iter().zip(&ends).any(|(lane, (first, _))| *first > lane.walk.beginning());
        let marks = || lanes.iter().map(|lane| lane.mark.clone());
        let first = cursor::write(marks().zip(ends.iter().map(|(first, _)| *first)));
        let last = cursor::write(marks().zip(ends.iter().map(|(_, last)| *last)));
        Ok(LogPage { lines, before: older.then_some(first), after: Some(last) })
    }

    /// The last lines of an instance, oldest first: of stderr if it wrote some lately, and of stdout for the rest. Each is
    /// cut to 2 KiB. Reads only the ends of the files; what cannot be read is left out.
    #[must_use]
    pub fn last_lines(&self, spec: &AppSpec, index: u32, count: usize) -> Vec<String> {
        let mut found = Vec::new();
        for mut lane in self.lanes(spec, index..index + 1, None).unwrap_or_default() {
            let mut budget = Budget(1 << 20);
            for _ in 0..count {
                let Ok(true) = lane.fill(false, None, &mut budget) else { break };
                let Some(line) = lane.head.take() else { break };
                found.push((lane.stream, line));
            }
        }
        let newest = found.iter().map(|(_, line)| line.time).max().unwrap_or(0);
        found.sort_by_key(|(stream, line)| (*stream == LogStream::Stderr && newest - line.time <= RECENT, line.time, line.start));
        let mut last = found.split_off(found.len().saturating_sub(count));
        last.sort_by_key(|(stream, line)| (line.time, *stream, line.start));
        last.into_iter().map(|(_, line)| shown(&line, LAST_LINE)).collect()
    }

    /// Opens each file of these instances once.
    fn lanes(&self, spec: &AppSpec, instances: std::ops::Range<u32>, stream: Option<LogStream>) -> io::Result<Vec<Lane>> {
        let layout = &self.shared.layout;
        let mut files: Vec<PathBuf> = Vec::new();
        let mut lanes: Vec<Lane> = Vec::new();
        for (index, of) in instances.flat_map(|index| STREAMS.map(|of| (index, of))) {
            let Some(route) = layout.route(spec, index, of) else { continue };
            if files.contains(&route.file) {
                continue;
            }
            let place = layout.place(route.file.clone());
            let mark = place.mark();
            let walk = Walk::open(place, &self.shared.names)?;
            let (origin, bound) = (walk.at, walk.at);
            let index = (!route.shared).then_some(index);
            files.push(route.file);
            lanes.push(Lane { stream: of, index, mark, walk, origin, bound, head: None, ended: false });
        }
        lanes.retain(|lane| stream.is_none_or(|stream| stream == lane.stream));
        Ok(lanes)
    }
}

fn edge(field: &'static str, text: Option<&str>) -> Result<Option<Edge>, Refusal> {
    text.map(|text| {
        let why = || "neither a time like 2026-01-31T12:00:00.000Z nor a cursor of an earlier page".to_owned();
        Edge::read(text).ok_or_else(|| Refusal::BadField { field, why: why() })
    })
    .transpose()
}

fn pattern(text: Option<&str>) -> Result<Option<Regex>, Refusal> {
    let bad = |why: String| Refusal::BadField { field: "q", why };
    match text {
        None | Some("") => Ok(None),
        Some(text) if text.len() > PATTERN => Err(bad(format!("longer than {PATTERN} bytes"))),
        Some(text) => {
            let pattern = RegexBuilder::new(&regex::escape(text)).case_insensitive(true).build();
            pattern.map(Some).map_err(|error| bad(error.to_string()))
        }
    }
}

/// The place of an edge in a file; `skip` are the milliseconds between a time and the place that is meant. A file that a
/// cursor does not know came later: all of it is after the cursor.
fn place(lane: &mut Lane, edge: &Edge, skip: i64) -> io::Result<Position> {
    match edge {
        Edge::Time(time) => lane.walk.since(time.ms().saturating_add(skip).saturating_mul(1000)),
        Edge::Places(places) => match places.get(&lane.mark) {
            Some(at) => Ok(lane.walk.nearest(*at)),
            None => Ok(lane.walk.beginning()),
        },
    }
}

fn merge(lanes: &mut [Lane], forward: bool, limit: usize, pattern: Option<&Regex>) -> io::Result<Vec<LogLine>> {
    let (mut lines, mut text, mut budget) = (Vec::new(), 0, Budget(WORK));
    while lines.len() < limit && text < TEXT {
        for lane in lanes.iter_mut() {
            if !lane.fill(forward, pattern, &mut budget)? {
                return Ok(lines);
            }
        }
        let heads = lanes.iter().enumerate().filter_map(|(n, lane)| lane.head.as_ref().map(|line| ((line.time, n), n)));
        let Some((_, next)) = (if forward { heads.min() } else { heads.max() }) else { break };
        if let Some(lane) = lanes.get_mut(next)
            && let Some(line) = lane.head.take()
        {
            let line_text = shown(&line, usize::MAX);
            text += line_text.len();
            lines.push(LogLine {
                time: Time(line.time.div_euclid(1000)),
                stream: lane.stream,
                index: lane.index,
                line: line_text,
            });
        }
    }
    Ok(lines)
}

/// The text of a line, with `…` for what is left out.
fn shown(line: &RawLine, limit: usize) -> String {
    let cut = line.cut || line.bytes.len() > limit;
    let mut bytes = line.bytes.get(..limit).unwrap_or(&line.bytes);
    if cut {
        // A character in the midst of which it was cut is left out as well.
        if let Some(last) =
            bytes.utf8_chunks().last().filter(|last| std::str::from_utf8(last.invalid()).is_err_and(|e| e.error_len().is_none()))
        {
            bytes = &bytes[..bytes.len() - last.invalid().len()];
        }
    }
    let mut text = clean(bytes);
    if cut {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests;
