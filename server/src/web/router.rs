//! All that a node serves.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use super::html::error_page;
use super::{login, pages};
use crate::api::boundary::{Boundary, RequestId, boundary};
use crate::api::{self, Context};

/// The API and the pages, fit to be served by [`super::serve`].
pub fn router(context: Context) -> Router {
    let around = Boundary { auth: context.auth.clone(), show: |error, RequestId(id)| error_page(error, id) };
    let pages = Router::new()
        .route("/login", get(login::ask).post(login::enter))
        .route("/login/{secret}", get(login::link))
        .route("/logout", post(login::leave))
        .fallback(pages::any)
        .layer(from_fn_with_state(around, boundary))
        .with_state(context.clone());
    api::router(context).merge(pages)
}
