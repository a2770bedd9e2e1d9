//! Those that are measured, and how each is told what to do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Result;
use rustix::process::Signal;
use serde_json::Value;

use super::running::Running;
use super::scandir::{self, Kind};
use super::sweep::marked;
use super::{config, table};

/// One that is measured.
pub(super) enum Supervisor {
    Quarterdeck { qd: PathBuf },
    Pm2 { module: PathBuf, version: &'static str },
    Supervisord { program: PathBuf, version: &'static str },
    S6 { version: String },
    Runit { version: String },
}

/// Takes a measured value.
pub(super) type Take<'a> = &'a mut dyn FnMut(table::Row, f64);

impl Supervisor {
    /// A word for folders and messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Quarterdeck { .. } => "quarterdeck",
            Self::Pm2 { .. } => "pm2",
            Self::Supervisord { .. } => "supervisord",
            Self::S6 { .. } => "s6",
            Self::Runit { .. } => "runit",
        }
    }

    /// The head of its column.
    pub(super) fn title(&self) -> String {
        match self {
            Self::Quarterdeck { .. } => "Quarterdeck".into(),
            Self::Pm2 { version, .. } => format!("PM2 {version}"),
            Self::Supervisord { version, .. } => format!("supervisord {version}"),
            Self::S6 { version } => format!("s6 {version}"),
            Self::Runit { version } => format!("runit {version}"),
        }
    }

    /// What it consists of beside the process that is started, as the kernel names it.
    pub(super) fn helpers(&self) -> &'static [&'static str] {
        match self {
            Self::S6 { .. } => &["s6-supervise", "s6-log"],
            Self::Runit { .. } => &["runsv", "svlogd"],
            _ => &[],
        }
    }

    /// Whether it puts log files aside by itself. PM2 leaves that to an addition.
    pub(super) fn rotates(&self) -> bool {
        !matches!(self, Self::Pm2 { .. })
    }

    /// Whether programs can ask it for the health of its apps.
    pub(super) fn has_document(&self) -> bool {
        matches!(self, Self::Quarterdeck { .. } | Self::Pm2 { .. })
    }

    /// What ends it with its apps; PM2 has a command for it.
    pub(super) fn end(&self) -> Signal {
        if matches!(self, Self::Runit { .. }) { Signal::HUP } else { Signal::TERM }
    }

    /// Starts it with `home` as its own folder, on `apps` in PM2's words.
    pub(super) fn start(&self, home: &Path, apps: &[Value]) -> Result<Running<'_>> {
        let mut running = self.prepare(home, apps)?;
        running.launch()?;
        Ok(running)
    }

    /// All that goes before the command that starts it.
    pub(super) fn prepare(&self, home: &Path, apps: &[Value]) -> Result<Running<'_>> {
        fs::create_dir_all(home)?;
        match self {
            Self::Quarterdeck { .. } | Self::Pm2 { .. } => drop(config::ecosystem(home, apps)?),
            Self::Supervisord { .. } => drop(config::supervisord(home, apps)?),
            Self::S6 { .. } => scandir::write(Kind::S6, home, apps)?,
            Self::Runit { .. } => scandir::write(Kind::Runit, home, apps)?,
        }
        Ok(Running::new(self, home))
    }

    /// The command that starts it. It is the supervisor itself, except for PM2.
    pub(super) fn command(&self, home: &Path) -> Command {
        match self {
            Self::Quarterdeck { qd } => {
                let mut command = marked(Command::new(qd));
                command.arg("serve").arg(config::ecosystem_file(home)).args(["--listen", "127.0.0.1:0", "--home"]);
                command.arg(home.join("home"));
                command
            }
            Self::Pm2 { .. } => {
                let mut command = self.order(home, &["start"]);
                command.arg(config::ecosystem_file(home));
                command
            }
            Self::Supervisord { program, .. } => {
                let mut command = marked(Command::new(program));
                command.args(["--nodaemon", "--configuration"]).arg(config::supervisord_file(home));
                command
            }
            Self::S6 { .. } => {
                let mut command = marked(Command::new("s6-svscan"));
                command.args(["-c", "2000"]).arg(scandir::folder(home));
                command
            }
            Self::Runit { .. } => {
                let mut command = marked(Command::new("runsvdir"));
                command.arg(scandir::folder(home));
                command
            }
        }
    }

    /// The command that stops an app, and kills it after that time.
    pub(super) fn stop(&self, home: &Path, app: &str, time: Duration) -> Command {
        match self {
            Self::Quarterdeck { .. } | Self::Pm2 { .. } | Self::Supervisord { .. } => self.order(home, &["stop", app]),
            Self::S6 { .. } => {
                let mut command = marked(Command::new("s6-svc"));
                command.args(["-wD", "-d"]).arg(scandir::folder(home).join(app));
                command
            }
            Self::Runit { .. } => {
                let mut command = marked(Command::new("sv"));
                command.args(["-w", &time.as_secs().to_string(), "force-stop"]).arg(scandir::folder(home).join(app));
                command
            }
        }
    }

    /// Its own command line, for those that have one for everything.
    pub(super) fn order(&self, home: &Path, words: &[&str]) -> Command {
        let mut command = match self {
            Self::Pm2 { module, .. } => {
                let mut command = Command::new("node");
                command.arg(module.join("bin/pm2")).arg("--no-color").env("PM2_HOME", home);
                command
            }
            Self::Supervisord { program, .. } => {
                let mut command = Command::new(program.with_file_name("supervisorctl"));
                command.arg("--configuration").arg(config::supervisord_file(home));
                command
            }
            Self::Quarterdeck { qd } => {
                let mut command = Command::new(qd);
                command.arg("--home").arg(home.join("home"));
                command
            }
            // These have a program for each order; nothing asks them for another.
            Self::S6 { .. } | Self::Runit { .. } => Command::new("false"),
        };
        command.args(words).stdin(Stdio::null());
        marked(command)
    }
}
