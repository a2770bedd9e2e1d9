//! Commands that run beside an app: as its user, in its folder and with its environment, but not as a part of it.

use std::io;
use std::time::Duration;

use app::model::AppSpec;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

use super::manager::Engine;
use super::words::duration;
use crate::process::{self, Child, Conditions, Launch, Program, RawExit};

/// How long it may take to end those that run. A program that is loaded from a file system that hangs cannot be waited for.
const ENDING: Duration = Duration::from_secs(1);
/// What is kept of its output.
const MOST_OF_OUTPUT: usize = 4 << 10;

impl Engine {
    /// Runs a line for a shell, and waits for its end. Whatever it started is ended when the time is over, when nobody waits
    /// any more, and before this process ends or becomes another; then it gives no answer.
    ///
    /// # Errors
    /// Why it failed: it did not end with 0 in time, or could not be run. With the last line that it wrote.
    pub async fn run_beside(&self, spec: &AppSpec, line: &str, limit: Duration) -> Result<(), String> {
        let end = Instant::now() + limit;
        let refused = |error: &dyn std::fmt::Display| format!("it cannot be run: {error}");
        let (reader, writer) = std::io::pipe().map_err(|error| refused(&error))?;
        let output = pipe::Receiver::from_owned_fd(reader.into()).map_err(|error| refused(&error))?;
        let errors = writer.try_clone().map_err(|error| refused(&error))?;
        let conditions = Conditions::of(spec).map_err(|error| refused(&error))?;
        let mut env = process::environment(spec, 0, 0, "beside");
        conditions.enter(&mut env);
        let launch = Launch {
            program: Program { path: "/bin/sh".into(), args: vec!["-c".into(), line.into()] },
            cwd: spec.cwd.clone().into(),
            env: Launch::env(&env).map_err(|error| refused(&error))?,
            stdout: writer.into(),
            stderr: errors.into(),
            more: Vec::new(),
            listens: false,
            conditions,
            cgroup: None,
        };
        let mut leaving = self.0.shared.leaving.subscribe();
        if *leaving.borrow() {
            drop(leaving);
            return std::future::pending().await;
        }
        let coming = self.0.shared.starter.start(launch);
        let reaper = self.0.shared.reaper.clone();
        let (mut tell, told) = oneshot::channel();
        // Of its own, so that it is waited for even if nobody asks any more.
        tokio::spawn(async move {
            let started = coming.await.map_err(|error| refused(&error));
            let finished = match started.and_then(|started| started.map_err(|error| refused(&error))) {
                Ok(child) => {
                    let pid = child.pidfd.pid();
                    let unwanted = async {
                        tokio::select! {
                            () = tell.closed() => {}
                            _ = leaving.wait_for(|leaving| *leaving) => {}
                        }
                    };
                    let finished = finish(child, output, end, unwanted).await;
                    match &finished {
                        Ok(_) => reaper.forget(pid),
                        Err(_) => {
                            process::kill_group(pid);
                            reaper.abandon(pid);
                        }
                    }
                    finished.map_err(|error| refused(&error))
                }
                Err(refusal) => Err(refusal),
            };
            if !*leaving.borrow() {
                let _ = tell.send(finished);
            }
        });
        let finished = match told.await {
            Err(_) if *self.0.shared.leaving.borrow() => return std::future::pending().await,
            told => told.map_err(|_| "it was given up by a fault in qd".to_owned())?,
        };
        let (exit, text) = finished?;
        let how = match exit {
            None => format!("did not end within {}", duration(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX))),
            Some(RawExit::Code(0)) => return Ok(()),
            Some(RawExit::Code(code)) => format!("ended with exit code {code}"),
            Some(RawExit::Signal(number)) => format!("was ended by {}", process::signal_name(number)),
            Some(RawExit::Unknown) => "ended, nobody knows how".to_owned(),
        };
        let text = String::from_utf8_lossy(&text);
        let last = text.lines().rev().map(str::trim).find(|line| !line.is_empty());
        let said = last.map(|line| format!(": {}", line.chars().take(200).filter(|one| !one.is_control()).collect::<String>()));
        Err(how + &said.unwrap_or_default())
    }

    /// Ends all that runs beside apps. Nothing is told of it: that says nothing about an app.
    pub async fn end_beside_apps(&self) {
        let leaving = &self.0.shared.leaving;
        leaving.send_replace(true);
        if timeout(ENDING, leaving.closed()).await.is_err() {
            tracing::warn!("a command that checks an app could not be ended before the end of qd");
        }
    }
}

/// Waits for its end, and ends what is left of it. Gives its exit, none if its time was over, and the last that it wrote.
async fn finish(
    child: Child,
    mut output: pipe::Receiver,
    end: Instant,
    unwanted: impl Future<Output = ()>,
) -> io::Result<(Option<RawExit>, Vec<u8>)> {
    let pid = child.pidfd.pid();
    let watched = child.pidfd.watched()?;
    let mut text = Vec::new();
    let reads = async {
        let mut buffer = [0; 1024];
        while let Ok(count @ 1..) = output.read(&mut buffer).await {
            text.extend(&buffer[..count]);
            let excess = text.len().saturating_sub(MOST_OF_OUTPUT);
            text.drain(..excess);
        }
        // What it leaves behind may keep the output open, and it may close it: only its end counts.
        std::future::pending::<()>().await;
    };
    let in_time = tokio::select! {
        biased;
        seen = watched.readable() => seen.map(|_| true)?,
        () = reads => false,
        () = sleep_until(end) => false,
        () = unwanted => false,
    };
    // It leads a session and so a group. As long as it is not waited for, the number is its own.
    process::kill_group(pid);
    let exit = loop {
        let mut seen = watched.readable().await?;
        match watched.get_ref().reap()? {
            Some(exit) => break exit,
            None => seen.clear_ready(),
        }
    };
    // What came just before the end.
    let mut rest = [0; MOST_OF_OUTPUT];
    if let Ok(count) = output.try_read(&mut rest) {
        text.extend(&rest[..count]);
    }
    Ok((in_time.then_some(exit), text))
}
