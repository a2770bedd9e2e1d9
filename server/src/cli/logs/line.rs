//! How a line is shown.

use std::collections::BTreeMap;

use app::model::LogStream;
use serde_json::json;

use super::date;
use super::source::{Entry, Source};
use crate::cli::context::{Called, Context};
use crate::cli::format::plain;
use crate::cli::screen::{Screen, Tone};
use crate::cli::table::{columns_of, shorten};

/// The names of apps are given no more columns than this.
const WIDEST_NAME: usize = 24;

/// How lines are shown.
#[derive(Debug)]
pub(super) struct Style {
    screen: Screen,
    called: Called,
    json: bool,
    raw: bool,
    /// Of every line.
    timestamp: Option<String>,
    /// Of the lines of an app, as it is configured.
    formats: BTreeMap<String, String>,
    name_width: usize,
}

impl Style {
    pub(super) fn new(
        context: &Context,
        json: bool,
        raw: bool,
        timestamp: Option<String>,
        formats: BTreeMap<String, String>,
    ) -> Self {
        Self { screen: context.screen, called: context.called, json, raw, timestamp, formats, name_width: 0 }
    }

    /// Makes room for the names of these apps.
    pub(super) fn align(&mut self, sources: &[Source]) {
        let widest = sources.iter().map(|source| columns_of(&source.name) + if source.several { 3 } else { 0 }).max();
        self.name_width = widest.unwrap_or(0).min(WIDEST_NAME);
    }

    /// The line with its end.
    pub(super) fn line(&self, entry: &Entry) -> String {
        if self.json {
            return format!("{}\n", self.document(entry));
        }
        let raw = &entry.line.line;
        if self.raw {
            // Into a pipe or a file goes what came; a terminal would obey it.
            return if self.screen.terminal { format!("{}\n", plain(raw)) } else { format!("{raw}\n") };
        }
        let name = match entry.line.index {
            Some(index) if entry.several => format!("{}:{index}", plain(&entry.app)),
            _ => plain(&entry.app),
        };
        let name = shorten(&name, self.name_width);
        let space = " ".repeat(self.name_width.saturating_sub(columns_of(&name)));
        let time = self.timestamp.as_ref().or_else(|| self.formats.get(&entry.app));
        let time = time.map(|format| format!("{}: ", date::shown(entry.line.time, format))).unwrap_or_default();
        let text = plain(raw);
        let (tone, text) = match entry.line.stream {
            LogStream::Stdout => (Tone::Accent, text),
            LogStream::Stderr => (Tone::Bad, self.screen.paint(Tone::Bad, &text)),
        };
        let head = self.screen.paint(tone, &format!("{name}{space} |"));
        format!("{head} {}{text}\n", self.screen.paint(Tone::Quiet, &time))
    }

    fn document(&self, Entry { app, pm_id, line, .. }: &Entry) -> serde_json::Value {
        match self.called {
            Called::Qd => json!({ "app": app, "index": line.index, "stream": line.stream, "time": line.time, "line": line.line }),
            Called::Pm2 => {
                let kind = if line.stream == LogStream::Stdout { "out" } else { "err" };
                json!({ "message": line.line, "timestamp": line.time, "type": kind, "process_id": pm_id, "app_name": app })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use app::model::{LogLine, Time};

    use super::*;

    fn style(terminal: bool) -> Style {
        let screen = Screen { width: 80, colour: terminal, terminal, silent: false };
        Style { screen, called: Called::Qd, json: false, raw: false, timestamp: None, formats: BTreeMap::new(), name_width: 5 }
    }

    fn entry(text: &str, stream: LogStream) -> Entry {
        let line = LogLine { time: Time(1_769_860_800_000), stream, index: Some(1), line: text.into() };
        Entry { app: "api".into(), several: false, pm_id: Some(4), line }
    }

    #[test]
    fn names_are_aligned_and_errors_stand_out() {
        assert_eq!(style(false).line(&entry("hello", LogStream::Stdout)), "api   | hello\n");
        assert_eq!(style(false).line(&Entry { several: true, ..entry("hello", LogStream::Stdout) }), "api:1 | hello\n");
        assert!(style(true).line(&entry("hello", LogStream::Stderr)).contains("\x1b[31mhello\x1b[0m"));
    }

    #[test]
    fn a_terminal_is_given_no_escapes_of_apps() {
        let entry = entry("\x1b[2Jhello\x07", LogStream::Stdout);
        assert!(!style(false).line(&entry).contains('\x1b'));
        assert_eq!(Style { raw: true, ..style(true) }.line(&entry), "[2Jhello\n");
        assert_eq!(Style { raw: true, ..style(false) }.line(&entry), "\x1b[2Jhello\x07\n");
    }

    #[test]
    fn one_object_a_line() {
        let style = Style { json: true, ..style(false) };
        let entry = entry("two\nlines", LogStream::Stderr);
        assert_eq!(
            style.line(&entry),
            "{\"app\":\"api\",\"index\":1,\"line\":\"two\\nlines\",\"stream\":\"stderr\",\"time\":\"2026-01-31T12:00:00.000Z\"}\n"
        );
        let pm2 = Style { called: Called::Pm2, ..style }.line(&entry);
        assert!(pm2.contains("\"type\":\"err\"") && pm2.contains("\"process_id\":4"), "{pm2}");
    }
}
