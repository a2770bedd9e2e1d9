//! The health document, and the two words for those who only want to know whether the node is there.

use app::model::{HealthDocument, Overview};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::context::Context;
use super::error::ApiError;

/// The state of all components and of the host, from the latest sample.
#[utoipa::path(
    get,
    path = "/api/health/system",
    tag = "health",
    responses((status = 200, description = "The health document", body = HealthDocument)),
)]
pub(super) async fn system(State(context): State<Context>) -> impl IntoResponse {
    // It is written once, for whoever asks first.
    ([(header::CONTENT_TYPE, "application/json")], context.control.health().json())
}

/// Everything that the overview of the dashboard shows.
#[utoipa::path(
    get,
    path = "/api/overview",
    tag = "health",
    responses((status = 200, description = "The overview", body = Overview)),
)]
pub(super) async fn overview(State(context): State<Context>) -> Json<Overview> {
    Json(context.control.overview().await)
}

/// Hears a sign of life of an app, which was told this address in `QD_HEARTBEAT_URL`. The key in it is all that it takes.
#[utoipa::path(
    post,
    path = "/api/heartbeat/{key}",
    tag = "health",
    params(("key" = String, Path, description = "The key of the app")),
    responses((status = 204, description = "Heard"), (status = 404, description = "No app has this key")),
)]
pub(super) async fn heartbeat(State(context): State<Context>, Path(key): Path<String>) -> Result<StatusCode, ApiError> {
    if context.control.hear_heartbeat(&key) { Ok(StatusCode::NO_CONTENT) } else { Err(ApiError::no_such_page()) }
}

/// Does the node answer, and do the threads that start and measure apps get on?
#[utoipa::path(
    get,
    path = "/api/health/live",
    tag = "health",
    responses((status = 200, description = "`ok`", body = String), (status = 503, description = "It hangs")),
)]
pub(super) async fn live(State(context): State<Context>) -> Result<&'static str, ApiError> {
    let hangs = || ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "not_live", "It answers, but a thread of it hangs");
    if context.control.hangs() { Err(hangs()) } else { Ok("ok") }
}

/// Does its engine work too?
#[utoipa::path(
    get,
    path = "/api/health/ready",
    tag = "health",
    responses((status = 200, description = "`ok`", body = String), (status = 503, description = "Not ready")),
)]
pub(super) async fn ready(State(context): State<Context>) -> Result<&'static str, ApiError> {
    let away = || ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "Not ready");
    context.control.is_ready().then_some("ok").ok_or_else(away)
}
