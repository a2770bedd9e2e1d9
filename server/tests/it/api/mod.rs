//! `/api` and `/metrics`.

mod access;
mod apps;
mod control;
mod health;
mod history;
mod node;
mod stream;
