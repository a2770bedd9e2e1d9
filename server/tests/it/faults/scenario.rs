//! One short life: two apps start, one is stopped and started, one crashes, one is stopped for good; `qd` is killed and comes back.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::filter;
use super::listener::{Listener, Plan};
use super::table::FAULTS;
use crate::common::daemon::{kill, runs};
use crate::common::invariants::{self, PLAIN};
use crate::common::{Daemon, Ended, Place, qd};

/// How long a command that failed because of the fault is tried again.
const PATIENCE: Duration = Duration::from_secs(20);
const APPS: [&str; 2] = ["one", "two"];

/// From when on calls are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// Since its first start.
    Start,
    /// Since the apps run.
    Work,
    /// Since its return to apps that run.
    Return,
}

impl Moment {
    pub(super) const ALL: [Self; 3] = [Self::Start, Self::Work, Self::Return];
}

/// What happens in it.
pub(super) struct Round {
    pub(super) moment: Moment,
    pub(super) plan: Option<Plan>,
}

/// What came of it.
pub(super) struct Played {
    pub(super) counts: Vec<u64>,
    pub(super) failed: u64,
}

/// Plays it, and checks what has to hold.
pub(super) fn play(round: &Round) -> Played {
    let place = Place::new();
    place.write("plain.sh", PLAIN);
    let app = |name| {
        serde_json::json!({"name": name, "script": "plain.sh", "max_restarts": 1000, "kill_timeout": 500, "min_uptime": 50,
            "max_size": 200, "retain": "all", "compress": false})
    };
    let daemon = Daemon::at_rest(place, &serde_json::json!({ "apps": APPS.map(app) }).to_string());
    let told = match &round.plan {
        Some(plan) => format!("{}, calls {} to {} since {:?}", plan.fault.name, plan.first, plan.last, round.moment),
        None => "no fault".into(),
    };
    let all = || FAULTS.iter().flat_map(|fault| fault.calls).copied().collect();
    let calls = round.plan.as_ref().map_or_else(all, |plan| plan.fault.calls.to_vec());
    Play { daemon, calls, history: vec![told] }.play(round)
}

struct Play {
    daemon: Daemon,
    /// What is asked about: each question takes time.
    calls: Vec<libc::c_long>,
    history: Vec<String>,
}

/// The process of an app that is online; 0 if it is not.
fn process(list: &[Value], name: &str) -> u32 {
    let one = list.iter().find(|one| one["name"] == name && one["pm2_env"]["status"] == "online");
    one.and_then(|one| u32::try_from(one["pid"].as_u64()?).ok()).unwrap_or(0)
}

impl Play {
    fn play(mut self, round: &Round) -> Played {
        let plan = || round.plan.clone();
        let listener = if round.moment == Moment::Return {
            self.daemon.come_back();
            self.daemon.until_online(APPS.len());
            self.daemon.kill();
            self.begin(plan())
        } else {
            let listener = self.begin(plan().filter(|_| round.moment == Moment::Start));
            self.until("both run", |list| APPS.iter().all(|name| process(list, name) > 0));
            if round.moment == Moment::Work {
                listener.arm(plan());
            }
            listener
        };
        self.live();
        let played = Played { counts: listener.counts(), failed: listener.failed() };
        // It is over: from here on all has to be right, and to stay so.
        listener.arm(None);
        self.check();
        self.until_written();
        // What is on disk has to tell the same.
        self.daemon.kill();
        self.daemon.come_back();
        self.history.push("kill qd".into());
        self.check();
        let ended = Ended::of(self.daemon.place.command(qd(), ["kill"]));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        played
    }

    /// Starts it with the filter. If the fault keeps it from coming up, it says why, and the next start is as any other.
    fn begin(&mut self, plan: Option<Plan>) -> Listener {
        let is_planned = plan.is_some();
        let calls = self.calls.clone();
        let home = self.daemon.place.home();
        let mut listener = None;
        let begun = self.daemon.try_begin(|command| {
            let socket = filter::ask_about(command, &calls).unwrap();
            listener = Some(Listener::start(socket, Path::new(qd()), &home, plan));
        });
        if let Err(said) = begun {
            let last = said.lines().next_back().unwrap_or_default();
            let is_sentence = last.len() > 30 && last.contains(": ") && !said.contains("panicked");
            assert!(is_planned && is_sentence, "it ended with {said:?} after {:#?}", self.history);
            self.history.push(format!("it did not start: {last}"));
            self.daemon.come_back();
        }
        listener.unwrap()
    }

    fn live(&mut self) {
        self.ask("stop two");
        self.ask("start two");
        self.crash("one");
        self.ask("stop two");
        // Another look at the memory of the trees, and a place in the history.
        self.ask("restart one");
    }

    /// Asks until it is done: a fault may keep it from that, and then it says so.
    fn ask(&mut self, words: &str) {
        let limit = Instant::now() + PATIENCE;
        loop {
            assert!(self.daemon.lives(), "qd is gone: {:#?} {}", self.history, self.said());
            let ended = self.daemon.place.qd(words);
            self.history.push(format!("{words}: {:?} {}", ended.code, ended.err.trim()));
            if ended.code == Some(0) {
                return;
            }
            assert!(!ended.err.trim().is_empty(), "{ended:?} after {:#?}", self.history);
            assert!(Instant::now() < limit, "it is never done: {:#?} {}", self.history, self.said());
        }
    }

    fn crash(&mut self, name: &str) {
        let mut old = 0;
        self.until("it runs", |list| {
            old = process(list, name);
            old > 0
        });
        kill(old);
        self.history.push(format!("kill {name}"));
        self.until("it runs again", |list| ![0, old].contains(&process(list, name)));
        assert!(!runs(old));
    }

    /// Asks how things stand until it is so. A fault may keep it from answering at times.
    fn until(&self, what: &str, mut is_so: impl FnMut(&[Value]) -> bool) {
        self.wait(what, || {
            let ended = self.daemon.place.qd("jlist");
            ended.code == Some(0) && is_so(&serde_json::from_str::<Vec<Value>>(&ended.out).unwrap())
        });
    }

    fn check(&mut self) {
        assert!(self.daemon.lives(), "qd is gone: {:#?} {}", self.history, self.said());
        invariants::settle(&self.daemon, &self.history);
        let is_wanted = APPS.map(|name| self.daemon.status(name) == "online");
        assert_eq!(is_wanted, [true, false], "after {:#?} {}", self.history, self.said());
        invariants::await_lines(&self.daemon, &APPS, &self.history);
        invariants::check(&self.daemon, &APPS, &self.history);
        let said = self.said();
        assert!(!said.contains("panicked"), "{said} after {:#?}", self.history);
    }

    /// What could not be written down is, in the end.
    fn until_written(&self) {
        self.wait("it is written down", || {
            let said = self.said();
            said.rfind("could not be written down") <= said.rfind("is written down again")
        });
    }

    /// As [`Daemon::until`]; what failed is in the log of `qd`.
    fn wait(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let limit = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < limit, "still not so: {what} after {:#?}\n{}", self.history, self.said());
            std::thread::yield_now();
        }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.daemon.said()).unwrap_or_default()
    }
}
