//! Who is asking, and may they: one answer for every transport. Nothing is open because it is local, since through a tunnel
//! the whole world comes from 127.0.0.1.

mod cookie;
mod door;
mod error;
mod limit;
mod origin;
mod principal;
mod secret;
mod throttle;

use std::time::Duration;

pub use cookie::{clear_cookie, read_cookie, session_cookie};
pub use door::Auth;
pub use error::{Error, Forbidden};
pub use limit::Rate;
pub use origin::{host_allowed, is_safe, same_origin};
pub use principal::{Principal, Role, Via, authorize};

/// How long a login link works.
const LINK_KEPT: Duration = Duration::from_secs(15 * 60);
/// How long a session may rest.
const SESSION_IDLE: Duration = Duration::from_secs(12 * 3600);
/// How long a session lasts at the most.
const SESSION_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// What can be set.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Values of `Host` that are taken beside the loopback names: `qd.example.org`, or with a port to take no other one.
    pub hosts: Vec<String>,
    /// How fast one person or program may control one component.
    pub control_rate: Rate,
}

impl Default for Settings {
    fn default() -> Self {
        Self { hosts: Vec::new(), control_rate: Rate { burst: 30, per_second: 1.0 } }
    }
}
