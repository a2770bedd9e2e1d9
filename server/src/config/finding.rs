//! What is wrong with a file, said so that the one who wrote it can put it right.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that is wrong, or odd.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The file, as it was named.
    pub file: String,
    /// The line in it, from 1, where that can be told.
    pub line: Option<u32>,
    /// The app, by its name, or by its place (`apps[2]`) if it has none.
    pub app: Option<String>,
    /// The key, as it was written.
    pub key: Option<String>,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for Finding {
    /// One line: `ecosystem.config.js: app "api": kill_timeout: "soon" is no duration; …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        f.write_str(": ")?;
        if let Some(app) = &self.app {
            write!(f, "app {app:?}: ")?;
        }
        if let Some(key) = &self.key {
            write!(f, "{}: ", OneLine(key))?;
        }
        OneLine(&self.message).fmt(f)
    }
}

/// Text without control characters: what a file says must not break a line or colour a terminal.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| if c.is_control() { f.write_str(" ") } else { write!(f, "{c}") })
    }
}

/// Why a file was refused: every mistake in it, and what was odd besides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigErrors {
    /// What is wrong; never empty.
    pub errors: Vec<Finding>,
    /// What is odd, but would have been accepted.
    pub warnings: Vec<Finding>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl From<Finding> for ConfigErrors {
    fn from(finding: Finding) -> Self {
        Self { errors: vec![finding], warnings: Vec::new() }
    }
}

/// Collects what is found while a file is read, so that all of it can be told at once.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) errors: Vec<Finding>,
    pub(super) warnings: Vec<Finding>,
}

impl Findings {
    /// The value with its warnings, or the mistakes if there were any.
    pub(super) fn finish<T>(self, value: T) -> Result<(T, Vec<Finding>), ConfigErrors> {
        match self.errors.is_empty() {
            true => Ok((value, self.warnings)),
            false => Err(ConfigErrors { errors: self.errors, warnings: self.warnings }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_with_all_that_is_known() {
        let finding = Finding { file: "a.json".into(), message: "is empty".into(), ..Finding::default() };
        assert_eq!(finding.to_string(), "a.json: is empty");
        let finding = Finding { line: Some(3), app: Some("x\ny".into()), key: Some("k\u{1b}".into()), ..finding };
        assert_eq!(finding.to_string(), "a.json:3: app \"x\\ny\": k : is empty");
    }

    #[test]
    fn errors_stand_below_each_other() {
        let one = Finding { file: "a".into(), message: "one".into(), ..Finding::default() };
        let two = Finding { message: "two\nlines".into(), ..one.clone() };
        assert_eq!(ConfigErrors { errors: vec![one, two], warnings: vec![] }.to_string(), "a: one\na: two lines");
    }
}
