//! The words of the command line as a whole, and which file answers each of them.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::Failure;
use super::act::{Renewal, Targets};
use super::serve::Serve;
use super::start::Start;

/// Starts and watches processes, keeps their history, and shows and controls them in the browser
#[derive(Debug, Parser)]
#[command(name = "qd", version, disable_version_flag = true, max_term_width = 100)]
pub struct Cli {
    /// Home folder of the node [default: $QD_HOME, else ~/.quarterdeck]
    #[arg(long, global = true, value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// Print no colours; so does NO_COLOR in the environment
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Say nothing about what was done
    #[arg(long, short, global = true)]
    pub silent: bool,
    /// Print the version
    #[arg(long, short = 'v', short_alias = 'V', action = clap::ArgAction::Version)]
    pub version: Option<bool>,
    #[command(subcommand)]
    /// What is to be done.
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the node in the foreground: engine, API and dashboard
    Serve(Serve),
    /// Start apps, and the daemon in the background if none runs
    Start(Box<Start>),
    /// Stop apps; ends when they have ended
    Stop(Targets),
    /// Stop apps and start them again
    Restart(Renewal),
    /// Replace apps without an interruption where they can
    Reload(Renewal),
}

impl Cli {
    /// Reads the words of the command line, the name of the program first.
    ///
    /// # Errors
    /// Unknown words, and requests for help.
    pub fn from_words(words: impl IntoIterator<Item = OsString>) -> Result<Self, Failure> {
        Ok(Self::try_parse_from(words)?)
    }
}
