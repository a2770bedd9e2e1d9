//! How apps say that they live, and the words in which they are handed to the supervisors.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::sweep::MARK;
use crate::tools::{cargo, run, target};

/// Longer than any supervisor that still works needs.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// The program of the apps.
fn program() -> PathBuf {
    target().join("release/bench-app")
}

/// Builds it, without shared libraries where the host has the C library for that: to load them is work of the app, and no supervisor can
/// do anything about it.
pub(super) fn build() -> Result<()> {
    let built = |more: &[&str]| run(cargo().args(["rustc", "--quiet", "--release", "--package", "bench-app", "--"]).args(more));
    built(&["-C", "target-feature=+crt-static"]).or_else(|_| built(&[]))
}

/// Where apps say that they live.
pub(super) struct Hellos {
    socket: UdpSocket,
    port: u16,
}

impl Hellos {
    pub(super) fn open() -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let port = socket.local_addr()?.port();
        Ok(Self { socket, port })
    }

    /// An app that is `bench-app`; each supervisor runs it as it does by itself.
    pub(super) fn app(&self, name: &str, words: &[&str], place: &Path) -> Result<Value> {
        let [mode, rest @ ..] = words else { bail!("an app needs something to do") };
        let port = self.port.to_string();
        let args: Vec<&str> = [*mode, name, &port].into_iter().chain(rest.iter().copied()).collect();
        Ok(json!({
            "name": name, "script": program(), "args": args, "interpreter": "none", "cwd": place,
            "env": { MARK: std::process::id().to_string() },
        }))
    }

    /// The next app that says so: the number at the end of its name, and its process.
    pub(super) fn next(&self) -> Result<(usize, i32)> {
        self.within(PATIENCE)?.with_context(|| format!("no app was started within {PATIENCE:?}"))
    }

    /// The same; none if no app says so in that time.
    pub(super) fn within(&self, time: Duration) -> Result<Option<(usize, i32)>> {
        // The kernel takes a limit of nothing for none.
        self.socket.set_read_timeout(Some(time.max(Duration::from_millis(1))))?;
        let mut buffer = [0; 256];
        let Ok(length) = self.socket.recv(&mut buffer) else { return Ok(None) };
        let text = std::str::from_utf8(&buffer[..length])?;
        let (name, pid) = text.rsplit_once(' ').context("a datagram that is not ours")?;
        let number = name.rsplit_once('-').context("a datagram that is not ours")?.1;
        Ok(Some((number.parse()?, pid.parse()?)))
    }

    /// The processes of all of `count` apps, and when the last one said so.
    pub(super) fn all(&self, count: usize) -> Result<(Vec<i32>, Instant)> {
        let mut pids = vec![0; count];
        while pids.contains(&0) {
            let (number, pid) = self.next()?;
            *pids.get_mut(number).context("an app that was not asked for")? = pid;
        }
        Ok((pids, Instant::now()))
    }
}

/// So that the next start follows at once, and is the only thing that is measured.
pub(super) fn restarted_at_once(app: Value) -> Value {
    with(app, json!({ "max_restarts": 1_000_000, "restart_delay": 0 }))
}

/// So that its output goes to `folder`, in files put aside at ten megabytes if it `rotates`.
pub(super) fn logged(app: Value, folder: &Path, rotates: bool) -> Value {
    let file = |word: &str| folder.join(format!("{}-{word}.log", app["name"].as_str().unwrap_or_default()));
    let files = json!({
        "out_file": file("out"), "error_file": file("error"), "merge_logs": true, "max_size": if rotates { "10M" } else { "10G" },
        "retain": 20, "compress": false,
    });
    with(app, files)
}

/// The app with more said about it.
pub(super) fn with(mut app: Value, more: Value) -> Value {
    if let (Some(app), Value::Object(more)) = (app.as_object_mut(), more) {
        app.extend(more);
    }
    app
}
