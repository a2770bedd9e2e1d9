//! What has to hold whatever happened: one process of each app that should run, no line and no event missing or doubled.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::Daemon;
use super::daemon::runs;

/// Holds a lock that a second copy would miss, writes numbered lines, and notes which it has written. Its children do not hold
/// the lock.
pub(crate) const PLAIN: &str = r#"
exec 9>"lock-$name"
flock -n 9 || echo "$$ found another $name" >> violations
n=0
while :; do echo "$$ $n"; echo "$$ $n" >> "wrote-$name"; n=$((n+1)); sleep 0.02 9>&-; done
"#;

/// What runs of an app: the leaders of their sessions that were started with its script, by the marker's number.
pub(crate) fn running(place: &Path, pm_id: u64) -> BTreeSet<u32> {
    let home = format!(".{pm_id}.");
    let all = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_one = |pid: &u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let variables: Vec<_> = environment.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
        let ours = variables.iter().any(|one| one.strip_prefix("pm_cwd=").is_some_and(|cwd| Path::new(cwd) == place));
        let marked = variables.iter().any(|one| one.strip_prefix("QD_UNIT=").is_some_and(|marker| marker.contains(&home)));
        ours && marked
            && rustix::process::Pid::from_raw(i32::try_from(*pid).unwrap())
                .is_some_and(|number| rustix::process::getsid(Some(number)) == Ok(number))
            && runs(*pid)
    };
    all.filter(is_one).collect()
}

/// Waits until everything is as it is meant to be, and says what is meant.
pub(crate) fn settle(daemon: &Daemon, history: &[String]) {
    daemon.until(&format!("as it should be after {history:#?}"), || {
        let apps = daemon.get("/api/apps");
        apps.as_array().unwrap().iter().all(|app| {
            let one = &app["instances"][0];
            let pids = running(daemon.place.path(), one["pm_id"].as_u64().unwrap());
            if app["wanted"] == true {
                one["state"] == "online" && pids.len() == 1 && one["pid"].as_u64() == pids.first().map(|pid| u64::from(*pid))
            } else {
                one["state"] == "stopped" && pids.is_empty()
            }
        })
    });
}

/// Waits until all that was written so far is in the logs. Only where no app died while `qd` was dead: what nobody holds open is
/// thrown away by the kernel (pipe(7)).
pub(crate) fn await_lines(daemon: &Daemon, apps: &[&str], history: &[String]) {
    for name in apps {
        let wrote = std::fs::read_to_string(daemon.place.path().join(format!("wrote-{name}"))).unwrap_or_default();
        let wrote = counts(&wrote, name, history);
        assert!(!wrote.is_empty(), "{name} has written nothing after {history:#?}");
        daemon.until(&format!("the log of {name} has all that was written after {history:#?}"), || {
            let lines = counts(&log(daemon, name), name, history);
            wrote.iter().all(|(pid, count)| lines.get(pid) >= Some(count))
        });
    }
}

/// Each process wrote every number from 0 on, and each start and each end was told once.
pub(crate) fn check(daemon: &Daemon, apps: &[&str], history: &[String]) {
    for name in apps {
        check_events(daemon, name, &counts(&log(daemon, name), name, history), history);
    }
    let all = daemon.get("/api/events?limit=1000")["events"].as_array().unwrap().clone();
    let numbers: Vec<u64> = all.iter().map(|event| event["id"].as_u64().unwrap()).collect();
    let gap = numbers.windows(2).find(|pair| pair[0] != pair[1] + 1);
    assert!(gap.is_none(), "events are numbered {numbers:?} after {history:#?}");
    let violations = std::fs::read_to_string(daemon.place.path().join("violations")).unwrap_or_default();
    assert!(violations.is_empty(), "{violations} after {history:#?}");
}

fn numbered(line: &str) -> Option<(u32, u64)> {
    let (pid, number) = line.split_once(' ')?;
    Some((pid.parse().ok()?, number.parse().ok()?))
}

/// How many lines each process has written: with one missing, doubled or torn, there is no such number.
fn counts(text: &str, name: &str, history: &[String]) -> BTreeMap<u32, u64> {
    let mut lines = BTreeMap::new();
    for line in text[..text.rfind('\n').map_or(0, |end| end + 1)].lines() {
        let (pid, number) = numbered(line).unwrap_or_else(|| panic!("{name}: {line:?} is torn after {history:#?}"));
        let expected = lines.entry(pid).or_default();
        assert_eq!(number, *expected, "{name}: a line of {pid} is missing or doubled after {history:#?}");
        *expected += 1;
    }
    lines
}

/// The log with its older parts.
fn log(daemon: &Daemon, name: &str) -> String {
    let parts = || {
        let all = std::fs::read_dir(daemon.place.home().join("logs")).unwrap().flatten().map(|entry| entry.path());
        let stem = format!("{name}-out.");
        let is_one = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(&stem);
        // Numbers come before letters, so the one that is written comes last.
        all.filter(is_one).collect::<BTreeSet<_>>()
    };
    loop {
        let before = parts();
        let text = before.iter().map(|part| std::fs::read_to_string(part).unwrap_or_default()).collect();
        // Otherwise one was put aside meanwhile.
        if parts() == before {
            return text;
        }
    }
}

fn check_events(daemon: &Daemon, name: &str, lines: &BTreeMap<u32, u64>, history: &[String]) {
    let events = daemon.events(name);
    assert!(events.len() < 1000, "the round is too long to be checked");
    let count = |pid: u32, kind: &str| events.iter().filter(|event| event["pid"] == pid && event["kind"] == kind).count();
    let told = events.iter().filter_map(|event| u32::try_from(event["pid"].as_u64()?).ok());
    let silent = |pid: &u32| !events.iter().any(|event| event["pid"] == *pid);
    for pid in told.collect::<BTreeSet<u32>>() {
        let ends = usize::from(!runs(pid));
        // A process that had to prove itself when qd was killed was never one of the app.
        let of_failed_reload = count(pid, "start") == 0 && count(pid, "exit") == 0;
        assert!(
            of_failed_reload || (count(pid, "start"), count(pid, "exit")) == (1, ends),
            "{name} {pid}: {:?} after {history:#?}\n{events:#?}",
            (count(pid, "start"), count(pid, "exit"))
        );
    }
    let unknown: Vec<&u32> = lines.keys().filter(|pid| silent(pid)).collect();
    assert!(name == "worker" || unknown.is_empty(), "nobody told of {unknown:?} of {name} after {history:#?}\n{events:#?}");
}
