//! Where the output goes: how wide it is, whether it may have colours, and whether anybody is still there.

use std::env;
use std::io::{self, IsTerminal, Write};

use super::Failure;

/// Without a terminal and without `$COLUMNS`.
const USUAL_WIDTH: usize = 80;

/// What is known of stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Screen {
    /// Columns that a line may take.
    pub(super) width: usize,
    /// May there be colours?
    pub(super) colour: bool,
    /// Does a person look at it?
    pub(super) terminal: bool,
    /// Are reports of what was done left out?
    pub(super) silent: bool,
}

/// What a piece of text means; the colour follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Warning,
    Bad,
    Quiet,
    Strong,
    Accent,
}

impl Screen {
    /// Looks at stdout and the environment. `plain` forbids colours.
    pub(super) fn find(plain: bool, silent: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        // https://no-color.org: any value but the empty one.
        let refused = plain || env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = terminal && !refused && env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self { width: width(), colour, terminal, silent }
    }

    /// Prints what was asked for.
    pub(super) fn print(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| Failure::of_output(&error))
    }

    /// Prints a line about what was done.
    pub(super) fn say(&self, line: &str) -> Result<(), Failure> {
        if self.silent { Ok(()) } else { self.print(&format!("{line}\n")) }
    }

    /// The text in the colour of its meaning, if there may be colours.
    pub(super) fn paint(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Warning => "33",
            Tone::Bad => "31",
            Tone::Quiet => "2",
            Tone::Strong => "1",
            Tone::Accent => "36",
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn width() -> usize {
    let told = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let asked = || rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col));
    told.or_else(asked).filter(|columns| *columns > 0).unwrap_or(USUAL_WIDTH)
}
