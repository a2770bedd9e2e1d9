//! Ecosystem files and `quarterdeck.toml`, read and validated. Starts no app and keeps nothing between calls.
//!
//! A file goes through three steps: `source` makes a value of its text, whatever the format; `entry` finds the keys of
//! an app under any of their names; `app` asks a typed reader of `value` for each. A reader never stops at a
//! mistake: all of them are told together, each with file, app and key.

mod app;
pub mod cron;
mod entry;
mod finding;
mod flags;
mod keys;
mod limits;
mod load;
mod paths;
pub mod settings;
mod source;
#[cfg(test)]
mod tests;
mod value;

pub use app::inherited;
pub use finding::{ConfigErrors, Finding};
#[cfg(any(test, feature = "fuzz"))]
pub(crate) fn probe(bytes: &[u8]) {
    load::probe(bytes);
}

pub use flags::{ScriptFlags, script};
pub use load::{LoadOptions, Loaded, load};
pub use paths::normal as normal_path;
pub use settings::Settings;
pub use source::{find, is_config};
pub use value::interpreter;
pub use value::name::{check as check_name, is_direction};
