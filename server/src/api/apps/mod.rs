//! `/api/apps`: what is configured and what is.

pub(super) mod apply;
pub(super) mod availability;
pub(super) mod change;
pub(super) mod logs;
pub(super) mod metrics;
pub(super) mod show;
