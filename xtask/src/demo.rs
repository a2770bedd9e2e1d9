//! Builds everything and runs the nine services.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::build::{Kind, build};
use crate::tools::{root, say, target};

/// Where the dashboard is, unless `QD_LISTEN` says otherwise.
const ADDRESS: &str = "127.0.0.1:9615";

/// Runs until it is interrupted.
pub(crate) fn demo(rest: &[&str]) -> Result<ExitCode> {
    let binary = build(Kind::Release)?;
    let home = home();
    let listen = std::env::var("QD_LISTEN").unwrap_or_else(|_| free_address());
    // Each demo begins anew, with a login link of its own.
    if home.exists()
        && Command::new(&binary).args(["ping", "--home"]).arg(&home).output().is_ok_and(|done| !done.status.success())
    {
        std::fs::remove_dir_all(&home).context("failed to remove the home of the last demo")?;
    }
    say("starting the nine services of examples/translation-stack; Ctrl-C ends them all");
    // In our place: what ends us ends qd, and the prompt comes back when all services have ended.
    let error = serve(&binary, &listen).args(rest).exec();
    Err(error).with_context(|| format!("failed to run {}", binary.display()))
}

/// The home of the demo.
pub(crate) fn home() -> PathBuf {
    target().join("demo")
}

/// The command that runs the nine services.
pub(crate) fn serve(binary: &Path, listen: &str) -> Command {
    let config = root().join("examples/translation-stack/ecosystem.config.js");
    let mut command = Command::new(binary);
    command.arg("serve").arg(config).args(["--listen", listen, "--home"]).arg(home());
    command
}

/// The usual address, or another one if it is taken.
pub(crate) fn free_address() -> String {
    if std::net::TcpListener::bind(ADDRESS).is_ok() {
        return ADDRESS.into();
    }
    say(&format!("{ADDRESS} is taken; another port is used"));
    "127.0.0.1:0".into()
}
