//! A clock that a test sets, for the program under test and all that it starts.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// By how much it has jumped.
pub(crate) struct Clock {
    folder: PathBuf,
    file: File,
    day: i64,
    boot: i64,
}

impl Clock {
    /// One that tells the truth so far, kept in this folder.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/common/clock.c");
        // The compiler that SQLite needs too.
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O2", "-o"]).arg(folder.join("clock.so")).arg(source);
        assert!(compiler.status().unwrap().success(), "cc could not make the clock of the tests");
        let clock = Self { folder: folder.to_owned(), file: File::create(folder.join("clock")).unwrap(), day: 0, boot: 0 };
        clock.tell();
        clock
    }

    /// Has a program that is started go by it.
    pub(crate) fn rule(&self, command: &mut Command) {
        command.env("LD_PRELOAD", self.folder.join("clock.so")).env("TEST_CLOCK", self.folder.join("clock"));
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
