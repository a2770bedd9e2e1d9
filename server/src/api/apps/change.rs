//! Small changes to an app: forget it, set its counters to 0, empty its logs.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;

use crate::api::context::{Context, actor};
use crate::api::control::detached;
use crate::api::error::ApiError;
use crate::api::read::Name;
use crate::auth::Principal;
use crate::control::Refusal;

/// Stops an app and forgets it. Its logs stay.
#[utoipa::path(
    delete,
    path = "/api/apps/{name}",
    tag = "apps",
    params(("name" = String, Path, description = "Name of the app")),
    responses((status = 204, description = "It is gone")),
)]
pub(in crate::api) async fn delete(
    State(context): State<Context>,
    Extension(principal): Extension<Principal>,
    Name(name): Name,
) -> Result<StatusCode, ApiError> {
    detached(async move {
        let done = context.control.delete(&name, &actor(&principal)).await;
        context.auth.audit(&principal.name, "delete", &name, &outcome(&done)).await;
        done
    })
    .await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Sets the counters of an app to 0.
#[utoipa::path(
    post,
    path = "/api/apps/{name}/reset",
    tag = "apps",
    params(("name" = String, Path, description = "Name of the app")),
    responses((status = 204, description = "They are 0")),
)]
pub(in crate::api) async fn reset(
    State(context): State<Context>,
    Extension(principal): Extension<Principal>,
    Name(name): Name,
) -> Result<StatusCode, ApiError> {
    detached(async move { context.control.reset(&name, &actor(&principal)).await }).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Empties the log files of an app.
#[utoipa::path(
    post,
    path = "/api/apps/{name}/flush",
    tag = "apps",
    params(("name" = String, Path, description = "Name of the app")),
    responses((status = 204, description = "They are empty")),
)]
pub(in crate::api) async fn flush(
    State(context): State<Context>,
    Extension(principal): Extension<Principal>,
    Name(name): Name,
) -> Result<StatusCode, ApiError> {
    detached(async move {
        let done = context.control.flush(&name, &actor(&principal)).await;
        context.auth.audit(&principal.name, "flush", &name, &outcome(&done)).await;
        done
    })
    .await??;
    Ok(StatusCode::NO_CONTENT)
}

/// What became of it, for the audit log.
pub(in crate::api) fn outcome<T>(done: &Result<T, Refusal>) -> String {
    done.as_ref().map_or_else(|refusal| format!("refused: {refusal}"), |_| "done".into())
}
