//! The beginning and the end of a process.

use std::sync::Arc;
use std::time::Duration;

use app::model::{AppSpec, ExecMode, Health, LogFile, Probe, State, WaitReady};
use tokio::time::{Instant, timeout};

use super::{Actor, Birth, Running, inherit};
use crate::config::interpreter;
use crate::engine::heartbeat;
use crate::engine::terms::{Effect, Ended, Input};
use crate::inside::Exception;
use crate::process::{self, Child, Conditions, Launch, RawExit, SpawnError};

/// How long the last lines of an ended process may hold up its restart.
const LAST_LINES_PATIENCE: Duration = Duration::from_millis(50);
const LAST_LINES: usize = 20;

impl Actor {
    /// Has a process made.
    ///
    /// # Errors
    /// It cannot be; nothing of it is left.
    pub(super) fn spawn(&mut self) -> Result<Birth, SpawnError> {
        // A definition that is only tried may still be given up.
        let spec = if self.serves() { self.cell.take_for_start() } else { self.cell.latest() };
        let started_at = process::wall_clock();
        self.marker = self.shared.marker(self.pm_id, started_at.ms());
        (self.leader, self.killing, self.channel) = (None, false, None);
        let mut program = process::program(&spec)?;
        if let Some(worker) = self.shared.worker.to_str().filter(|_| is_worker(&spec) && self.shared.worker.is_file()) {
            program.args.splice(0..0, ["--require".to_owned(), worker.to_owned()]);
        }
        let conditions = Conditions::of(&spec)?;
        let outputs = self.shared.logs.attach(&spec, self.index).map_err(|error| SpawnError::Logs(error.to_string()))?;
        let mut env = process::environment(&spec, self.pm_id, self.index, &self.marker);
        if let Some(inside) = &self.shared.inside {
            inside.enter(&spec, &mut env);
        }
        conditions.enter(&mut env);
        let mut more = self.listen(&spec)?;
        let listens = !more.is_empty();
        if listens {
            env.insert("LISTEN_FDS".into(), more.len().to_string().into());
        }
        if has_channel(&spec)
            && let Ok((ours, theirs)) = process::channel()
        {
            env.insert("NODE_CHANNEL_FD".into(), inherit::channel_number(&spec).to_string().into());
            env.insert("NODE_CHANNEL_SERIALIZATION_MODE".into(), "json".into());
            if is_worker(&spec) {
                // Makes it a worker. Node counts them from 1.
                env.insert("NODE_UNIQUE_ID".into(), (self.index + 1).to_string().into());
            }
            self.channel = Some(ours);
            more.extend(theirs);
        }
        if let Some(address) = self.shared.notify_address.as_ref().filter(|_| spec.wait_ready == WaitReady::Told) {
            env.insert("NOTIFY_SOCKET".into(), address.into());
        }
        if matches!(&spec.health, Health::Probed(policy) if matches!(&policy.probe, Probe::Heartbeat(beat) if beat.file.is_none()))
            && let Some(url) = self.shared.heartbeat_url(&spec.name)
        {
            env.insert(heartbeat::VARIABLE.into(), url.into());
        }
        let env = Launch::env(&env)?;
        more.extend(self.lock_run(&spec)?);
        let cwd = spec.cwd.clone().into();
        let cgroup = self.enter_new_cgroup(&spec);
        let launch =
            Launch { program, cwd, env, stdout: outputs.stdout, stderr: outputs.stderr, more, listens, conditions, cgroup };
        let (written, shared) = (self.cell.written.clone(), self.shared.clone());
        let child = Box::pin(async move {
            written.done().await;
            let gone = |_| Err(SpawnError::Other("the thread that starts processes has ended; restart qd".into()));
            shared.starter.start(launch).await.unwrap_or_else(gone)
        });
        Ok(Birth { child, started_at, spec })
    }

    /// It was made, or not.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn born(&mut self, birth: Birth, child: Result<Child, SpawnError>) -> Result<(), SpawnError> {
        let Birth { started_at, spec, .. } = birth;
        let child = child.inspect_err(|_| self.leave_cgroup())?;
        if let Some(error) = &child.outside {
            self.has_no_cgroup(&spec, error);
        }
        let (pid, start_ticks) = (child.pidfd.pid(), child.start_ticks);
        self.leader = Some((pid, start_ticks));
        match child.pidfd.watched() {
            Ok(pidfd) => self.running = Some(Running { pidfd, start_ticks, started_at, spec: spec.clone() }),
            Err(error) => {
                // Nobody could notice its end: it must not run.
                self.kill();
                self.shared.reaper.abandon(pid);
                return Err(SpawnError::Other(format!("the new process cannot be watched: {error}")));
            }
        }
        // Nobody checks one on trial, which nobody sees; that it listens has to do.
        let looks = match spec.wait_ready {
            WaitReady::Port => true,
            WaitReady::Health => !self.serves(),
            WaitReady::No | WaitReady::Told => false,
        };
        self.port_look = looks.then(Instant::now);
        self.write_identity();
        self.write_pid_file();
        Ok(())
    }

    pub(super) fn write_pid_file(&self) {
        if let Some(running) = self.running.as_ref().filter(|_| self.serves())
            && let Some(path) = &running.spec.pid_file
            && let Err(error) = std::fs::write(path, running.pidfd.get_ref().pid().to_string())
        {
            tracing::warn!(app = %running.spec.name, path, %error, "failed to write the pid file");
        }
    }

    /// The main process has ended: takes its exit, its last lines, and looks for what it left behind.
    pub(super) async fn reap(&mut self) {
        let Some(running) = &self.running else { return };
        let pid = running.pidfd.get_ref().pid();
        let exit = match running.pidfd.get_ref().reap() {
            Ok(Some(exit)) => exit,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(pid, %error, "failed to take the exit of a process");
                RawExit::Unknown
            }
        };
        let ended = match exit {
            RawExit::Signal(libc::SIGKILL) if self.ran_out_of_memory() => Ended::OutOfMemory(None),
            // A shell tells so of what it ran (sh(1), "Exit status").
            RawExit::Code(code) if code == 128 + libc::SIGKILL && self.ran_out_of_memory() => Ended::OutOfMemory(Some(code)),
            RawExit::Code(code) => Ended::Code(code),
            RawExit::Signal(number) => Ended::Signal(number),
            RawExit::Unknown => Ended::Unknown,
        };
        let (mut lines, exception) = if matches!(self.machine.state(), State::Online | State::Starting) {
            (self.last_lines(&running.spec.clone()).await, self.last_word(pid, &ended).await)
        } else {
            (Vec::new(), None)
        };
        (self.running, self.channel) = (None, None);
        if let Some(inside) = &self.shared.inside {
            inside.forget(pid);
        }
        self.cell.primary.forget(&self.marker);
        self.shared.reaper.forget(pid);
        // The one signal for its end and those of its orphans may have been heard while this process was still in the way.
        self.shared.reaper.reap_orphans();
        let may_be_left = !process::group_is_empty(pid) || process::orphans_present() || self.has_others_in_cgroup();
        let is_empty = |members: std::io::Result<Vec<u32>>| members.is_ok_and(|members| members.is_empty());
        let leftovers = (may_be_left && !is_empty(self.members())) || !self.lock_holders().is_empty();
        if !leftovers {
            self.leave_cgroup();
        }
        let now = process::monotonic_ms();
        let mut effects = self.machine.apply(Input::Exited { ended, leftovers }, now);
        // The exit comes first, and carries the lines.
        if let Some(at) = effects.iter().position(|effect| matches!(effect, Effect::Tell(tale) if tale.ended.is_some()))
            && let Effect::Tell(mut tale) = effects.remove(at)
        {
            if let Some(exception) = exception {
                exception.explain(&mut tale.message, &mut lines);
            }
            self.tell(tale, lines);
        }
        self.carry_out(effects);
    }

    /// What it died of, where it could still say so.
    async fn last_word(&self, pid: u32, ended: &Ended) -> Option<Exception> {
        let inside = self.shared.inside.as_ref().filter(|_| matches!(ended, Ended::Code(code) if *code != 0))?;
        inside.last_word(pid).await
    }

    pub(super) async fn last_lines(&self, spec: &Arc<AppSpec>) -> Vec<String> {
        if spec.out_file == LogFile::Discard && spec.error_file == LogFile::Discard {
            return Vec::new();
        }
        let (logs, spec, index) = (self.shared.logs.clone(), spec.clone(), self.index);
        // Each thread that has to be asked keeps the next process waiting.
        let is_drained = logs.is_drained(&spec, index);
        if is_drained && logs.is_silent(&spec, index) {
            return Vec::new();
        }
        let read = async move {
            if !is_drained {
                logs.drained(&spec.name, index).await;
            }
            tokio::task::spawn_blocking(move || logs.last_lines(&spec, index, LAST_LINES)).await
        };
        timeout(LAST_LINES_PATIENCE, read).await.ok().and_then(Result::ok).unwrap_or_default()
    }
}

/// Is it a worker of a cluster, which Node alone knows?
fn is_worker(spec: &AppSpec) -> bool {
    spec.exec_mode == ExecMode::Cluster && has_channel(spec) && !interpreter::is_bun(&spec.interpreter, &spec.script)
}

/// Is it run by Node, which then has a channel to us as it has to PM2?
pub(super) fn has_channel(spec: &AppSpec) -> bool {
    !spec.shell && interpreter::is_node(&spec.interpreter, &spec.script)
}
