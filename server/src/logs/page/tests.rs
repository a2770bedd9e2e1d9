use super::*;
use crate::logs::Limits;
use proptest::prelude::*;
use std::fmt::Write as _;
use std::fs;
use tempfile::TempDir;

use crate::logs::names::Layout;
use crate::logs::times::{Head, Writer};

fn spec() -> AppSpec {
    AppSpec { name: "api".into(), ..AppSpec::default() }
}

fn logs() -> (TempDir, Logs) {
    let home = tempfile::tempdir().unwrap();
    let logs = Logs::start(home.path(), Limits::default(), |notice| panic!("{notice}")).unwrap();
    (home, logs)
}

/// Writes a file whose lines came at these times (ms), as the pump would have.
fn write(home: &TempDir, name: &str, sequence: u64, old: bool, lines: &[(i64, String)]) {
    let (mut text, mut records) = (String::new(), Vec::new());
    for (ms, line) in lines {
        records.extend([(text.len() as u64).to_le_bytes(), (ms * 1000).to_le_bytes()].concat());
        let _ = writeln!(text, "{line}");
    }
    let layout = Layout::new(home.path());
    let place = layout.place(layout.logs.join(name));
    let (file, times) = if old { (place.old(sequence), place.old_times(sequence)) } else { (place.file.clone(), place.times()) };
    fs::write(file, text).unwrap();
    Writer::create(&times, Head { sequence, inode: 0 }).unwrap();
    let mut all = fs::read(&times).unwrap();
    all.extend(records);
    fs::write(times, all).unwrap();
}

fn ask(logs: &Logs, query: LogQuery) -> LogPage {
    logs.page(&spec(), &query).unwrap()
}

fn texts(page: &LogPage) -> Vec<&str> {
    page.lines.iter().map(|line| line.line.as_str()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// Page by page, backward or forward: every line once, in the order of time, over both streams and an older part.
    #[test]
    fn pages_join_without_a_gap(
        out in prop::collection::vec(0..40_i64, 0..60), err in prop::collection::vec(0..40_i64, 0..60), old in 0..60_usize, limit in 1..20_usize, cut in 0..2000_i64,
    ) {
        let (home, logs) = logs();
        let lines = |word: &str, steps: &[i64]| -> Vec<(i64, String)> {
            steps.iter().scan(1, |at, step| { *at += step; Some(*at) }).enumerate().map(|(n, ms)| (ms, format!("{word} {n}"))).collect()
        };
        let (out, err) = (lines("out", &out), lines("err", &err));
        let (aside, current) = out.split_at(old.min(out.len()));
        write(&home, "api-out.log", 1, true, aside);
        write(&home, "api-out.log", 2, false, current);
        write(&home, "api-error.log", 1, false, &err);
        let mut wanted: Vec<(i64, String)> = out.iter().chain(&err).cloned().collect();
        wanted.sort_by_key(|(ms, _)| *ms);

        let (mut back, mut before) = (Vec::new(), None);
        loop {
            let page = ask(&logs, LogQuery { limit, before, ..LogQuery::default() });
            prop_assert!(page.lines.len() <= limit);
            back.splice(0..0, page.lines);
            before = page.before;
            if before.is_none() { break }
        }
        let told: Vec<(i64, String)> = back.iter().map(|line| (line.time.ms(), line.line.clone())).collect();
        prop_assert_eq!(&told, &wanted);

        let (mut forward, mut after) = (Vec::new(), Some(Time(0).to_string()));
        loop {
            let page = ask(&logs, LogQuery { limit, after, ..LogQuery::default() });
            if page.lines.is_empty() { break }
            forward.extend(page.lines);
            after = page.after;
        }
        prop_assert_eq!(&forward, &back);

        let time = |ms: i64| Some(Time(ms).to_string());
        let until = ask(&logs, LogQuery { limit: 999, before: time(cut), ..LogQuery::default() });
        prop_assert_eq!(until.lines.len(), wanted.iter().filter(|(ms, _)| *ms < cut).count());
        let since = ask(&logs, LogQuery { limit: 999, after: time(cut), ..LogQuery::default() });
        prop_assert_eq!(since.lines.len(), wanted.iter().filter(|(ms, _)| *ms > cut).count());
        let between = ask(&logs, LogQuery { limit: 999, after: time(cut), before: time(cut + 300), ..LogQuery::default() });
        prop_assert_eq!(between.lines.len(), wanted.iter().filter(|(ms, _)| (cut + 1..cut + 300).contains(ms)).count());
    }
}

#[test]
fn search_takes_any_case_and_looks_through_escapes() {
    let (home, logs) = logs();
    let lines = ["Request FAILED", "all is well", "req\u{1b}[31muest fail\u{1b}[0med", "ÄRGER failed request failed"];
    write(&home, "api-out.log", 1, false, &lines.map(|line| (5, line.to_owned())));
    let found = |text: &str| ask(&logs, LogQuery { limit: 9, text: Some(text.into()), ..LogQuery::default() });
    assert_eq!(texts(&found("request failed")), ["Request FAILED", "request failed", "ÄRGER failed request failed"]);
    assert_eq!(texts(&found("ärger")).len(), 1);
    assert_eq!(texts(&found(".*")).len(), 0);
    assert_eq!(texts(&found("")).len(), 4);
}

#[test]
fn bad_questions_are_refused_by_field() {
    let (_home, logs) = logs();
    let refused = |query: LogQuery| match logs.page(&spec(), &query) {
        Err(Refusal::BadField { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(LogQuery { before: Some("../../etc/passwd".into()), ..LogQuery::default() }), "before");
    assert_eq!(refused(LogQuery { after: Some("c1.x".into()), ..LogQuery::default() }), "after");
    assert_eq!(refused(LogQuery { text: Some("x".repeat(2000)), ..LogQuery::default() }), "q");
    assert_eq!(
        ask(&logs, LogQuery::default()),
        LogPage { after: Some(ask(&logs, LogQuery::default()).after.unwrap()), ..LogPage::default() }
    );
}

#[test]
fn long_lines_are_cut_between_characters() {
    let (home, logs) = logs();
    write(&home, "api-out.log", 1, false, &[(1, format!("a{}", "é".repeat(9000))), (2, "short".into())]);
    let page = ask(&logs, LogQuery { limit: 5, ..LogQuery::default() });
    let [long, short] = &texts(&page)[..] else { panic!("{page:?}") };
    assert_eq!(*long, format!("a{}…", "é".repeat(4095)));
    assert_eq!(*short, "short");
    let last = logs.last_lines(&spec(), 0, 2);
    assert_eq!(last, [format!("a{}…", "é".repeat(1023)), "short".into()]);
}

#[test]
fn last_lines_prefer_a_recent_stderr() {
    let (home, logs) = logs();
    let lines = |word: &str, at: i64| -> Vec<(i64, String)> { (0..4).map(|n| (at + n, format!("{word} {n}"))).collect() };
    write(&home, "api-out.log", 1, false, &lines("out", 100_002));
    write(&home, "api-error.log", 1, false, &lines("err", 100_000));
    assert_eq!(logs.last_lines(&spec(), 0, 5), ["err 0", "err 1", "err 2", "err 3", "out 3"]);
    write(&home, "api-error.log", 1, false, &lines("err", 1000));
    assert_eq!(logs.last_lines(&spec(), 0, 5), ["err 3", "out 0", "out 1", "out 2", "out 3"]);
    assert_eq!(logs.last_lines(&spec(), 0, 0), [""; 0]);
}

#[test]
fn work_is_bounded_and_the_cursor_leads_on() {
    let (home, logs) = logs();
    let mut text = "needle\n".to_owned();
    text.push_str(&"hay, much of it, in lines that are not too short for a test\n".repeat(560_000));
    fs::write(home.path().join("logs/api-out.log"), text).unwrap();
    let query = LogQuery { limit: 5, text: Some("needle".into()), ..LogQuery::default() };
    let (mut page, mut pages) = (ask(&logs, query.clone()), 1);
    while let Some(before) = page.before.take().filter(|_| page.lines.is_empty()) {
        page = ask(&logs, LogQuery { before: Some(before), ..query.clone() });
        pages += 1;
    }
    assert_eq!(texts(&page), ["needle"]);
    assert_eq!(pages, 2);
}
