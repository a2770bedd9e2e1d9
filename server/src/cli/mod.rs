//! The command line: one file per command. It speaks HTTP over the socket in the home folder, as everybody else does.

mod act;
mod args;
mod failure;
mod home;
mod serve;
mod start;

pub use args::Cli;
pub use failure::{Failure, report};
pub use home::Home;
pub use serve::ServeOptions;
