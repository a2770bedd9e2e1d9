//! Folders and commands.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The folder of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| ".".into(), Path::to_owned)
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// The cargo that runs us, in the folder of the repository.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Says what is being done.
pub(crate) fn say(what: &str) {
    eprintln!("\x1b[1m==> {what}\x1b[0m");
}

/// Runs a command to its end; a failure is an error that names it.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let words = words(command);
    let status = command.status().with_context(|| format!("failed to run `{words}`: is it installed?"))?;
    if !status.success() {
        bail!("`{words}` ended with {status}");
    }
    Ok(())
}

/// What a command printed; none if it could not be run or failed.
pub(crate) fn output(program: impl AsRef<OsStr>, args: &[&str]) -> Option<String> {
    let done = Command::new(program).args(args).stderr(Stdio::null()).output().ok()?;
    done.status.success().then(|| String::from_utf8_lossy(&done.stdout).trim().to_owned())
}

fn words(command: &Command) -> String {
    let all: Vec<_> = [command.get_program()].into_iter().chain(command.get_args()).map(OsStr::to_string_lossy).collect();
    all.join(" ")
}

/// Makes sure that Rust can compile for the browser.
pub(crate) fn need_wasm_target() -> Result<()> {
    const TARGET: &str = "wasm32-unknown-unknown";
    let library = output("rustc", &["--print", "target-libdir", "--target", TARGET]);
    if library.is_some_and(|folder| Path::new(&folder).is_dir()) {
        return Ok(());
    }
    say("adding the compile target of the browser (rustup target add wasm32-unknown-unknown)");
    run(Command::new("rustup").args(["target", "add", TARGET])).context(
        "the dashboard is compiled to WebAssembly, which needs the target wasm32-unknown-unknown; add it with rustup or by the packages of your system",
    )
}
