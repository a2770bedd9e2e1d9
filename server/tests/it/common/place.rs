//! The real binary in a home of its own.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use tempfile::TempDir;

/// The binary under test: the one that was built for it, or `$QD_BIN`.
pub(crate) fn qd() -> &'static str {
    static PATH: LazyLock<String> =
        LazyLock::new(|| std::env::var("QD_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_qd").to_owned()));
    &PATH
}

/// A folder with a home in it that nobody made yet.
pub(crate) struct Place {
    folder: TempDir,
    cgroups: bool,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), cgroups: true }
    }

    /// As on a host where no cgroups can be made.
    pub(crate) fn without_cgroups() -> Self {
        Self { cgroups: false, ..Self::new() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path().join("home")
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    /// `qd` with these words, ready to run.
    pub(crate) fn command<W: AsRef<OsStr>>(&self, program: impl AsRef<OsStr>, words: impl IntoIterator<Item = W>) -> Command {
        let mut command = Command::new(program);
        command.args(words).current_dir(self.path()).stdin(Stdio::null());
        command.env("QD_HOME", self.home()).env_remove("QD_LISTEN").env_remove("COLUMNS").env_remove("QD_CGROUPS");
        if !self.cgroups {
            command.env("QD_CGROUPS", "/nowhere/at/all");
        }
        command
    }

    /// Runs `qd` with these words, which are split at spaces.
    pub(crate) fn qd(&self, words: &str) -> Ended {
        Ended::of(self.command(qd(), words.split_whitespace()))
    }
}

impl Ended {
    pub(crate) fn of(mut command: Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// Says that something was not tested. Not captured, as what the macros print is: a test that did nothing must not look like
/// one that passed.
pub(crate) fn skipped(what: &str) {
    let _ = writeln!(std::io::stderr(), "\n*** SKIPPED: {what}\n");
}

/// Is there Python on this machine?
pub(crate) fn has_python() -> bool {
    Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success())
}
