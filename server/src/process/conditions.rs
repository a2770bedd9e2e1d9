//! What a new process may do and use: whom it runs as, and what the definition of its app says besides.

use app::model::AppSpec;
use rustix::process::Rlimit;

use super::command::Variables;
use super::own;
use super::user::{Identity, UserError};

/// What a new process may do and use. What is not told is as `qd` was started with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Whom it runs as, if not as we do.
    pub identity: Option<Identity>,
    /// Its nice value.
    pub nice: Option<i32>,
    /// Permissions that its files do not get.
    pub umask: Option<u32>,
    /// May it gain no rights?
    pub no_new_privs: bool,
    /// How many files it may have open.
    pub nofile: Option<u32>,
}

impl Conditions {
    /// Those of an app. Users and groups are looked up now.
    ///
    /// # Errors
    /// The user or group does not exist.
    pub fn of(spec: &AppSpec) -> Result<Self, UserError> {
        Ok(Self {
            identity: Identity::find(spec.uid.as_deref(), spec.gid.as_deref())?,
            nice: spec.nice,
            umask: spec.umask,
            no_new_privs: spec.no_new_privs,
            nofile: spec.limits.nofile,
        })
    }

    /// Tells its programs where they are at home.
    pub fn enter(&self, env: &mut Variables<'_>) {
        let Some(identity) = &self.identity else { return };
        for (name, value) in [("HOME", &identity.home), ("USER", &identity.name), ("LOGNAME", &identity.name)] {
            if let Some(value) = value {
                env.insert(name.into(), value.clone().into());
            }
        }
    }

    pub(super) fn umask(&self) -> Option<u32> {
        self.umask.or_else(|| Some(own::inherited()?.umask.bits()))
    }

    /// Both limits are the same, so that what was told is what the program finds.
    pub(super) fn open_files(&self) -> Option<Rlimit> {
        let told = self.nofile.map(|count| Rlimit { current: Some(count.into()), maximum: Some(count.into()) });
        told.or_else(|| Some(own::inherited()?.files))
    }

    /// As many as may be open without root.
    pub(super) fn most_open_files(&self) -> Option<u64> {
        own::inherited()
            .map_or_else(|| rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum, |own| own.files.maximum)
    }

    /// Where the kernel shares the CPU by sessions, a nice value counts only among the processes of one; the session has a value
    /// of its own (sched(7), "The autogroup feature"). Where it does not, there is no such file.
    pub(super) fn give_to_session(&self, pid: u32) {
        if let Some(nice) = self.nice {
            let _ = std::fs::write(format!("/proc/{pid}/autogroup"), nice.to_string());
        }
    }
}
