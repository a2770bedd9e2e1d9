//! Quarterdeck: starts and watches processes, keeps their history, and shows and controls them
//! in the browser, over REST and on the command line. `docs/ARCHITECTURE.md` has the map.

pub mod api;
pub mod auth;
pub mod cli;
pub mod config;
pub mod control;
pub mod engine;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub mod health;
pub mod history;
pub mod inside;
pub mod logs;
pub mod node;
pub mod outbound;
pub mod process;
pub mod run;
pub mod web;
