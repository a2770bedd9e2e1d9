//! From FIFOs into rotating files, and back as lines.
//!
//! Each stream of an app is a FIFO that the app holds open for reading and writing, so that the death of the supervisor
//! closes nothing. One thread moves bytes from the FIFOs to the files with `splice(2)`, at the length that the file has:
//! a byte is in the FIFO or in the file, never in memory, so that a kill at any moment loses and doubles nothing.

mod archive;
mod budget;
mod clean;
mod cursor;
mod fifo;
mod names;
mod page;
mod part;
mod plan;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod probe;
mod pump;
mod scratch;
mod service;
mod shed;
mod source;
mod target;
mod tidy;
mod times;
mod walk;

#[cfg(test)]
mod flow_tests;
#[cfg(test)]
mod full_tests;
#[cfg(test)]
mod kill_tests;

pub use budget::Limits;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) use clean::probe as clean;
pub use service::{Logs, Outputs};
