//! Integration tests: one binary, whose folders mirror the addresses and the settings.

#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on ends there")]

mod api;
mod cli;
mod common;
mod docs;
mod engine;
mod faults;
mod inside;
mod pm2;
mod web;
