//! A supervisor that runs; it ends with its apps when this is dropped.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use super::config;
use super::supervisor::Supervisor;
use super::sweep::{own, sweep};
use crate::tools::run;

/// One that has not ended by then is killed.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Running<'a> {
    supervisor: &'a Supervisor,
    home: PathBuf,
    /// None of PM2, which leaves us for the background.
    child: Option<Child>,
    pid: i32,
    /// Where Quarterdeck answers.
    url: Option<String>,
}

impl<'a> Running<'a> {
    pub(super) fn new(supervisor: &'a Supervisor, home: &Path) -> Self {
        Self { supervisor, home: home.to_owned(), child: None, pid: 0, url: None }
    }

    /// Starts it on what was prepared, for the first time or again.
    pub(super) fn launch(&mut self) -> Result<()> {
        let mut command = self.supervisor.command(&self.home);
        let log = fs::OpenOptions::new().create(true).append(true).open(self.home.join("supervisor.log"))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        if matches!(self.supervisor, Supervisor::Pm2 { .. }) {
            run(&mut command)?;
            self.pid = fs::read_to_string(self.home.join("pm2.pid")).context("PM2 left no pid")?.trim().parse()?;
            return Ok(());
        }
        let is_ours = matches!(self.supervisor, Supervisor::Quarterdeck { .. });
        if is_ours {
            command.stdout(Stdio::piped());
        }
        let child = command.spawn().with_context(|| format!("failed to start {}", self.supervisor.name()))?;
        self.pid = child.id().try_into()?;
        let child = self.child.insert(child);
        if is_ours {
            let mut line = String::new();
            BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
            let url = line.trim().rsplit_once(' ');
            self.url = Some(url.with_context(|| format!("qd did not start; see {}", self.home.display()))?.1.to_owned());
        }
        Ok(())
    }

    /// All processes of the supervisor, without its apps.
    pub(super) fn processes(&self) -> Vec<i32> {
        let helpers = self.supervisor.helpers();
        let mut pids = vec![self.pid];
        if !helpers.is_empty() {
            let name = |pid: i32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            pids.extend(own().filter(|pid| *pid != self.pid && helpers.contains(&name(*pid).trim_end())));
        }
        pids
    }

    /// SIGKILL for the process that was started, or for all that it consists of.
    pub(super) fn kill(&mut self, all: bool) {
        let pids = if all { self.processes() } else { vec![self.pid] };
        for pid in pids.into_iter().filter_map(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
        }
        if let Some(mut child) = self.child.take() {
            let _ = child.wait();
        }
    }

    /// Has it stop an app, and kill it after that time; gives the time until its command said that this is done.
    pub(super) fn stop(&self, app: &str, time: Duration) -> Result<Duration> {
        let begun = Instant::now();
        let mut command = self.supervisor.stop(&self.home, app, time);
        // What it says is no failure of ours: some end with an error when they had to kill.
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().with_context(|| format!("failed to stop {app}"))?;
        Ok(begun.elapsed())
    }

    /// Where Quarterdeck answers, and a token for it.
    pub(super) fn quarterdeck(&self) -> Result<Option<(String, String)>> {
        let Some(url) = &self.url else { return Ok(None) };
        let mut command = self.supervisor.order(&self.home, &["token", "create", "--role", "viewer", "--name", "bench"]);
        let done = command.stderr(Stdio::inherit()).output()?;
        let text = String::from_utf8(done.stdout)?;
        let token = text.split_whitespace().last().context("qd made no token")?;
        Ok(Some((url.trim_start_matches("http://").to_owned(), token.to_owned())))
    }

    /// PM2 as a module of Node, and its home.
    pub(super) fn pm2(&self) -> Option<(&Path, &Path)> {
        match self.supervisor {
            Supervisor::Pm2 { module, .. } => Some((module, &self.home)),
            _ => None,
        }
    }

    fn end(&mut self) {
        if matches!(self.supervisor, Supervisor::Pm2 { .. }) {
            let _ = self.supervisor.order(&self.home, &["kill"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        }
        let Some(mut child) = self.child.take() else { return };
        if let Some(pid) = Pid::from_raw(self.pid) {
            let _ = kill_process(pid, self.supervisor.end());
        }
        let begun = Instant::now();
        while matches!(child.try_wait(), Ok(None)) {
            if begun.elapsed() > PATIENCE {
                let _ = child.kill();
            }
            sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.end();
        sweep();
        let _ = fs::remove_file(config::socket(&self.home));
    }
}
