//! The command line: one file per command. It speaks HTTP over the socket in the home folder, as everybody else does.

mod act;
mod alias;
mod apply;
mod args;
mod check;
mod client;
mod context;
mod daemon;
mod delete;
mod describe;
mod env;
mod failure;
mod flush;
mod format;
mod heal;
mod home;
mod id;
mod jlist;
mod kill;
mod login_link;
mod logs;
mod ls;
mod monit;
mod ping;
mod profile;
mod resurrect;
#[cfg(test)]
mod samples;
mod save;
mod scale;
mod screen;
mod select;
mod serve;
mod start;
mod startup;
mod systemd;
mod table;
mod token;
mod unstartup;
mod upgrade;

pub use args::Cli;
pub use failure::{Failure, report};
pub use home::Home;
pub(crate) use home::STOPPED;
pub use serve::ServeOptions;
