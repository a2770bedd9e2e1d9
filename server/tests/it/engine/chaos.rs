//! Random commands, random deaths of apps, and `qd` killed at random moments, also in the midst of a command. A short run by
//! default; `QD_CHAOS_ROUNDS=1000 cargo test -p server --test it chaos` makes a long one, `QD_CHAOS_SEED` another one.

use std::time::Duration;

use serde_json::Value;

use crate::common::daemon::kill;
use crate::common::invariants::{self, PLAIN};
use crate::common::random::{Random, number};
use crate::common::{Daemon, Ended, Place, qd};

/// Writes numbered lines as a worker: while one takes the place of another there are two of them.
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
            let mut command = daemon.place.command(qd(), words.split(' '));
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
            invariants::settle(&daemon, &history);
        }
        invariants::check(&daemon, &APPS, &history);
        let ended = Ended::of(daemon.place.command(qd(), ["kill"]));
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
}
