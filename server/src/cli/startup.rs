//! `qd startup`: has systemd run the node, from the start of the host on.

use std::env;
use std::path::{Path, PathBuf};

use clap::Args;
use tokio::time::{Duration, Instant, sleep};

use super::client::Client;
use super::context::Context;
use super::daemon::End;
use super::failure::warn;
use super::systemd::{Systemd, Unit, lingers};
use super::{Failure, Home};
use crate::process::Identity;

/// How long the node may take until it answers: it has apps to take back.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Between two looks whether it answers.
const LOOK: Duration = Duration::from_millis(100);

/// The words of `qd startup`.
#[derive(Args, Clone, Debug)]
pub(super) struct Startup {
    /// User whose node and apps they are, in a unit of the host; needs root
    #[arg(long, short, value_name = "NAME", value_parser = user_name)]
    user: Option<String>,
    /// Print the unit and change nothing
    #[arg(long)]
    print: bool,
    /// Overwrite a unit that was not written by `qd startup`
    #[arg(long, short)]
    force: bool,
    /// PM2's home folder of the user
    #[arg(long, value_name = "DIR", hide = true)]
    hp: Option<PathBuf>,
    /// PM2's name of the init
    #[arg(value_name = "PLATFORM", hide = true, value_parser = ["systemd"])]
    platform: Option<String>,
}

/// As systemd takes it (systemd.exec(5), "User="), so that a name cannot be another setting.
fn user_name(word: &str) -> Result<String, String> {
    let is_fit = word.chars().all(|character| character.is_alphanumeric() || "_-.@".contains(character));
    let is_fit = is_fit && !word.is_empty() && !word.starts_with('-');
    if is_fit { Ok(word.to_owned()) } else { Err("a user has letters, digits, `_`, `-`, `.` and `@` in its name".into()) }
}

impl Startup {
    pub(super) async fn run(self, told: Option<&Path>, context: &Context) -> Result<(), Failure> {
        let is_root = rustix::process::geteuid().is_root();
        let is_system = is_root || self.user.is_some();
        let home = self.home(told, &context.home)?;
        let text = self.text(&home, is_system)?;
        if self.print {
            return context.screen.print(&text);
        }
        let systemd = manager(is_system)?;
        systemd.must_run()?;
        if is_system && !is_root {
            return Err(Failure::Usage("only root may write a unit of the host; run it with sudo, or without --user".into()));
        }
        systemd.may_replace(self.force)?;
        systemd.install(&text)?;
        let client = Client::new(&home);
        leave(&client, &systemd).await?;
        systemd.restart()?;
        until_live(&client, &systemd).await?;
        let unit = systemd.path();
        context.screen.say(&format!("systemd runs the node of {} with {}", home.path().display(), unit.display()))?;
        self.advise(&systemd, context)
    }

    /// That of the named user, where none was told; `$QD_HOME` is the caller's.
    fn home(&self, told: Option<&Path>, usual: &Home) -> Result<Home, Failure> {
        let folder = match (told, &self.hp, &self.user) {
            (Some(_), ..) | (None, None, None) => return Ok(usual.clone()),
            (None, Some(folder), _) => folder.clone(),
            (None, None, Some(user)) => {
                let found = Identity::find(Some(user), None).ok().flatten().and_then(|user| user.home);
                found.map(PathBuf::from).ok_or_else(|| {
                    Failure::Usage(format!("there is no user {user} with a home folder on this host; name one, or use --home"))
                })?
            }
        };
        Home::find(Some(&folder.join(".quarterdeck")))
    }

    fn text(&self, home: &Home, is_system: bool) -> Result<String, Failure> {
        let program = env::current_exe();
        let program = program
            .map_err(|error| Failure::failed(format!("the path of qd is not known: {error}; is /proc mounted on this host?")))?;
        // Without a user systemd gives no HOME; PATH is where the interpreters of the caller are.
        let names: &[&str] =
            if is_system && self.user.is_none() { &["HOME", "PATH", "QD_LISTEN"] } else { &["PATH", "QD_LISTEN"] };
        let value = |name: &&'static str| Some((*name, env::var(name).ok().filter(|value| !value.is_empty())?));
        let environment: Vec<_> = names.iter().filter_map(value).collect();
        let user = self.user.as_deref();
        Unit { program: &program, home: home.path(), is_system, user, environment: &environment }.text()
    }

    /// What a person may have to do besides.
    fn advise(&self, systemd: &Systemd, context: &Context) -> Result<(), Failure> {
        if !systemd.is_system() {
            let uid = rustix::process::geteuid().as_raw().to_string();
            let name = Identity::find(Some(&uid), None).ok().flatten().and_then(|user| user.name).unwrap_or(uid);
            if !lingers(&name).unwrap_or(false) {
                warn(&format!(
                    "the apps start when {name} logs in and end when {name} logs out; run `sudo loginctl enable-linger {name}` \
                     to have them run from the start of the host on"
                ));
            }
        } else if self.user.is_none()
            && let Ok(user) = env::var("SUDO_USER")
            && user != "root"
        {
            warn(&format!("the apps run as root; for a node of {user} run `sudo qd startup --user {user}`"));
        }
        let systemctl = systemd.command();
        context.screen.say(&format!(
            "`{systemctl} stop quarterdeck` stops the apps, `{systemctl} restart quarterdeck` leaves them running, and so does `qd unstartup`"
        ))
    }
}

/// The manager that is meant.
pub(super) fn manager(is_system: bool) -> Result<Systemd, Failure> {
    if is_system {
        return Ok(Systemd::of_host());
    }
    let home = env::home_dir().filter(|folder| folder.is_absolute());
    let home = home.ok_or_else(|| Failure::Usage("the folder of your units is not known, as $HOME is not set; set it".into()))?;
    Ok(Systemd::of_user(&home))
}

/// Ends a node in the background, which would keep the new one out. Its apps run on, for the new one to take back.
async fn leave(client: &Client, systemd: &Systemd) -> Result<(), Failure> {
    let pid = match client.daemon_pid().await {
        Ok(pid) => pid,
        Err(Failure::NoDaemon(_)) => None,
        Err(other) => return Err(other),
    };
    match pid {
        Some(pid) if systemd.main_pid()? != Some(pid) => {
            let end = End::of(pid);
            end.quit()?;
            end.wait()
        }
        _ => Ok(()),
    }
}

async fn until_live(client: &Client, systemd: &Systemd) -> Result<(), Failure> {
    let until = Instant::now() + START_LIMIT;
    loop {
        // By its process: one that somebody else started would answer as well.
        if let Ok(Some(pid)) = client.daemon_pid().await
            && systemd.main_pid()? == Some(pid)
        {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(Failure::failed(format!(
                "systemd was told to run the node, but it gave no answer within {} s; `{} status quarterdeck` tells why",
                START_LIMIT.as_secs(),
                systemd.command()
            )));
        }
        sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::user_name;

    #[test]
    fn a_user_is_no_setting() {
        for name in ["deploy", "www-data", "ann.smith", "1000", "ann@example.org"] {
            assert!(user_name(name).is_ok(), "{name}");
        }
        for name in ["", "-x", "a b", "a\nExecStart=/bin/sh", "%h", "a;b"] {
            assert!(user_name(name).is_err(), "{name}");
        }
    }
}
