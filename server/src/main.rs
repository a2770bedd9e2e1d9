//! The `qd` binary.

use std::process::ExitCode;

use quarterdeck::cli::{Cli, report};

fn main() -> ExitCode {
    let cli = Cli::from_words(std::env::args_os());
    let outcome = cli.and_then(Cli::run);
    report(outcome)
}
