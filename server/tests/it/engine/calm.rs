//! Apps that are well stay well in the eyes of `qd`, whatever happens to the clock and the host. Once through everything by default;
//! `QD_CALM_MINUTES=60 cargo test -p server --test it calm` makes a soak of it, in which all goes ten times slower; `QD_BIN` names another binary,
//! and `QD_CALM_SEED` makes another order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::common::clock::Clock;
use crate::common::daemon::send;
use crate::common::random::{Random, number};
use crate::common::{Daemon, Place, free_port};

const HOUR: i64 = 3600;
/// Longer than what is allowed to pass between two signs of life.
const STOP: Duration = Duration::from_secs(6);
/// All are checked again long before that, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(120);

/// Answers, and holds memory that grows and is given back.
const ANSWERS: &str = r#"
let kept = [];
setInterval(() => { kept.push(Buffer.alloc(200_000, 1)); if (kept.length > 40) kept = []; }, 100);
require('http').createServer((_, response) => response.end('well')).listen(process.env.PORT, '127.0.0.1');
"#;
/// Gives signs of life: asks for its address, writes its file, writes its line.
const SIGNS: &str = r#"
const every = Number(process.argv[2]);
const sign = () => {
  console.log('still here');
  require('fs').writeFileSync('alive-' + process.env.name, String(Math.random()));
  fetch(process.env.QD_HEARTBEAT_URL, { method: 'POST' }).catch(() => {});
};
sign();
setInterval(sign, every);
"#;

/// A single failed check would count. `pace` is how much slower than in a test everything goes.
fn apps(pace: u64, copies: u64) -> Value {
    let ms = |time: u64| format!("{}ms", time * pace);
    let rule = |more: Value| {
        let mut rule =
            json!({"interval": ms(500), "timeout": ms(2000), "retries": 1, "retry_interval": ms(300), "cooldown": "1s"});
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        rule
    };
    let signs = |health: Value| json!({"script": "signs.js", "args": [(400 * pace).to_string()], "health": rule(health)});
    let kinds = [
        (
            "http",
            json!({"script": "answers.js", "health": rule(json!({"http": "/", "lag": {"above": "500ms", "for": ms(2000)}}))}),
        ),
        ("tcp", json!({"script": "answers.js", "health": rule(json!({"cpu": {"above": 60, "for": ms(2000)}}))})),
        ("command", json!({"script": "signs.js", "args": ["1000"], "health": rule(json!({"command": "true"}))})),
        ("beat", signs(json!({"heartbeat": ms(3000)}))),
        ("file", signs(json!({"heartbeat": {"file": "alive-file-0", "within": ms(3000)}}))),
        ("log", signs(json!({"log": {"line": "still", "within": ms(3000)}, "silence": ms(3000)}))),
    ];
    let mut apps = Vec::new();
    for (kind, app) in kinds {
        for copy in 0..copies {
            let mut app = app.clone();
            app["name"] = json!(format!("{kind}-{copy}"));
            if kind == "file" {
                app["health"]["heartbeat"]["file"] = json!(format!("alive-file-{copy}"));
            }
            if app["script"] == "answers.js" {
                app["port"] = json!(free_port());
            }
            apps.push(app);
        }
    }
    json!({"apps": apps})
}

/// What each app was told about in its checks, by name.
fn checked(daemon: &Daemon) -> Vec<(String, Value)> {
    let document = daemon.get("/api/health/system");
    let all = document["components"].as_object().unwrap().iter();
    all.map(|(name, one)| (name.clone(), one["probe"].clone())).collect()
}

/// Waits until each app has passed so many checks from now on.
fn until_checked(daemon: &Daemon, times: usize, history: &[String]) {
    let limit = Instant::now() + PATIENCE;
    for _ in 0..times {
        let before = checked(daemon);
        while checked(daemon).iter().zip(&before).any(|(now, before)| now.1["checked_at"] == before.1["checked_at"]) {
            assert!(Instant::now() < limit, "checks came to a standstill: {:?}; {history:?}", checked(daemon));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Nothing was told of any app but that it was started.
fn all_is_well(daemon: &Daemon, history: &[String]) {
    let told = daemon.get("/api/events?limit=1000")["events"].as_array().unwrap().clone();
    let quiet = ["added", "start", "online", "node"];
    let wrong = told.iter().filter(|event| !quiet.contains(&event["kind"].as_str().unwrap()));
    let wrong: Vec<String> = wrong.map(|event| format!("{} {}: {}", event["app"], event["kind"], event["message"])).collect();
    assert!(wrong.is_empty(), "{wrong:#?}; {history:?}");
    let document = daemon.get("/api/health/system");
    assert_eq!(document["status"], "HEALTHY", "{document:#}; {history:?}");
    for (name, one) in document["components"].as_object().unwrap() {
        assert!(one["probe"]["healthy"] == true && one["restart_count"] == 0, "{name}: {one:#}; {history:?}");
    }
}

/// Stops everything at once, as a host does that is put to sleep or moved, and lets it go on.
fn freeze(daemon: &Daemon, time: Duration, meanwhile: impl FnOnce()) {
    let apps: Vec<u32> = daemon.list().iter().filter_map(|one| one["pid"].as_u64()?.try_into().ok()).collect();
    daemon.signal(Signal::STOP);
    apps.iter().for_each(|pid| send(*pid, Signal::STOP));
    meanwhile();
    std::thread::sleep(time);
    apps.iter().for_each(|pid| send(*pid, Signal::CONT));
    daemon.signal(Signal::CONT);
    // As cron does, which would end a node that does not work.
    daemon.done("check");
}

/// Keeps every core busy while it lives, twice over.
struct Burning(std::sync::Arc<AtomicBool>);

impl Burning {
    fn begin() -> Self {
        let burns = std::sync::Arc::new(AtomicBool::new(true));
        for _ in 0..2 * std::thread::available_parallelism().unwrap().get() {
            let burns = burns.clone();
            std::thread::spawn(move || while burns.load(Ordering::Relaxed) {});
        }
        Self(burns)
    }
}

impl Drop for Burning {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

#[test]
fn nothing_is_wrong_while_clocks_jump_and_the_host_sleeps_or_is_busy() {
    let minutes = number("QD_CALM_MINUTES");
    let time = Duration::from_secs(60 * minutes.unwrap_or(0));
    let mut random = Random(number("QD_CALM_SEED").unwrap_or(1));
    let place = Place::new();
    place.write("answers.js", ANSWERS);
    place.write("signs.js", SIGNS);
    std::fs::create_dir(place.home()).unwrap();
    let (pace, copies, every) = if minutes.is_some() { (10, 5, "5s") } else { (1, 1, "200ms") };
    std::fs::write(place.home().join("quarterdeck.toml"), format!("sample_every = \"{every}\"\n")).unwrap();
    let mut clock = Clock::in_folder(place.path());
    let stack = apps(pace, copies);
    let mut daemon = Daemon::at_rest(place, &stack.to_string());
    daemon.try_begin(|command| clock.rule(command)).unwrap();
    let mut history = Vec::new();
    let count = stack["apps"].as_array().unwrap().len();
    daemon.until("all are well", || checked(&daemon).iter().filter(|(_, probe)| probe["healthy"] == true).count() == count);
    let (begun, mut rounds) = (Instant::now(), 0);
    while rounds < 7 || begun.elapsed() < time {
        // Each once, and then as it comes.
        let what = if rounds < 7 { rounds } else { random.below(7) };
        let said = match what {
            0 => {
                clock.set(26 * HOUR);
                "the clock is set forward by 26 h"
            }
            1 => {
                clock.set(-50 * HOUR);
                "the clock is set back by 50 h"
            }
            2 => {
                let hours = Duration::from_hours(9);
                freeze(&daemon, Duration::from_millis(300), || clock.slept(hours));
                "the host sleeps for 9 h"
            }
            3 => {
                freeze(&daemon, STOP * u32::try_from(pace).unwrap(), || ());
                "everything is stopped"
            }
            4 => {
                let _burning = Burning::begin();
                until_checked(&daemon, 4, &history);
                "all cores are busy"
            }
            5 => {
                let _burning = Burning::begin();
                freeze(&daemon, STOP, || clock.set(-HOUR));
                until_checked(&daemon, 2, &history);
                "busy, stopped, and set back by 1 h"
            }
            _ => {
                clock.set(24 * HOUR);
                "the clock is set forward by 24 h"
            }
        };
        history.push(format!("{:.0} s: {said}", begun.elapsed().as_secs_f64()));
        until_checked(&daemon, 3, &history);
        all_is_well(&daemon, &history);
        rounds += 1;
    }
    if minutes.is_some() {
        println!("{rounds} rounds in {:.0} min: {history:#?}", begun.elapsed().as_secs_f64() / 60.0);
    }
}
