//! The real binary, run to its end.

mod alone;
mod check;
mod with_daemon;
