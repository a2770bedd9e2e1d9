//! The real binary, run to its end.

mod alone;
mod check;
mod heal;
mod startup;
mod with_daemon;
