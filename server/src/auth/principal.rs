//! Who asks, and what each role may.

use std::fmt;
use std::sync::Arc;

use super::Forbidden;
use crate::history::SecretHash;

/// What somebody may do. Each role may all that those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look at everything but secrets.
    Viewer,
    /// Start, stop, restart and reload apps.
    Operator,
    /// Add and delete apps, which is to run anything; give tokens; take backups.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How somebody came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// With the token of this id.
    Token(Arc<str>),
    /// With the session whose secret has this hash.
    Session(SecretHash),
    /// Through the Unix socket, as the user who owns the node.
    Socket,
}

/// Somebody who is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// What they are called: it stands in the events and in the audit log.
    pub name: Arc<str>,
    /// What they may do.
    pub role: Role,
    /// How they came in.
    pub via: Via,
}

impl Principal {
    /// The one who owns the node, on the command line. Who may use the socket was decided by the user id of the peer.
    #[must_use]
    pub fn socket() -> Self {
        Self { name: "command line".into(), role: Role::Admin, via: Via::Socket }
    }
}

/// May they? The one place where this is decided.
///
/// # Errors
/// Their role is not enough.
pub fn authorize(principal: &Principal, need: Role) -> Result<(), Forbidden> {
    if principal.role >= need { Ok(()) } else { Err(Forbidden { need, has: principal.role }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_what_those_below_it_may() {
        for (has, may) in [(Role::Viewer, 1), (Role::Operator, 2), (Role::Admin, 3)] {
            let principal = Principal { role: has, ..Principal::socket() };
            let allowed = Role::ALL.into_iter().filter(|need| authorize(&principal, *need).is_ok()).count();
            assert_eq!(allowed, may, "{has}");
        }
        let viewer = Principal { role: Role::Viewer, ..Principal::socket() };
        let said = authorize(&viewer, Role::Admin).unwrap_err().to_string();
        assert!(said.contains("role admin") && said.contains("role viewer"), "{said}");
    }

    #[test]
    fn words() {
        assert!(Role::ALL.into_iter().all(|role| Role::from_word(role.word()) == Some(role)));
        assert_eq!(Role::from_word("emperor"), None);
    }
}
