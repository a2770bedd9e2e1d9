//! The thread that moves the bytes is killed at odd moments: this test program runs itself as a supervisor, and kills it.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use app::model::{AppSpec, Rotation};

use super::flow_tests::{assert_complete, everything, spec, until};
use super::{Limits, Logs, fifo};

const HOME: &str = "QUARTERDECK_TEST_HOME";

fn app() -> AppSpec {
    AppSpec { rotation: Rotation { max_bytes: 100_000, keep: 100_000, compress: true, every_ms: None }, ..spec("a") }
}

/// Not a test: what the other one runs, and kills.
#[test]
fn supervisor() {
    let Ok(home) = std::env::var(HOME) else { return };
    let logs = Logs::start(Path::new(&home), Limits::default(), |notice| panic!("{notice}")).unwrap();
    logs.attach(&app(), 0).unwrap();
    // Not longer than the test that started it.
    let parent = rustix::process::getppid();
    while rustix::process::getppid() == parent {
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn start(home: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "logs::kill_tests::supervisor", "--nocapture"]).env(HOME, home);
    command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_kill_at_any_moment_loses_and_doubles_nothing() {
    const LINES: u32 = 150_000;
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("logs");
    // Held by the writer alone from here on.
    let out = fifo::open(&home.path().join("run/fifo/a.0.stdout")).unwrap().theirs;
    let program = format!("BEGIN {{ for (n = 1; n <= {LINES}; n++) printf \"n=%09d %s\\n\", n, \"{}\" }}", "x".repeat(60));
    let mut writer = Command::new("awk").arg(program).stdin(Stdio::null()).stdout(out.try_clone().unwrap()).spawn().unwrap();
    let length = || {
        fs::read_dir(&folder)
            .map_or(0, |all| all.flatten().filter_map(|entry| entry.metadata().ok()).map(|meta| meta.len()).sum::<u64>())
    };
    let (mut kills, mut pause) = (0, 1);
    while writer.try_wait().unwrap().is_none() {
        let before = length();
        let mut supervisor = start(home.path());
        let begun = Instant::now();
        while length() == before && begun.elapsed() < Duration::from_secs(10) {
            std::hint::spin_loop();
        }
        // A little later each time, so that it meets every kind of moment.
        pause = pause * 7 % 997;
        let until = Instant::now() + Duration::from_micros(pause);
        while Instant::now() < until {}
        supervisor.kill().unwrap();
        supervisor.wait().unwrap();
        kills += 1;
    }
    let mut supervisor = start(home.path());
    let mut text = Vec::new();
    until("all lines", || {
        text = everything(&folder, "a-out.").concat();
        text.iter().filter(|byte| **byte == b'\n').count() >= LINES as usize
    });
    supervisor.kill().unwrap();
    supervisor.wait().unwrap();
    assert_complete(&text, LINES);
    assert!(kills > 3, "it was killed {kills} times only");
}
