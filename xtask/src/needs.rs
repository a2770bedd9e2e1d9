//! What the tests need beyond Rust and Node, and how it is got.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::tools::{output, root, run, say};

const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// How each package manager is told to install Chromium.
const INSTALLERS: [(&str, &str); 4] = [
    ("apt-get", "apt-get update && apt-get install --yes chromium"),
    ("dnf", "dnf install --assumeyes chromium"),
    ("apk", "apk add chromium"),
    ("pacman", "pacman --sync --refresh --noconfirm chromium"),
];

/// Makes sure that a tool of the toolchain is there, `rustfmt` or `clippy`.
pub(crate) fn need_component(subcommand: &str, component: &str) -> Result<()> {
    if output(crate::tools::cargo().get_program(), &[subcommand, "--version"]).is_some() {
        return Ok(());
    }
    say(&format!("adding {component} (rustup component add {component})"));
    run(Command::new("rustup").args(["component", "add", component]))
        .with_context(|| format!("the tests need {component}; add it with rustup or by the packages of your system"))
}

/// Installs the packages of `end2end/package-lock.json`, if they are not there or are others.
pub(crate) fn need_node_packages() -> Result<()> {
    if output("npm", &["--version"]).is_none() {
        bail!("the tests in the browser need Node.js with npm; install both by the packages of your system");
    }
    let folder = root().join("end2end");
    let changed = |path: &Path| std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let installed = changed(&folder.join("node_modules/.package-lock.json"));
    if installed.is_some() && installed >= changed(&folder.join("package-lock.json")) {
        return Ok(());
    }
    say("installing the packages of the tests (npm ci)");
    let mut command = Command::new("npm");
    command.args(["ci", "--no-audit", "--no-fund"]).current_dir(folder).env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    run(&mut command)
}

/// A Chromium: the one of `$CHROMIUM_PATH`, else one on the `$PATH`, else a new one if we may install it.
pub(crate) fn need_chromium() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("CHROMIUM_PATH").filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    if let Some(found) = BROWSERS.into_iter().find_map(which) {
        return Ok(found);
    }
    let installer = INSTALLERS.into_iter().find(|(manager, _)| which(manager).is_some());
    if let (Some((manager, script)), Some("0")) = (installer, output("id", &["-u"]).as_deref()) {
        say(&format!("installing Chromium ({manager})"));
        run(Command::new("sh").args(["-c", script]).env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    BROWSERS.into_iter().find_map(which).context(
        "the tests in the browser need Chromium; install it by the packages of your system, or name one in CHROMIUM_PATH",
    )
}

/// Where a program stands on the `$PATH`.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}
