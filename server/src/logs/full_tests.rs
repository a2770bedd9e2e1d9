//! A disk that is full, by each policy.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use app::model::{AppSpec, LogFile, LogPolicy, Rotation};

use super::flow_tests::{LINE, Node, assert_complete, drain, files, flood, spec, until};

fn app(file: &Path, log_policy: LogPolicy) -> AppSpec {
    let rotation = Rotation { max_bytes: 1 << 40, ..Rotation::default() };
    AppSpec { out_file: LogFile::Path(file.display().to_string()), log_policy, rotation, ..spec("a") }
}

/// Another line of `flood`. To be written at once: a part of it may be seen in the file.
fn last_line() -> String {
    format!("n=000100001 {}\n", "x".repeat(60))
}

/// Lines of `flood` are there whole, in order and once; what is missing is said where it is missing. Gives how many are.
fn assert_counted(text: &str, lines: usize) -> usize {
    let (mut last, mut present, mut missing, mut bytes, mut torn) = (0, 0, 0, 0, 0);
    for line in text.lines() {
        if let Some(notice) = line.strip_prefix("[qd: ") {
            let numbers: Vec<usize> =
                notice.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).take(2).collect();
            assert!(notice.contains("dropped because") && notice.ends_with(']'), "{notice}");
            missing += numbers[0];
            bytes += numbers[1] + torn;
            torn = 0;
            continue;
        }
        assert_eq!(torn, 0, "torn without a word, before {line}");
        if line.len() + 1 < LINE {
            torn = line.len();
            continue;
        }
        let number: usize = line[2..11].parse().unwrap();
        assert!(number > last, "{number} after {last}");
        // A gap is told before what comes behind it.
        assert_eq!(number, present + missing + 1, "a gap that was not told right");
        (last, present, bytes) = (number, present + 1, bytes + line.len() + 1);
    }
    assert_eq!((present + missing, bytes), (lines, lines * LINE));
    missing
}

#[test]
fn an_app_that_may_lose_lines_never_waits() {
    for policy in [LogPolicy::Drop, LogPolicy::Newest] {
        let node = Node::new();
        let link = node.home.path().join("full.log");
        std::os::unix::fs::symlink("/dev/full", &link).unwrap();
        let app = app(&link, policy);
        let (mut out, _err) = files(node.logs.attach(&app, 0).unwrap());
        // It ends though nothing can be written.
        assert!(flood(100_000, out.try_clone().unwrap()).wait().unwrap().success());
        let (real, turned) = (node.home.path().join("real.log"), node.home.path().join("turned"));
        std::os::unix::fs::symlink(&real, &turned).unwrap();
        fs::rename(&turned, &link).unwrap();
        until("it is written again", || node.told().last().unwrap().contains("is written again"));
        drain(&node.logs, &app, 0);
        out.write_all(last_line().as_bytes()).unwrap();
        let text = || fs::read_to_string(&real).unwrap_or_default();
        until("the last line", || text().ends_with(&last_line()));
        let missing = assert_counted(&text(), 100_001);
        assert!(missing > 50_000, "{missing}");
        let told = node.told();
        assert!(told.len() == 3 && told[1].contains("lacks lines: "), "{told:?}");
    }
}

#[test]
fn a_loss_is_told_though_the_app_is_deleted_before_there_is_room() {
    let node = Node::new();
    let app = app(Path::new("/dev/full"), LogPolicy::Drop);
    let (out, _err) = files(node.logs.attach(&app, 0).unwrap());
    assert!(flood(50_000, out).wait().unwrap().success());
    node.logs.detach(&app, 0);
    until("the loss", || node.told().iter().any(|told| told.contains("lacks lines: ")));
}

/// A file system in memory that is as small as it is told to be.
struct Small(PathBuf);

impl Small {
    /// None where we may not mount.
    fn mount(folder: PathBuf) -> Option<Self> {
        fs::create_dir(&folder).unwrap();
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", "size=2m", "qd-test"]).arg(&folder);
        command.output().is_ok_and(|ended| ended.status.success()).then_some(Self(folder))
    }

    fn grow(&self) {
        assert!(Command::new("mount").args(["-o", "remount,size=64m"]).arg(&self.0).status().unwrap().success());
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_disk_that_fills_up_and_has_room_again() {
    for policy in [LogPolicy::Block, LogPolicy::Drop, LogPolicy::Newest] {
        let node = Node::new();
        let Some(disk) = Small::mount(node.home.path().join("small")) else {
            return eprintln!("left out: it takes root to mount");
        };
        let file = disk.0.join("a.log");
        let app = app(&file, policy);
        let (mut out, _err) = files(node.logs.attach(&app, 0).unwrap());
        let mut writer = flood(100_000, out.try_clone().unwrap());
        until("a notice", || !node.told().is_empty());
        if policy == LogPolicy::Block {
            assert!(writer.try_wait().unwrap().is_none(), "it did not wait");
        } else {
            assert!(writer.wait().unwrap().success());
        }
        disk.grow();
        assert!(writer.wait().unwrap().success());
        until("it is written again", || node.told().last().unwrap().contains("is written again"));
        drain(&node.logs, &app, 0);
        out.write_all(last_line().as_bytes()).unwrap();
        let text = || fs::read_to_string(&file).unwrap();
        until("the last line", || text().ends_with(&last_line()));
        match policy {
            LogPolicy::Block => assert_complete(text().as_bytes(), 100_001),
            _ => assert!(assert_counted(&text(), 100_001) > 10_000),
        }
    }
}
