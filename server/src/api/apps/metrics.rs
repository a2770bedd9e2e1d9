//! History of an app's samples.

use app::model::AppMetrics;
use axum::Json;
use axum::extract::State;

use crate::api::context::Context;
use crate::api::error::ApiError;
use crate::api::read::{Fields, Name};

/// Span that is shown where none is asked for.
const BACK_MS: i64 = 15 * 60_000;

/// Samples of an app, thinned to at most `points`, each with least, mean and greatest value.
#[utoipa::path(
    get,
    path = "/api/apps/{name}/metrics",
    tag = "apps",
    params(
        ("name" = String, Path, description = "Name of the app"),
        ("from" = Option<String>, Query, description = "RFC 3339; 15 minutes before `to` if not given"),
        ("to" = Option<String>, Query, description = "RFC 3339; now if not given"),
        ("points" = Option<u32>, Query, description = "1 to 2000, default 300"),
    ),
    responses((status = 200, description = "The samples, oldest first", body = AppMetrics)),
)]
pub(in crate::api) async fn metrics(
    State(context): State<Context>,
    Name(name): Name,
    fields: Fields,
) -> Result<Json<AppMetrics>, ApiError> {
    let span = fields.span(BACK_MS, fields.count("points", 1..=2000, 300)?)?;
    Ok(Json(context.control.metrics(&name, span).await?))
}
