//! A real node with real processes, asked over the command line as a person would.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Client, Ended, Place, qd};

const PATIENCE: Duration = Duration::from_secs(60);

/// A node, and its end with the test.
pub(crate) struct Daemon {
    pub(crate) place: Place,
    /// None of one in the background. Its stdout stays open.
    foreground: Option<(Child, BufReader<ChildStdout>)>,
}

impl Daemon {
    /// In the foreground, with these apps, of which so many come online.
    pub(crate) fn serve(stack: &str, online: usize) -> Self {
        Self::serve_in(Place::new(), stack, online)
    }

    pub(crate) fn serve_in(place: Place, stack: &str, online: usize) -> Self {
        let mut daemon = Self::at_rest(place, stack);
        daemon.begin();
        daemon.until_online(online);
        daemon
    }

    /// One that runs in the background already.
    pub(crate) fn of(place: Place) -> Self {
        Self { place, foreground: None }
    }

    /// With these apps, and not started yet.
    pub(crate) fn at_rest(place: Place, stack: &str) -> Self {
        place.write("ecosystem.config.json", stack);
        Self { place, foreground: None }
    }

    fn begin(&mut self) {
        if let Err(said) = self.try_begin(|_| {}) {
            panic!("it does not come up: {said}");
        }
    }

    /// Starts it, with a change to the command. If it does not come up, gives what it said.
    pub(crate) fn try_begin(&mut self, change: impl FnOnce(&mut Command)) -> Result<(), String> {
        let words = ["serve", "ecosystem.config.json", "--listen", "127.0.0.1:0"];
        let mut command = self.place.command(qd(), words);
        let stderr = std::fs::File::options().create(true).append(true).open(self.said()).unwrap();
        let before = stderr.metadata().unwrap().len();
        command.stdout(Stdio::piped()).stderr(stderr);
        change(&mut command);
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        // One that hangs is ended, so that a test fails instead of waiting for ever.
        let (come, comes) = std::sync::mpsc::channel::<()>();
        let pid = child.id();
        let guard = std::thread::spawn(move || {
            if comes.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                kill(pid);
            }
        });
        stdout.read_line(&mut first).unwrap();
        drop(come);
        guard.join().unwrap();
        self.foreground = Some((child, stdout));
        if first.contains("http://127.0.0.1:") {
            return Ok(());
        }
        self.until_ended();
        let said = std::fs::read_to_string(self.said()).unwrap();
        Err(first + &said[usize::try_from(before).unwrap()..])
    }

    /// What it has said to stderr.
    pub(crate) fn said(&self) -> PathBuf {
        self.place.path().join("said")
    }

    /// SIGKILL, which nobody can prepare for. Its apps are left to themselves.
    pub(crate) fn kill(&mut self) {
        let (mut child, _) = self.foreground.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        send(self.foreground_pid(), signal);
    }

    /// Has it not ended?
    pub(crate) fn lives(&mut self) -> bool {
        self.foreground.as_mut().is_some_and(|(child, _)| child.try_wait().unwrap().is_none())
    }

    /// Waits until it has ended by itself.
    pub(crate) fn until_ended(&mut self) {
        let (mut child, _) = self.foreground.take().unwrap();
        child.wait().unwrap();
    }

    pub(crate) fn foreground_pid(&self) -> u32 {
        self.foreground.as_ref().unwrap().0.id()
    }

    /// A new one in the same home, with the same config.
    pub(crate) fn come_back(&mut self) {
        assert!(self.foreground.is_none(), "the old one still runs");
        self.begin();
    }

    /// Asks until so many instances are online.
    pub(crate) fn until_online(&self, count: usize) {
        self.until(&format!("{count} online"), || {
            self.list().iter().filter(|one| one["pm2_env"]["status"] == "online").count() == count
        });
    }

    /// Asks until it is so.
    pub(crate) fn until(&self, what: &str, is_so: impl FnMut() -> bool) {
        wait_until(is_so, || format!("still not so: {what}\n{}", self.all_that_is_known()));
    }

    /// For whoever has to find out why a test failed.
    fn all_that_is_known(&self) -> String {
        let shown = ["ls", "describe all --json"].map(|words| self.place.qd(words).out);
        format!("{}\n{}", shown.join("\n"), std::fs::read_to_string(self.said()).unwrap_or_default())
    }

    /// Runs a command that must be done.
    pub(crate) fn done(&self, words: &str) -> String {
        let ended = self.place.qd(words);
        assert_eq!(ended.code, Some(0), "{words}: {ended:?}");
        ended.out
    }

    pub(crate) fn list(&self) -> Vec<Value> {
        serde_json::from_str(&self.done("jlist")).unwrap()
    }

    pub(crate) fn one(&self, name: &str) -> Value {
        self.list().into_iter().find(|one| one["name"] == name).unwrap()
    }

    pub(crate) fn status(&self, name: &str) -> String {
        self.one(name)["pm2_env"]["status"].as_str().unwrap().to_owned()
    }

    pub(crate) fn pid(&self, name: &str) -> u32 {
        self.one(name)["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).unwrap()
    }

    /// Does it run in another process than this? Both from one answer: between two, it may have ended.
    pub(crate) fn runs_anew(&self, name: &str, old: u32) -> bool {
        let one = self.one(name);
        one["pm2_env"]["status"] == "online" && one["pid"] != old
    }

    pub(crate) fn restarts(&self, name: &str) -> u64 {
        self.one(name)["pm2_env"]["restart_time"].as_u64().unwrap()
    }

    /// Its instances as the API tells of them.
    pub(crate) fn instance(&self, name: &str) -> Value {
        let apps: Value = serde_json::from_str(&self.done(&format!("describe {name} --json"))).unwrap();
        apps[0]["instances"][0].clone()
    }

    /// What the API answers over the socket.
    pub(crate) fn get(&self, target: &str) -> Value {
        let client = Client::over_socket(&self.place.home().join("run/qd.sock"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { client.get(target).await.must(200).json() })
    }

    /// What happened to an app, oldest first.
    pub(crate) fn events(&self, name: &str) -> Vec<Value> {
        let mut events = self.get(&format!("/api/events?app={name}&limit=1000"))["events"].as_array().unwrap().clone();
        events.reverse();
        events
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = Ended::of(self.place.command(qd(), ["kill"]));
        if let Some((child, _)) = &mut self.foreground {
            let _ = child.kill();
            let _ = child.wait();
        }
        // A home that is removed leaves it until the next start of any other.
        let units = std::fs::read_link(self.place.home().join("run/units")).ok();
        if let Some(runtime) = units.as_deref().and_then(std::path::Path::parent) {
            let _ = std::fs::remove_dir_all(runtime);
        }
    }
}

fn wait_until(mut is_so: impl FnMut() -> bool, otherwise: impl Fn() -> String) {
    let limit = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < limit, "{}", otherwise());
    }
}

/// Does this process run?
pub(crate) fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Sends it SIGKILL, and waits for its end: on a busy host others see it alive for a while, and its files open.
pub(crate) fn kill(pid: u32) {
    send(pid, rustix::process::Signal::KILL);
    wait_until(|| !runs(pid), || format!("process {pid} does not end"));
}

/// Stops it by a signal, and waits until none of its threads goes on.
pub(crate) fn freeze(pid: u32) {
    send(pid, rustix::process::Signal::STOP);
    let threads = || std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let stands = |stat: String| stat.contains(") T ");
    wait_until(
        || threads().all(|thread| std::fs::read_to_string(thread.path().join("stat")).is_ok_and(stands)),
        || format!("process {pid} does not stand still"),
    );
}

/// Sends it a signal.
pub(crate) fn send(pid: u32, signal: rustix::process::Signal) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Every process that has this among its words.
pub(crate) fn with_word(word: &str) -> std::collections::BTreeSet<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let line = |pid: &u32| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    all.filter(|pid| line(pid).split(|byte| *byte == 0).any(|one| one == word.as_bytes())).collect()
}
