//! The site first, then the binary that embeds it.

use std::path::PathBuf;

use anyhow::Result;

use crate::site;
use crate::tools::{cargo, run, say, target};

/// How the binary is built. The dashboard is always optimised: an unoptimised one is too large to use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Release,
    Debug,
}

/// Builds everything; gives the path of the binary.
pub(crate) fn build(kind: Kind) -> Result<PathBuf> {
    site::build()?;
    say("building the server with the site inside it");
    let mut command = cargo();
    command.args(["build", "--package", "server", "--bin", "qd"]);
    if kind == Kind::Release {
        command.arg("--release");
    }
    run(&mut command)?;
    let binary = target().join(if kind == Kind::Release { "release" } else { "debug" }).join("qd");
    let bytes = std::fs::metadata(&binary)?.len();
    say(&format!("{} is ready, {:.1} MB, and needs nothing beside it", binary.display(), bytes as f64 / 1e6));
    Ok(binary)
}
