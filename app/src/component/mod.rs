//! Parts that pages are made of.

mod app_row;
mod button;
mod confirm;
mod event_line;
mod header;
mod keys;
mod log;
mod palette;
mod time;

pub(crate) use app_row::AppRow;
#[cfg(feature = "hydrate")]
pub(crate) use button::ask;
pub(crate) use button::{ActionButton, ActionMenu, Feedback, likely};
pub(crate) use confirm::Confirm;
pub(crate) use event_line::EventLine;
pub(crate) use header::{BottomBar, Header};
pub(crate) use keys::Keys;
pub(crate) use log::{Log, LogView};
pub(crate) use palette::Palette;
pub(crate) use time::When;
