//! `qd unstartup`: takes the node away from systemd. The apps run on.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use clap::Args;

use super::Failure;
use super::context::Context;
use super::daemon;
use super::failure::warn;
use super::startup::manager;

/// The words of `qd unstartup`.
#[derive(Args, Clone, Debug)]
pub(super) struct Unstartup {
    /// Remove a unit that was not written by `qd startup`
    #[arg(long, short)]
    force: bool,
    /// PM2's words; there is one unit for the host and one for each user
    #[arg(long, short, value_name = "NAME", hide = true)]
    user: Option<String>,
    #[arg(long, value_name = "DIR", hide = true)]
    hp: Option<PathBuf>,
    #[arg(value_name = "PLATFORM", hide = true, value_parser = ["systemd"])]
    platform: Option<String>,
}

impl Unstartup {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let is_root = rustix::process::geteuid().is_root();
        if self.user.is_some() && !is_root {
            return Err(Failure::Usage("only root may remove a unit of the host; run it with sudo, or without --user".into()));
        }
        let systemd = manager(is_root)?;
        systemd.must_run()?;
        let unit = systemd.path();
        if !systemd.may_replace(self.force)? {
            return context.screen.say(&format!("There is no unit {}; nothing was changed.", unit.display()));
        }
        let main = systemd.main_pid()?;
        let is_of_this_home = main.is_some() && context.client.daemon_pid().await.is_ok_and(|pid| pid == main);
        systemd.uninstall(self.force)?;
        context.screen.say(&format!("Removed {}; the apps run on.", unit.display()))?;
        // As root it would take the apps of another user for its own.
        let is_mine = context.home.path().metadata().is_ok_and(|meta| meta.uid() == rustix::process::geteuid().as_raw());
        if is_of_this_home && is_mine {
            return daemon::ensure(context).await;
        }
        if main.is_some() {
            warn(
                "no qd watches the apps any more; `qd resurrect`, run as their user, starts one in the background, which takes them back",
            );
        }
        Ok(())
    }
}
