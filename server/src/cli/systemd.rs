//! systemd, as `qd startup` and `qd unstartup` need it.

mod file;
mod quote;
#[cfg(test)]
mod tests;
mod unit;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub(super) use unit::Unit;

use super::Failure;

/// The name of the unit.
pub(super) const NAME: &str = "quarterdeck.service";

/// Makes a stop of any unit leave the apps running. Later settings of a unit win.
const LEAVE: &str = "\n[Service]\nKillMode=process\nKillSignal=SIGQUIT\n";

/// One service manager: that of the host, or that of a user.
#[derive(Clone, Debug)]
pub(super) struct Systemd {
    /// Where its administrator puts units.
    folder: PathBuf,
    is_system: bool,
    /// It is there while systemd is what runs this host (sd_booted(3)).
    booted: PathBuf,
    systemctl: PathBuf,
}

impl Systemd {
    /// The manager of the host.
    pub(super) fn of_host() -> Self {
        Self::at("/etc/systemd/system".into(), true)
    }

    /// The manager of the user with this home folder.
    pub(super) fn of_user(home: &Path) -> Self {
        Self::at(home.join(".config/systemd/user"), false)
    }

    fn at(folder: PathBuf, is_system: bool) -> Self {
        Self { folder, is_system, booted: "/run/systemd/system".into(), systemctl: "systemctl".into() }
    }

    pub(super) fn is_system(&self) -> bool {
        self.is_system
    }

    /// The file of the unit.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    /// How a person calls it.
    pub(super) fn command(&self) -> &'static str {
        if self.is_system { "systemctl" } else { "systemctl --user" }
    }

    /// Fails where another init runs the host.
    pub(super) fn must_run(&self) -> Result<(), Failure> {
        if self.booted.is_dir() {
            return Ok(());
        }
        Err(Failure::failed(
            "systemd does not run this host, so there is no unit to write or remove; `qd startup --print` shows one for another \
             host, and here the init in use should run `qd serve` in the foreground, and start it again when it ends",
        ))
    }

    /// Is there a unit that may be overwritten or removed?
    pub(super) fn may_replace(&self, force: bool) -> Result<bool, Failure> {
        file::present(&self.path(), force).map(|unit| unit.is_some())
    }

    /// Writes the unit and has it started with the host.
    pub(super) fn install(&self, unit: &str) -> Result<(), Failure> {
        file::write(&self.path(), unit)?;
        self.call(&["daemon-reload"])?;
        self.call(&["enable", NAME]).map(drop)
    }

    /// Starts `qd`, or replaces the one that runs: the unit has it leave the apps running.
    pub(super) fn restart(&self) -> Result<(), Failure> {
        self.call(&["restart", NAME]).map(drop)
    }

    /// Ends `qd` without its apps, and removes the unit.
    pub(super) fn uninstall(&self, force: bool) -> Result<(), Failure> {
        let path = self.path();
        let Some(text) = file::present(&path, force)? else { return Ok(()) };
        self.call(&["disable", NAME])?;
        // A stop would stop the apps, and after a kill it would be started again: so a stop is made to mean something else.
        file::write(&path, &(text + LEAVE))?;
        self.call(&["daemon-reload"])?;
        self.call(&["stop", NAME])?;
        file::remove(&path)?;
        self.call(&["daemon-reload"]).map(drop)
    }

    /// Is it to run the node of this home, from the start of the host on?
    pub(super) fn keeps(&self, home: &Path) -> bool {
        let home = quote::utf8(home).map(|home| format!(" serve --home {}\n", quote::argument(home)));
        let is_of_home = |text: String| home.is_ok_and(|home| text.contains(&home));
        self.booted.is_dir()
            && std::fs::read_to_string(self.path()).is_ok_and(is_of_home)
            && self.call(&["is-enabled", NAME]).is_ok()
    }

    /// The process that systemd takes for the node, if it runs one.
    pub(super) fn main_pid(&self) -> Result<Option<i32>, Failure> {
        let told = self.call(&["show", "--property=MainPID", "--value", NAME])?;
        Ok(told.trim().parse().ok().filter(|pid| *pid > 0))
    }

    fn call(&self, words: &[&str]) -> Result<String, Failure> {
        let mut command = Command::new(&self.systemctl);
        if !self.is_system {
            command.arg("--user");
        }
        // Nobody is asked for a password: who may not do this is told so.
        let output = command.arg("--no-ask-password").arg("--quiet").args(words).stdin(Stdio::null()).output();
        output.map_err(|error| self.refused(words, &error.to_string())).and_then(|output| self.accept(words, &output))
    }

    fn accept(&self, words: &[&str], output: &Output) -> Result<String, Failure> {
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let told = String::from_utf8_lossy(&output.stderr);
        let told = told.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" | ");
        Err(self.refused(words, if told.is_empty() { "it did not say why" } else { &told }))
    }

    fn refused(&self, words: &[&str], why: &str) -> Failure {
        let help = if self.is_system {
            "`journalctl -u quarterdeck` may tell more"
        } else {
            // sudo and su give no session, and without one there is no manager to speak with.
            "`journalctl --user -u quarterdeck` may tell more; without a login session of this user run \
             `sudo qd startup --user NAME` instead"
        };
        Failure::failed(format!("`{} {}` failed: {}; {help}", self.command(), words.join(" "), super::format::plain(why)))
    }
}

/// Does systemd keep the manager of this user while nobody is logged in (loginctl(1))?
pub(super) fn lingers(user: &str) -> io::Result<bool> {
    Path::new("/var/lib/systemd/linger").join(user).try_exists()
}
