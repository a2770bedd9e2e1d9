//! The real binary, run to its end.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod alone;
mod check;
mod with_daemon;

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A folder with a home in it that nobody made yet.
struct Place(TempDir);

/// How a run ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn home(&self) -> std::path::PathBuf {
        self.path().join("home")
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    /// `qd` with these words, ready to run.
    fn command<W: AsRef<OsStr>>(&self, program: impl AsRef<OsStr>, words: impl IntoIterator<Item = W>) -> Command {
        let mut command = Command::new(program);
        command.args(words).current_dir(self.path()).stdin(Stdio::null());
        command.env("QD_HOME", self.home()).env_remove("QD_LISTEN").env_remove("COLUMNS");
        command
    }

    /// Runs `qd` with these words, which are split at spaces.
    fn qd(&self, words: &str) -> Ended {
        Ended::of(self.command(env!("CARGO_BIN_EXE_qd"), words.split_whitespace()))
    }
}

impl Ended {
    fn of(mut command: Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}
