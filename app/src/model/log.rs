//! Lines that apps wrote.

use serde::{Deserialize, Serialize};

use super::Time;

/// Where a line was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum LogStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl LogStream {
    /// The word for it, as in the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }

    /// Reads `stdout`, `out`, `stderr` or `err`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "stdout" | "out" => Some(Self::Stdout),
            "stderr" | "err" => Some(Self::Stderr),
            _ => None,
        }
    }
}

/// A line. Invalid UTF-8 is shown as U+FFFD; terminal escapes are removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct LogLine {
    /// When it reached the supervisor.
    pub time: Time,
    /// Where it was written.
    pub stream: LogStream,
    /// The instance that wrote it, by its number within the app; none where instances share a file.
    pub index: Option<u32>,
    /// The text without its line end; a very long line is cut and ends with `…`.
    pub line: String,
}

/// Some lines of an app.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct LogPage {
    /// The lines, oldest first.
    pub lines: Vec<LogLine>,
    /// Pass it as `before` to get the page before this one; none at the beginning.
    pub before: Option<String>,
    /// Pass it as `after` to get what was written since.
    pub after: Option<String>,
}
