//! How much of the time an app was there.

use app::model::Availability;
use axum::Json;
use axum::extract::State;

use crate::api::context::Context;
use crate::api::error::ApiError;
use crate::api::read::Name;

/// How available an app was in the last 24 hours, 7 days and 30 days, what is left of its budget, and its latest outages.
/// Stops, restarts and reloads that were asked for are not counted, nor is the time in which `qd` was away and the app lived.
#[utoipa::path(
    get,
    path = "/api/apps/{name}/availability",
    tag = "apps",
    params(("name" = String, Path, description = "Name of the app")),
    responses((status = 200, description = "Its availability", body = Availability)),
)]
pub(in crate::api) async fn availability(
    State(context): State<Context>,
    Name(name): Name,
) -> Result<Json<Availability>, ApiError> {
    Ok(Json(context.control.availability(&name).await?))
}
