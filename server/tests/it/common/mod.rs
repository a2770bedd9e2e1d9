//! What the tests share: a node with scripted answers behind a real listener, and a plain client.

mod client;
mod events;
mod fake;
mod node;
pub(crate) mod sample;

pub(crate) use client::{Answer, Client};
pub(crate) use events::EventStream;
pub(crate) use fake::Fake;
pub(crate) use node::{Node, Options};
