//! All that a node serves.

use axum::Router;

use crate::api::{self, Context};

/// The API and the pages, fit to be served by [`super::serve`].
#[must_use]
pub fn router(context: Context) -> Router {
    api::router(context)
}
