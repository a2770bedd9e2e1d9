//! What a probe says: lines of JSON, each about one thing.

use app::model::{InsideFigures, Time};
use serde::Deserialize;

/// No line is longer than this.
pub(super) const LONGEST: usize = 64 << 10;
/// No piece of a file is longer than this.
pub(super) const MOST_BYTES: usize = 64 << 10;
/// What is kept of an exception, in bytes.
const MOST_OF_EXCEPTION: usize = 8 << 10;
/// So many lines of it are told.
const MOST_LINES: usize = 20;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Word {
    /// How it is.
    Report(Report),
    /// Nobody caught this.
    Exception(Exception),
    /// So many bytes of a profile follow.
    Bytes(usize),
    /// The profile is complete, or why it is not.
    End(Option<String>),
}

#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct Report {
    /// Used and total, in bytes.
    heap: (u64, u64),
    /// p50 and p99, in ms.
    lag: (f32, f32),
    /// Total and longest pause since the last report, in ms.
    gc: (f32, f32),
    handles: u32,
}

/// An exception that nobody caught.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Exception {
    /// With its stack, as Node shows it.
    pub text: String,
    /// Does the process end of it?
    pub fatal: bool,
}

impl Word {
    /// Reads a line. None if it is nonsense.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let mut word: Self = serde_json::from_slice(line).ok()?;
        match &mut word {
            Self::Bytes(count) if *count > MOST_BYTES => return None,
            Self::Exception(exception) => {
                let end = exception.text.floor_char_boundary(MOST_OF_EXCEPTION);
                exception.text.truncate(end);
            }
            _ => {}
        }
        Some(word)
    }
}

impl Report {
    pub(super) fn figures(&self, time: Time) -> InsideFigures {
        let round = |ms: f32| (ms.clamp(0.0, 1e9) * 10.0).round() / 10.0;
        InsideFigures {
            time,
            heap_used_bytes: self.heap.0,
            heap_total_bytes: self.heap.1,
            event_loop_lag_p50_ms: round(self.lag.0),
            event_loop_lag_p99_ms: round(self.lag.1),
            gc_total_ms: round(self.gc.0),
            gc_max_ms: round(self.gc.1),
            handles: self.handles,
        }
    }
}

impl Exception {
    /// Its first line, which says what it is: `TypeError: x is not a function`.
    #[must_use]
    pub fn brief(&self) -> &str {
        const MOST: usize = 200;
        let line = self.text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        &line[..line.floor_char_boundary(MOST)]
    }

    /// Adds to what is told of a crash what it came of, and its stack where that is not among the last lines.
    pub fn explain(&self, message: &mut String, last_lines: &mut Vec<String>) {
        message.push_str("; ");
        message.push_str(self.brief());
        if !last_lines.iter().any(|line| line.contains(self.brief())) {
            last_lines.extend(self.text.lines().take(MOST_LINES).map(str::to_owned));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_nonsense() {
        let report = Word::read(br#"{"report":{"heap":[1,2],"lag":[0.04,30.26],"gc":[1.5,1],"handles":3}}"#);
        let Some(Word::Report(report)) = report else { panic!("{report:?}") };
        let figures = report.figures(Time(5));
        assert_eq!((figures.heap_used_bytes, figures.event_loop_lag_p99_ms, figures.handles), (1, 30.3, 3));
        assert_eq!(Word::read(br#"{"end":null}"#), Some(Word::End(None)));
        for nonsense in [
            &b""[..],
            b"null",
            b"{\"bytes\":70000}",
            b"{\"bytes\":-1}",
            b"{\"report\":{\"heap\":[1,2]}}",
            b"{\"report\":{\"heap\":[-1,2],\"lag\":[0,0],\"gc\":[0,0],\"handles\":3}}",
            b"{\"other\":1}",
            b"\xff\xfe",
        ] {
            assert_eq!(Word::read(nonsense), None, "{}", String::from_utf8_lossy(nonsense));
        }
    }

    #[test]
    fn exceptions_are_cut() {
        let text = format!("\n{}", "ä".repeat(10_000));
        let line = serde_json::json!({ "exception": { "text": text, "fatal": true } }).to_string();
        let Some(Word::Exception(exception)) = Word::read(line.as_bytes()) else { panic!("it is one") };
        assert!(exception.text.len() <= MOST_OF_EXCEPTION && exception.text.len() > MOST_OF_EXCEPTION - 4);
        assert_eq!(exception.brief(), "ä".repeat(100));
    }
}
