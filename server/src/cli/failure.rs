//! How a command ends when it is not done: a sentence for the person, a number for the script.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::config::ConfigErrors;

/// Why a command was not done.
#[derive(Debug)]
pub enum Failure {
    /// It was tried and failed. Exit code 1.
    Failed(String),
    /// It failed, and each reason was already told. Exit code 1.
    Told,
    /// Wrong use. Exit code 2.
    Usage(String),
    /// The words were wrong, or asked for help; clap knows the text and the exit code.
    Words(clap::Error),
    /// The config is bad; every finding is one line. Exit code 2.
    Config(ConfigErrors),
    /// No daemon answers. Exit code 3.
    NoDaemon(String),
    /// Whoever read the output has gone: nothing to tell, and nobody to tell it to. Exit code 0.
    Closed,
}

impl Failure {
    /// It was tried and failed, for this reason.
    pub(super) fn failed(reason: impl Into<String>) -> Self {
        Self::Failed(reason.into())
    }

    /// What could not be written to stdout: a closed pipe is no failure.
    pub(super) fn of_output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Failed(format!("the output could not be written: {error}; look at the disk or the pipe it goes to")),
        }
    }

    fn code(&self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::Failed(_) | Self::Told => 1,
            Self::Usage(_) | Self::Config(_) => 2,
            Self::Words(error) => u8::try_from(error.exit_code()).unwrap_or(2),
            Self::NoDaemon(_) => 3,
        }
    }
}

impl From<clap::Error> for Failure {
    fn from(error: clap::Error) -> Self {
        Self::Words(error)
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        Self::Config(errors)
    }
}

/// Tells on stderr what went wrong, and gives the exit code: 0 done, 1 it failed, 2 wrong use or bad config, 3 no daemon.
pub fn report(outcome: Result<(), Failure>) -> ExitCode {
    let Err(failure) = outcome else { return ExitCode::SUCCESS };
    match &failure {
        Failure::Failed(reason) | Failure::Usage(reason) | Failure::NoDaemon(reason) => complain(reason),
        // What cannot be printed because nobody reads it is lost on purpose.
        Failure::Words(error) => drop(error.print()),
        Failure::Config(errors) => {
            errors.warnings.iter().for_each(|warning| warn(&warning.to_string()));
            errors.errors.iter().for_each(|error| complain(&error.to_string()));
        }
        Failure::Told | Failure::Closed => {}
    }
    ExitCode::from(failure.code())
}

/// One line on stderr about something that failed.
pub(super) fn complain(reason: &str) {
    drop(writeln!(io::stderr().lock(), "error: {reason}"));
}

/// One line on stderr about something odd.
pub(super) fn warn(reason: &str) {
    drop(writeln!(io::stderr().lock(), "warning: {reason}"));
}
