//! Random commands, random deaths of apps, and `qd` killed at random moments, also in the midst of a command. A short run by
//! default; `QD_CHAOS_ROUNDS=1000 cargo test -p server --test it chaos` makes a long one, `QD_CHAOS_SEED` another one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::common::daemon::{kill, runs};
use crate::common::{Daemon, Ended, Place, QD};

/// Holds a lock that a second copy would miss, and writes numbered lines. Its children do not hold it.
const PLAIN: &str = r#"
exec 9>"lock-$name"
flock -n 9 || echo "$$ found another $name" >> violations
n=0
while :; do echo "$$ $n"; n=$((n+1)); sleep 0.02 9>&-; done
"#;

/// The same as a worker: while one takes the place of another there are two of them.
const WORKER: &str = r#"
let n = 0;
const write = () => require('fs').writeSync(1, `${process.pid} ${n++}\n`);
write();
setInterval(write, 20);
require('http').createServer((request, response) => response.end()).listen('worker.sock');
"#;

const APPS: [&str; 3] = ["one", "two", "worker"];
/// One home has so many rounds, so that all its events can be asked for at once.
const ROUNDS: u64 = 20;

fn apps() -> Value {
    // The breaker is for apps that fail by themselves.
    let plain = |name| serde_json::json!({"name": name, "script": "plain.sh", "max_restarts": 1_000_000, "kill_timeout": 500});
    let worker = serde_json::json!({
        "name": "worker", "script": "worker.js", "exec_mode": "cluster", "max_restarts": 1_000_000,
        "kill_timeout": 400, "min_uptime": 50,
    });
    serde_json::json!({ "apps": [plain("one"), plain("two"), worker] })
}

/// Steele, Lea and Flood's SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[usize::try_from(self.below(list.len() as u64)).unwrap()]
    }
}

fn command(random: &mut Random, words: &[&'static str]) -> String {
    let word = random.of(words);
    format!("{word} {}", random.of(&APPS))
}

fn kill_and_come_back(daemon: &mut Daemon) {
    daemon.kill();
    daemon.come_back();
}

fn round(daemon: &mut Daemon, random: &mut Random) -> String {
    match random.below(6) {
        0 => {
            let words = command(random, &["restart", "reload", "stop", "start", "start"]);
            // A start of what runs, a stop of what rests: any answer is good, but there has to be one.
            let ended = daemon.place.qd(&words);
            assert!(ended.code.is_some(), "{words}: {ended:?}");
            words
        }
        1 => {
            kill_and_come_back(daemon);
            "kill qd".into()
        }
        2 | 3 => {
            // Not `start`, which brings up a node of its own where it finds none.
            let (words, pause) = (command(random, &["restart", "restart", "reload", "stop"]), random.below(60));
            let mut command = daemon.place.command(QD, words.split(' '));
            let child = command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn();
            std::thread::sleep(Duration::from_millis(pause));
            kill_and_come_back(daemon);
            child.unwrap().wait().unwrap();
            format!("{words}, and kill qd after {pause} ms")
        }
        4 => {
            let name = random.of(&APPS);
            if let Some(pid) = daemon.one(name)["pid"].as_u64().filter(|pid| *pid > 0) {
                kill(u32::try_from(pid).unwrap());
            }
            format!("kill {name}")
        }
        _ => {
            let (name, pause) = (random.of(&APPS), random.below(20));
            let pid = daemon.one(name)["pid"].as_u64().filter(|pid| *pid > 0);
            daemon.kill();
            if let Some(pid) = pid {
                kill(u32::try_from(pid).unwrap());
            }
            std::thread::sleep(Duration::from_millis(pause));
            daemon.come_back();
            format!("kill qd, then {name}")
        }
    }
}

/// What runs of an app: the leaders of their sessions that were started with its script, by the marker's number.
fn running(place: &Path, pm_id: u64) -> BTreeSet<u32> {
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
fn settle(daemon: &Daemon, history: &[String]) {
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

/// Each process wrote every number from 0 on, and each start and each end was told once.
fn check(daemon: &Daemon, history: &[String]) {
    for name in APPS {
        let text = std::fs::read_to_string(daemon.place.home().join(format!("logs/{name}-out.log"))).unwrap_or_default();
        let mut lines: BTreeMap<u32, u64> = BTreeMap::new();
        for line in text[..text.rfind('\n').map_or(0, |end| end + 1)].lines() {
            let (pid, number) = line.split_once(' ').unwrap_or_else(|| panic!("{name}: {line:?} is torn after {history:#?}"));
            let expected = lines.entry(pid.parse().unwrap()).or_default();
            assert_eq!(number.parse(), Ok(*expected), "{name}: a line of {pid} is missing after {history:#?}");
            *expected += 1;
        }
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
    let violations = std::fs::read_to_string(daemon.place.path().join("violations")).unwrap_or_default();
    assert!(violations.is_empty(), "{violations} after {history:#?}");
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn whatever_dies_whenever() {
    let (rounds, seed) = (number("QD_CHAOS_ROUNDS").unwrap_or(3 * ROUNDS), number("QD_CHAOS_SEED").unwrap_or(1));
    for home in 0..rounds.div_ceil(ROUNDS) {
        let mut random = Random(seed + home);
        let place = Place::new();
        place.write("plain.sh", PLAIN);
        place.write("worker.js", WORKER);
        let mut daemon = Daemon::serve_in(place, &apps().to_string(), APPS.len());
        let mut history = vec![format!("seed {}", seed + home)];
        for _ in 0..ROUNDS {
            let done = round(&mut daemon, &mut random);
            history.push(done);
            settle(&daemon, &history);
        }
        check(&daemon, &history);
        let ended = Ended::of(daemon.place.command(QD, ["kill"]));
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
}
