//! From the hands of a writer to files and pages, with real FIFOs.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use app::model::{AppSpec, LogFile, LogPage, LogStream, Rotation};
use flate2::read::MultiGzDecoder;
use tempfile::TempDir;

use super::{Limits, Logs, Outputs};
use crate::control::LogQuery;

/// A node's logs in a home that is deleted afterwards, and what was told about them.
pub(super) struct Node {
    pub(super) home: TempDir,
    pub(super) logs: Logs,
    told: Arc<Mutex<Vec<String>>>,
}

impl Node {
    pub(super) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(super) fn with(limits: Limits) -> Self {
        let home = tempfile::tempdir().unwrap();
        let told = Arc::new(Mutex::new(Vec::new()));
        let keep = told.clone();
        let logs = Logs::start(home.path(), limits, move |notice| keep.lock().unwrap().push(notice)).unwrap();
        Self { home, logs, told }
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.home.path().join("logs").join(name)
    }

    pub(super) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap_or_default()
    }

    pub(super) fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    fn page(&self, spec: &AppSpec, query: LogQuery) -> LogPage {
        self.logs.page(spec, &query).unwrap()
    }
}

pub(super) fn spec(name: &str) -> AppSpec {
    AppSpec { name: name.into(), ..AppSpec::default() }
}

pub(super) fn small(name: &str, max_bytes: u64) -> AppSpec {
    AppSpec { rotation: Rotation { max_bytes, keep: 100_000, compress: true, every_ms: None }, ..spec(name) }
}

/// Waits until it is so; what moves the bytes has no event for each case.
pub(super) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !so() {
        assert!(Instant::now() < end, "never came: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(super) fn drain(logs: &Logs, spec: &AppSpec, index: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { logs.drained(&spec.name, index).await });
}

pub(super) fn files(outputs: Outputs) -> (File, File) {
    (outputs.stdout.into(), outputs.stderr.into())
}

/// All that a file and its older parts hold, oldest first.
pub(super) fn everything(folder: &Path, stem: &str) -> Vec<Vec<u8>> {
    // A part may be compressed while we look: then look again.
    (0..100).find_map(|_| parts(folder, stem).ok()).unwrap()
}

fn parts(folder: &Path, stem: &str) -> io::Result<Vec<Vec<u8>>> {
    let mut parts: Vec<(String, PathBuf)> = fs::read_dir(folder)?
        .flatten()
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .filter(|(name, _)| name.starts_with(stem))
        .collect();
    // `x.000001.log` stands before `x.log`, and the plain form before the compressed one.
    parts.sort();
    parts.dedup_by(|second, first| second.0 == format!("{}.gz", first.0));
    let read = |(name, path): (String, PathBuf)| {
        let mut bytes = Vec::new();
        let mut file = File::open(path)?;
        if name.ends_with(".gz") { MultiGzDecoder::new(file).read_to_end(&mut bytes) } else { file.read_to_end(&mut bytes) }?;
        Ok(bytes)
    };
    parts.into_iter().map(read).collect()
}

/// Length of a line of `flood`, in bytes.
pub(super) const LINE: usize = 73;

pub(super) fn flood(lines: u32, to: File) -> std::process::Child {
    let program = format!("BEGIN {{ for (n = 1; n <= {lines}; n++) printf \"n=%09d %s\\n\", n, \"{}\" }}", "x".repeat(60));
    Command::new("awk").arg(program).stdin(Stdio::null()).stdout(to).spawn().unwrap()
}

/// Each line from 1 to `count` is there once, whole and in order.
pub(super) fn assert_complete(text: &[u8], count: u32) {
    let text = String::from_utf8(text.to_vec()).unwrap();
    let mut wanted = 0;
    for line in text.lines() {
        wanted += 1;
        assert!(line.starts_with(&format!("n={wanted:09}")), "after line {} comes {line:?}", wanted - 1);
    }
    assert_eq!(wanted, count);
}

#[test]
fn what_is_moved_already_needs_no_asking() {
    let node = Node::new();
    let spec = small("api", 64);
    assert!(!node.logs.is_drained(&spec, 0), "there is no FIFO that could tell");
    let (mut out, _err) = files(node.logs.attach(&spec, 0).unwrap());
    assert!(node.logs.is_drained(&spec, 0) && node.logs.is_silent(&spec, 0));
    out.write_all(b"one line\n").unwrap();
    until("it is moved", || node.logs.is_drained(&spec, 0));
    assert_eq!(node.text("api-out.log"), "one line\n", "whenever it says so, it is in the file");
    assert!(!node.logs.is_silent(&spec, 0));
    out.write_all(&[b'x'; 100]).unwrap();
    out.write_all(b"\n").unwrap();
    drain(&node.logs, &spec, 0);
    assert!(!node.logs.is_silent(&spec, 0), "older parts are something");
    let takes = AppSpec { log_policy: app::model::LogPolicy::Drop, ..spec };
    assert!(!node.logs.is_drained(&takes, 0), "lines may be on their way");
}

#[test]
fn lines_go_to_the_files_of_their_stream() {
    let node = Node::new();
    let app = spec("my_api");
    let (mut out, mut err) = files(node.logs.attach(&app, 0).unwrap());
    out.write_all(b"one\n\x1b[32mtwo\x1b[0m\nunfinished").unwrap();
    err.write_all(b"oh\n").unwrap();
    drain(&node.logs, &app, 0);
    let (out_file, err_file) = node.logs.paths(&app, 0);
    let (out_file, err_file) = (out_file.unwrap(), err_file.unwrap());
    assert_eq!(fs::read(&out_file).unwrap(), b"one\n\x1b[32mtwo\x1b[0m\nunfinished");
    assert_eq!(fs::read(&err_file).unwrap(), b"oh\n");
    assert_eq!(fs::metadata(&out_file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(node.home.path().join("logs")).unwrap().permissions().mode() & 0o777, 0o700);

    let page = node.page(&app, LogQuery { limit: 9, stream: Some(LogStream::Stdout), ..LogQuery::default() });
    let lines: Vec<_> = page.lines.iter().map(|line| (line.line.as_str(), line.index)).collect();
    assert_eq!(lines[..2], [("one", Some(0)), ("two", Some(0))]);
    out.write_all(b" no more\n").unwrap();
    drain(&node.logs, &app, 0);
    let rest = node.page(&app, LogQuery { limit: 9, after: page.after, ..LogQuery::default() });
    // What was shown of it depends on how long it took to come here.
    assert!(rest.lines.iter().any(|line| line.line.ends_with("no more")), "{rest:?}");
    assert!(node.logs.total_bytes() > 0);
    assert!(node.told().is_empty());
}

#[test]
fn rotation_at_full_rate_loses_doubles_and_tears_nothing() {
    let node = Node::new();
    let app = small("a", 64 << 10);
    let (out, _err) = files(node.logs.attach(&app, 0).unwrap());
    assert!(flood(60_000, out).wait().unwrap().success());
    until("the last line", || {
        node.page(&app, LogQuery { limit: 1, ..LogQuery::default() })
            .lines
            .iter()
            .any(|line| line.line.starts_with("n=000060000"))
    });
    let parts = everything(&node.home.path().join("logs"), "a-out.");
    assert!(parts.len() > 60, "{} parts", parts.len());
    // A line that was begun is completed first.
    assert!(parts.iter().all(|part| part.len() <= (64 << 10) + LINE && part.ends_with(b"\n")));
    assert_complete(&parts.concat(), 60_000);
}

#[test]
fn a_reader_that_follows_sees_each_line_once_over_rotations() {
    let node = Node::new();
    let app = small("a", 32 << 10);
    let (out, _err) = files(node.logs.attach(&app, 0).unwrap());
    let first = node.page(&app, LogQuery { limit: 1, ..LogQuery::default() });
    let mut writer = flood(20_000, out);
    let (mut text, mut after, mut count) = (String::new(), first.after, 0);
    until("all lines", || {
        let page = node.page(&app, LogQuery { limit: 777, after: after.take(), ..LogQuery::default() });
        after = page.after;
        count += page.lines.len();
        page.lines.iter().for_each(|line| text = format!("{}{}\n", std::mem::take(&mut text), line.line));
        count >= 20_000
    });
    assert!(writer.wait().unwrap().success());
    assert_complete(text.as_bytes(), 20_000);
}

#[test]
fn what_others_do_to_the_files_is_survived() {
    let node = Node::new();
    let app = spec("a");
    let (mut out, _err) = files(node.logs.attach(&app, 0).unwrap());
    let mut say = |text: &str| {
        out.write_all(text.as_bytes()).unwrap();
        drain(&node.logs, &app, 0);
    };
    say("first\n");
    let before = node.page(&app, LogQuery { limit: 9, ..LogQuery::default() });
    fs::rename(node.file("a-out.log"), node.file("moved")).unwrap();
    say("second\n");
    assert_eq!((node.text("moved").as_str(), node.text("a-out.log").as_str()), ("first\n", "second\n"));
    let after = node.page(&app, LogQuery { limit: 9, after: before.after, ..LogQuery::default() });
    assert_eq!(after.lines.len(), 1);
    fs::remove_file(node.file("a-out.log")).unwrap();
    say("third\n");
    assert_eq!(node.text("a-out.log"), "third\n");
    File::options().write(true).open(node.file("a-out.log")).unwrap().set_len(0).unwrap();
    say("4\n");
    assert_eq!(node.text("a-out.log"), "4\n");
    fs::remove_dir_all(node.home.path().join("logs")).unwrap();
    say("fifth\n");
    assert_eq!(node.text("a-out.log"), "fifth\n");
    assert_eq!(node.page(&app, LogQuery { limit: 9, ..LogQuery::default() }).lines.len(), 1);
    assert!(node.told().is_empty());
}

#[test]
fn a_folder_in_the_place_of_a_log_file_loses_nothing() {
    let node = Node::new();
    let app = spec("a");
    let (mut out, _err) = files(node.logs.attach(&app, 0).unwrap());
    until("its file", || fs::remove_file(node.file("a-out.log")).is_ok());
    fs::create_dir(node.file("a-out.log")).unwrap();
    out.write_all(b"meanwhile\n").unwrap();
    until("a notice", || !node.told().is_empty());
    assert!(node.told()[0].contains("a-out.log cannot be written: Is a directory"), "{:?}", node.told());
    fs::remove_dir(node.file("a-out.log")).unwrap();
    out.write_all(b"afterwards\n").unwrap();
    until("both lines", || node.text("a-out.log") == "meanwhile\nafterwards\n");
}

#[test]
fn a_link_that_another_user_put_there_is_not_followed() {
    if !rustix::process::geteuid().is_root() {
        return eprintln!("left out: it takes root to make a link of another user");
    }
    let node = Node::new();
    let app = spec("a");
    let (mut out, _err) = files(node.logs.attach(&app, 0).unwrap());
    let (link, precious) = (node.file("a-out.log"), node.home.path().join("precious"));
    fs::write(&precious, "kept").unwrap();
    until("its file", || link.is_file());
    let swap = || {
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&precious, node.home.path().join("link")).unwrap();
        std::os::unix::fs::lchown(node.home.path().join("link"), Some(65_534), None).unwrap();
        fs::rename(node.home.path().join("link"), &link).unwrap();
    };
    swap();
    out.write_all(b"not for there\n").unwrap();
    until("a notice", || !node.told().is_empty());
    assert!(node.told()[0].contains("belongs to another user"), "{:?}", node.told());
    assert!(node.logs.attach(&app, 0).unwrap_err().to_string().contains("belongs to another user"));
    assert_eq!(fs::read_to_string(&precious).unwrap(), "kept");
    fs::remove_file(&link).unwrap();
    until("the line", || node.text("a-out.log") == "not for there\n");
}

#[test]
fn instances_that_share_a_file_do_not_tear_lines() {
    let node = Node::new();
    let app = AppSpec { instances: 3, merge_logs: true, ..small("a", 20_000) };
    let writers: Vec<_> = (0..3)
        .map(|index| {
            let (mut out, _err) = files(node.logs.attach(&app, index).unwrap());
            std::thread::spawn(move || {
                for n in 0..3000 {
                    // In two pieces, so that one without the other is often there.
                    out.write_all(format!("{index}:{n}:").as_bytes()).unwrap();
                    out.write_all(format!("{index}:{n}\n").as_bytes()).unwrap();
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    let mut parts = Vec::new();
    until("all lines", || {
        parts = everything(&node.home.path().join("logs"), "a-out.");
        parts.concat().iter().filter(|byte| **byte == b'\n').count() >= 9000
    });
    let text = String::from_utf8(parts.concat()).unwrap();
    let mut next = [0; 3];
    for line in text.lines() {
        let fields: Vec<usize> = line.split(':').map(|field| field.parse().unwrap()).collect();
        let [a, n, b, m] = fields[..] else { panic!("torn: {line}") };
        assert_eq!((a, n, n), (b, m, next[a]));
        next[a] += 1;
    }
    let page = node.page(&app, LogQuery { limit: 3, ..LogQuery::default() });
    assert!(page.lines.len() == 3 && page.lines.iter().all(|line| line.index.is_none()));
}

#[test]
fn both_streams_in_one_file_keep_their_order() {
    let node = Node::new();
    let path = node.home.path().join("deep/er/both.txt");
    let file = LogFile::Path(path.display().to_string());
    let app = AppSpec { out_file: file.clone(), error_file: file, ..spec("a") };
    let (mut out, mut err) = files(node.logs.attach(&app, 0).unwrap());
    for n in 0..100 {
        (if n % 2 == 0 { &mut out } else { &mut err }).write_all(format!("{n}\n").as_bytes()).unwrap();
    }
    drain(&node.logs, &app, 0);
    assert_eq!(fs::read_to_string(path).unwrap(), (0..100).map(|n| format!("{n}\n")).collect::<String>());
}

#[test]
fn log_file_gets_both_and_null_gets_nothing() {
    let node = Node::new();
    let path = node.home.path().join("both.log");
    let app = AppSpec { log_file: Some(path.display().to_string()), ..spec("a") };
    let (mut out, mut err) = files(node.logs.attach(&app, 0).unwrap());
    out.write_all(b"one\n").unwrap();
    drain(&node.logs, &app, 0);
    err.write_all(b"two\n").unwrap();
    drain(&node.logs, &app, 0);
    assert_eq!(fs::read_to_string(path).unwrap(), "one\ntwo\n");
    assert_eq!((node.text("a-out.log"), node.text("a-error.log")), ("one\n".into(), "two\n".into()));

    let silent = AppSpec { out_file: LogFile::Discard, error_file: LogFile::Path("/dev/null".into()), ..spec("b") };
    let (mut out, _err) = files(node.logs.attach(&silent, 0).unwrap());
    out.write_all(b"nobody reads this\n").unwrap();
    assert_eq!(node.logs.paths(&silent, 0), (None, None));
    assert!(node.page(&silent, LogQuery { limit: 9, ..LogQuery::default() }).lines.is_empty());
    assert_eq!(fs::read_dir(node.home.path().join("run/fifo")).unwrap().count(), 2);
}

#[test]
fn a_full_disk_loses_nothing_and_stops_nobody_else() {
    let node = Node::new();
    // Every write to it fails with ENOSPC; the link is turned to a real file later.
    let link = node.home.path().join("full.log");
    std::os::unix::fs::symlink("/dev/full", &link).unwrap();
    let full = AppSpec { out_file: LogFile::Path(link.display().to_string()), ..spec("full") };
    let (out, _err) = files(node.logs.attach(&full, 0).unwrap());
    let mut writer = flood(30_000, out);
    until("a notice", || !node.told().is_empty());

    let other = spec("other");
    let (out, _err) = files(node.logs.attach(&other, 0).unwrap());
    assert!(flood(30_000, out).wait().unwrap().success());
    until("the lines of the other", || node.text("other-out.log").ends_with(&format!("n=000030000 {}\n", "x".repeat(60))));

    let real = node.home.path().join("real.log");
    let turned = node.home.path().join("turned");
    std::os::unix::fs::symlink(&real, &turned).unwrap();
    fs::rename(&turned, &link).unwrap();
    assert!(writer.wait().unwrap().success());
    until("a second notice", || node.told().len() == 2);
    until("the last line", || fs::read(&real).unwrap().len() == 30_000 * LINE);
    assert_complete(&fs::read(real).unwrap(), 30_000);
    let told = node.told();
    assert!(told[0].contains("full.log cannot be written: No space left") && told[1].contains("is written again"), "{told:?}");
}

#[test]
fn a_file_is_put_aside_by_its_age_after_a_whole_line() {
    let node = Node::new();
    let app = AppSpec { rotation: Rotation { every_ms: Some(86_400_000), compress: false, ..Rotation::default() }, ..spec("a") };
    // As an earlier supervisor left them, two days ago.
    for (name, text) in [("a-out.log", "old\nhalf"), ("a-error.log", "")] {
        fs::write(node.file(name), text).unwrap();
        let file = File::options().write(true).open(node.file(name)).unwrap();
        file.set_modified(std::time::SystemTime::now() - Duration::from_hours(48)).unwrap();
    }
    let (mut out, mut err) = files(node.logs.attach(&app, 0).unwrap());
    drain(&node.logs, &app, 0);
    assert_eq!(node.text("a-out.log"), "old\nhalf", "nothing came yet");
    out.write_all(b" a line\nnew\n").unwrap();
    err.write_all(b"first\n").unwrap();
    drain(&node.logs, &app, 0);
    out.write_all(b"newer\n").unwrap();
    drain(&node.logs, &app, 0);
    assert_eq!(node.text("a-out.000001.log"), "old\nhalf a line\n");
    assert_eq!((node.text("a-out.log"), node.text("a-error.log")), ("new\nnewer\n".into(), "first\n".into()));
    assert!(!node.file("a-out.000002.log").exists() && !node.file("a-error.000001.log").exists());
}

#[test]
fn all_logs_together_keep_to_their_budget() {
    let node = Node::with(Limits { total_bytes: 300_000, free_bytes: 0 });
    let app = AppSpec { rotation: Rotation { max_bytes: 20_000, keep: 1000, compress: false, every_ms: None }, ..spec("a") };
    let (out, _err) = files(node.logs.attach(&app, 0).unwrap());
    assert!(flood(20_000, out).wait().unwrap().success());
    drain(&node.logs, &app, 0);
    let folder = node.home.path().join("logs");
    let parts = || everything(&folder, "a-out.");
    until("the old parts are gone", || parts().concat().len() <= 300_000);
    let text = String::from_utf8(parts().concat()).unwrap();
    // What is left is the end of it, without a gap.
    let numbers: Vec<u32> = text.lines().map(|line| line[2..11].parse().unwrap()).collect();
    assert!(numbers.is_sorted_by(|a, b| a + 1 == *b) && numbers.last() == Some(&20_000) && numbers.len() > 1000);
    assert!(node.told().is_empty());
}

#[test]
fn junk_and_lines_without_end_harm_nothing() {
    let node = Node::new();
    let app = small("a", 1 << 20);
    let (mut out, _err) = files(node.logs.attach(&app, 0).unwrap());
    let mut junk: Vec<u8> = (0..50).flat_map(|_| 0..=255_u8).collect();
    junk.extend([0xe2, 0x82, 0xac, b'\n']);
    junk.resize(junk.len() + 5_000_000, b'y');
    junk.extend(b"\nafter the junk\n");
    out.write_all(&junk).unwrap();
    let all = LogQuery { limit: 500, ..LogQuery::default() };
    until("the last line", || node.page(&app, all.clone()).lines.last().is_some_and(|line| line.line == "after the junk"));
    assert_eq!(everything(&node.home.path().join("logs"), "a-out.").concat(), junk);
    assert!(node.page(&app, all).lines.iter().map(|line| line.line.len()).sum::<usize>() < 1 << 20);
    assert_eq!(node.logs.last_lines(&app, 0, 1), ["after the junk"]);
}

#[test]
fn flush_empties_all_and_what_comes_then_is_kept() {
    let node = Node::new();
    let app = small("a", 1000);
    let (mut out, _err) = files(node.logs.attach(&app, 0).unwrap());
    (0..500).for_each(|n| writeln!(out, "line {n}").unwrap());
    drain(&node.logs, &app, 0);
    let seen = node.page(&app, LogQuery { limit: 1000, ..LogQuery::default() });
    assert_eq!(seen.lines.len(), 500);
    node.logs.flush(&app).unwrap();
    assert_eq!(everything(&node.home.path().join("logs"), "a-out.").concat(), b"");
    assert!(node.page(&app, LogQuery { limit: 9, ..LogQuery::default() }).lines.is_empty());
    writeln!(out, "afterwards").unwrap();
    drain(&node.logs, &app, 0);
    assert_eq!(node.text("a-out.log"), "afterwards\n");
    let since = node.page(&app, LogQuery { limit: 9, after: seen.after, ..LogQuery::default() });
    assert_eq!(since.lines.len(), 1);
    node.logs.flush(&spec("never started")).unwrap();
}

#[test]
fn an_app_of_the_same_name_begins_with_an_empty_fifo() {
    let node = Node::new();
    let app = spec("a");
    let (mut old, _err) = files(node.logs.attach(&app, 0).unwrap());
    old.write_all(b"old\n").unwrap();
    node.logs.detach(&app, 0);
    let (mut new, _err) = files(node.logs.attach(&app, 0).unwrap());
    new.write_all(b"new\n").unwrap();
    until("both lines", || node.text("a-out.log").len() == 8);
    node.logs.detach(&app, 0);
    assert_eq!(fs::read_dir(node.home.path().join("run/fifo")).unwrap().count(), 0);
}

#[test]
fn a_file_that_cannot_be_opened_is_told_at_once() {
    let node = Node::new();
    let app = AppSpec { out_file: LogFile::Path("/proc/nowhere/x.log".into()), ..spec("a") };
    let error = node.logs.attach(&app, 0).unwrap_err();
    assert!(error.to_string().contains("/proc/nowhere/x.log"), "{error}");
}

#[test]
fn a_file_is_there_though_nothing_is_written() {
    let node = Node::new();
    let paths = ["a-out.log", "a-error.log"].map(|name| node.file(name));
    for start in ["the first", "one after they were deleted"] {
        let _outputs = node.logs.attach(&spec("a"), 0).unwrap();
        assert!(node.logs.is_silent(&spec("a"), 0));
        until(start, || paths.iter().all(|path| path.is_file()));
        assert!(node.logs.is_silent(&spec("a"), 0));
        paths.iter().for_each(|path| fs::remove_file(path).unwrap());
    }
}

#[test]
fn output_waits_for_the_next_supervisor() {
    let Node { home, logs, told } = Node::new();
    let app = spec("a");
    let (mut out, _err) = files(logs.attach(&app, 0).unwrap());
    out.write_all(b"before\n").unwrap();
    drop(logs);
    out.write_all(b"meanwhile\n").unwrap();
    let logs = Logs::start(home.path(), Limits::default(), |notice| panic!("{notice}")).unwrap();
    logs.attach(&app, 0).unwrap();
    out.write_all(b"after\n").unwrap();
    drain(&logs, &app, 0);
    let node = Node { home, logs, told };
    assert_eq!(node.text("a-out.log"), "before\nmeanwhile\nafter\n");
    assert_eq!(node.page(&app, LogQuery { limit: 9, ..LogQuery::default() }).lines.len(), 3);
}
