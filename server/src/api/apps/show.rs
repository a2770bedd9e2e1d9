//! The apps themselves.

use app::model::{App, Definition, EnvBlock};
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::api::context::Context;
use crate::api::error::ApiError;
use crate::api::read::Name;

/// Every app in the order in which it was added.
///
/// Values of the environment that look like secrets are masked.
#[utoipa::path(get, path = "/api/apps", tag = "apps", responses((status = 200, description = "Every app", body = Vec<App>)))]
pub(in crate::api) async fn list(State(context): State<Context>) -> Response {
    json(&*context.control.apps())
}

/// One app.
#[utoipa::path(
    get,
    path = "/api/apps/{name}",
    tag = "apps",
    params(("name" = String, Path, description = "Name of the app")),
    responses((status = 200, description = "The app", body = App)),
)]
pub(in crate::api) async fn one(State(context): State<Context>, Name(name): Name) -> Result<Response, ApiError> {
    let apps = context.control.apps();
    apps.iter().find(|app| app.name == name).map(json).ok_or_else(|| ApiError::no_such_app(&name))
}

/// Every app with all that it was told, secrets too.
#[utoipa::path(
    get,
    path = "/api/definitions",
    tag = "apps",
    responses((status = 200, description = "Every app with its definition", body = Vec<Definition>)),
)]
pub(in crate::api) async fn definitions(State(context): State<Context>) -> Json<Vec<Definition>> {
    Json(context.control.definitions().await)
}

/// The environment that the first instance was or would be given, secrets too.
#[utoipa::path(
    get,
    path = "/api/apps/{name}/env",
    tag = "apps",
    params(("name" = String, Path, description = "Name of the app")),
    responses((status = 200, description = "Names and values", body = EnvBlock)),
)]
pub(in crate::api) async fn env(State(context): State<Context>, Name(name): Name) -> Result<Json<EnvBlock>, ApiError> {
    Ok(Json(context.control.environment(&name).await?))
}

/// JSON of something that is only borrowed.
fn json(value: &(impl serde::Serialize + ?Sized)) -> Response {
    match serde_json::to_vec(value) {
        Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Err(error) => ApiError::internal(error.to_string()).into_response(),
    }
}
