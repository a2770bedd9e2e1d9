//! The home folder of a node, and the places in it that the command line shares with the daemon.

use std::env;
use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::Failure;

/// What a daemon leaves in the folder `run` when it is stopped on purpose, and removes when it is started: empty after a request, else with the id of
/// the boot.
pub(crate) const STOPPED: &str = "stopped";

/// Where a node keeps its things: `--home`, else `$QD_HOME`, else `~/.quarterdeck`. An absolute path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home(PathBuf);

impl Home {
    /// The folder that was told, or the usual one.
    ///
    /// # Errors
    /// No folder was told and the user has no home.
    pub fn find(told: Option<&Path>) -> Result<Self, Failure> {
        Self::choose(told, env::var_os("QD_HOME"), env::home_dir())
    }

    fn choose(told: Option<&Path>, variable: Option<OsString>, user: Option<PathBuf>) -> Result<Self, Failure> {
        let variable = variable.filter(|value| !value.is_empty()).map(PathBuf::from);
        let user = user.filter(|folder| !folder.as_os_str().is_empty()).map(|folder| folder.join(".quarterdeck"));
        let folder = told.map(Path::to_owned).or(variable).or(user);
        let folder =
            folder.ok_or_else(|| Failure::Usage("there is no home folder, as $HOME is not set; name one with --home".into()))?;
        let absolute = std::path::absolute(&folder);
        absolute.map(Self).map_err(|error| Failure::Usage(format!("the home {} cannot be found: {error}", folder.display())))
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes the folder, for its owner alone, if it is not there.
    pub(super) fn create(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)
    }

    /// What belongs to the daemon that runs, or ran last.
    pub(super) fn run(&self) -> PathBuf {
        self.0.join("run")
    }

    /// Was the daemon stopped on purpose? By a request until somebody starts it; by a signal until the host is started anew,
    /// which tells it to everybody.
    pub(super) fn rests(&self) -> bool {
        let told = std::fs::read_to_string(self.run().join(STOPPED));
        told.is_ok_and(|boot| boot.is_empty() || crate::process::boot_id().is_ok_and(|now| now == boot))
    }

    /// The socket on which the daemon answers its owner.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.0.join("run/qd.sock")
    }

    /// A file with the address of the dashboard, such as `http://127.0.0.1:9615`, while a daemon runs.
    #[must_use]
    pub fn address_file(&self) -> PathBuf {
        self.0.join("run/address")
    }

    /// Where its dashboard is, as a browser would be told.
    #[must_use]
    pub fn address(&self) -> String {
        let told = std::fs::read_to_string(self.address_file()).ok().map(|text| text.trim().to_owned());
        let told = told.filter(|text| text.starts_with("http://") || text.starts_with("https://"));
        told.unwrap_or_else(|| "http://127.0.0.1:9615".into())
    }

    /// What a daemon in the background writes to stdout and stderr.
    #[must_use]
    pub fn daemon_log(&self) -> PathBuf {
        self.0.join("daemon.log")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn told_before_variable_before_user() {
        let user = || Some(PathBuf::from("/home/ann"));
        let choose =
            |told: Option<&str>, variable: Option<&str>, user| Home::choose(told.map(Path::new), variable.map(Into::into), user);
        assert_eq!(choose(Some("/a"), Some("/b"), user()).unwrap().path(), "/a");
        assert_eq!(choose(None, Some("/b"), user()).unwrap().path(), "/b");
        assert_eq!(choose(None, Some(""), user()).unwrap().path(), "/home/ann/.quarterdeck");
        assert!(matches!(choose(None, None, None), Err(Failure::Usage(_))));
        assert!(choose(Some("here"), None, None).unwrap().path().is_absolute());
    }
}
