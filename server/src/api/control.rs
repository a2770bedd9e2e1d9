//! `POST /api/control/{action}/{component}`, with the bodies of the specification that PM2 users know.

use app::model::{Action, ControlAnswer, ControlStatus};
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

use super::context::{Context, actor};
use super::error::ApiError;
use crate::auth::Principal;
use crate::control::{Done, Refusal};

/// Starts, stops, restarts or reloads a component, and answers when it is done.
///
/// A client that goes away does not cut it short. A component is an app by its exact name, or one of its instances
/// as `NAME:INDEX`.
#[utoipa::path(
    post,
    path = "/api/control/{action}/{component}",
    tag = "control",
    params(
        ("action" = Action, Path, description = "What is to be done"),
        ("component" = String, Path, description = "Name of an app, or `NAME:INDEX` of an instance"),
    ),
    responses(
        (status = 200, description = "It is done", body = ControlAnswer),
        (status = 404, description = "No such component", body = ControlAnswer),
        (status = 409, description = "Its state forbids it", body = ControlAnswer),
        (status = 429, description = "Too many requests; see `Retry-After`", body = ControlAnswer),
        (status = 500, description = "It was tried and failed", body = ControlAnswer),
        (status = 503, description = "The engine is away", body = ControlAnswer),
    ),
)]
pub(super) async fn act(
    State(context): State<Context>,
    Extension(principal): Extension<Principal>,
    Path((action, component)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let action = Action::from_word(&action).ok_or_else(ApiError::no_such_page)?;
    if let Err(seconds) = context.auth.limit(&principal, &component) {
        return Ok(too_many(action, component, seconds));
    }
    let name = component.clone();
    let work = async move { context.control.act(action, &name, &actor(&principal)).await };
    let done = detached(work).await?;
    Ok(answer(action, component, done))
}

/// Runs it to its end, even if the one who asked goes away meanwhile.
pub(super) async fn detached<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T, ApiError> {
    tokio::spawn(work).await.map_err(|error| ApiError::internal(format!("a request broke off: {error}")))
}

fn answer(action: Action, component: String, done: Result<Done, Refusal>) -> Response {
    let (status, code, pm2_id, message) = match done {
        Ok(Done { pm_id, message }) => (ControlStatus::Ok, StatusCode::OK, Some(pm_id), message),
        Err(refusal) => {
            let error = ApiError::from(refusal.clone());
            if error.status.is_server_error() {
                tracing::warn!(%component, action = action.word(), "failed to control an app: {refusal}");
            }
            (ControlStatus::Error, error.status, None, refusal.to_string())
        }
    };
    let body = ControlAnswer { status, action: action.word().into(), component, pm2_id, message };
    (code, Json(body)).into_response()
}

fn too_many(action: Action, component: String, seconds: u64) -> Response {
    let error = ApiError::too_many(seconds);
    let body = ControlAnswer {
        status: ControlStatus::Error,
        action: action.word().into(),
        component,
        pm2_id: None,
        message: error.told,
    };
    let headers = [(header::RETRY_AFTER, HeaderValue::from(seconds))];
    (error.status, headers, Json(body)).into_response()
}
