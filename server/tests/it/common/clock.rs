//! A clock that a test sets, for the program under test and all that it starts.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

/// By how much it has jumped.
pub(crate) struct Clock {
    file: File,
    path: PathBuf,
    day: i64,
    boot: i64,
}

impl Clock {
    /// One that tells the truth so far, kept in this folder.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        let path = folder.join("clock");
        let clock = Self { file: File::create(&path).unwrap(), path, day: 0, boot: 0 };
        clock.tell();
        clock
    }

    /// Has a program that is started go by it.
    pub(crate) fn rule(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &*LIBRARY).env("TEST_CLOCK", &self.path);
    }

    /// Somebody sets the time of day.
    pub(crate) fn set(&mut self, by_seconds: i64) {
        self.day += by_seconds * 1_000_000_000;
        self.tell();
    }

    /// The host slept.
    pub(crate) fn slept(&mut self, time: Duration) {
        let time = i64::try_from(time.as_nanos()).unwrap();
        (self.day, self.boot) = (self.day + time, self.boot + time);
        self.tell();
    }

    fn tell(&self) {
        let words: Vec<u8> = [self.day, self.boot].into_iter().flat_map(i64::to_ne_bytes).collect();
        self.file.write_all_at(&words, 0).unwrap();
    }
}

/// Made by the compiler that SQLite needs too.
static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let (source, library) = (
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/common/clock.c"),
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("clock-{}.so", std::process::id())),
    );
    let made = Command::new("cc").args(["-shared", "-fPIC", "-O2", "-o"]).arg(&library).arg(source).status().unwrap();
    assert!(made.success(), "cc could not make the clock of the tests");
    library
});
