//! What only a browser can do. On the server the same names stand for nothing, so that components need not ask where they are.

#[cfg(feature = "hydrate")]
mod act;
#[cfg(feature = "hydrate")]
mod api;
#[cfg(feature = "hydrate")]
mod dialog;
#[cfg(feature = "hydrate")]
mod dom;
#[cfg(feature = "hydrate")]
mod keys;
#[cfg(feature = "hydrate")]
mod live;
#[cfg(feature = "hydrate")]
mod look;
#[cfg(feature = "hydrate")]
mod navigate;
#[cfg(not(feature = "hydrate"))]
mod nowhere;
#[cfg(feature = "hydrate")]
mod profile;
#[cfg(any(test, feature = "hydrate"))]
mod sse;
#[cfg(feature = "hydrate")]
mod start;

#[cfg(feature = "hydrate")]
pub(crate) use self::{
    act::act,
    dialog::{closed, modal},
    dom::{fraction, offset_ms, palette_key, switch_theme},
    look::{feed_charts, follow_availability, follow_log, keep_in_sight, look_at},
    navigate::go,
    profile::{list_profiles, take_profile},
    start::{page_data, start},
};
#[cfg(not(feature = "hydrate"))]
pub(crate) use nowhere::*;
