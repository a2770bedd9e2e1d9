//! Why somebody is not let in, or could not be.

use thiserror::Error;

use super::Role;

/// The role is not enough. The text is a sentence for the one who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("This needs the role {need}, and you have the role {has}; ask an admin for a token with that role")]
pub struct Forbidden {
    /// What is needed.
    pub need: Role,
    /// What there is.
    pub has: Role,
}

/// Why something about tokens and sessions could not be done, as a fragment for "failed to …".
#[derive(Debug, Error)]
pub enum Error {
    /// The state cannot be read or written.
    #[error(transparent)]
    State(#[from] crate::history::Error),
    /// The system gives no random numbers.
    #[error("get random numbers from the system: {0}")]
    Random(#[from] getrandom::Error),
    /// The program ends.
    #[error("work on while qd is ending")]
    Ending,
}
