//! The node itself: its saved list, its end, and who may come in.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::apps::change::outcome;
use super::context::{Context, actor};
use super::control::detached;
use super::error::ApiError;
use super::read::Body;
use crate::auth::{Principal, Role};

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    /// Name of the token or of the user.
    name: String,
    /// `viewer`, `operator` or `admin`.
    #[schema(value_type = String)]
    role: Role,
}

/// Who am I, and what may I do?
#[utoipa::path(get, path = "/api/me", tag = "access", responses((status = 200, description = "Name and role", body = Me)))]
pub(super) async fn me(Extension(principal): Extension<Principal>) -> Json<Me> {
    Json(Me { name: principal.name.to_string(), role: principal.role })
}

/// What a new token is to be.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct NewToken {
    /// What it is called; stands in the events that are caused with it.
    name: String,
    /// `viewer`, `operator` or `admin`.
    #[schema(value_type = String)]
    role: Role,
}

/// A new token.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CreatedToken {
    /// The token. It is told here and never again.
    token: String,
}

/// Makes a token.
#[utoipa::path(
    post,
    path = "/api/tokens",
    tag = "access",
    request_body = NewToken,
    responses((status = 200, description = "The token", body = CreatedToken)),
)]
pub(super) async fn create_token(
    State(context): State<Context>,
    Extension(principal): Extension<Principal>,
    Body(NewToken { name, role }): Body<NewToken>,
) -> Result<Json<CreatedToken>, ApiError> {
    let is_fit = (1..=64).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if !is_fit {
        return Err(ApiError::bad_field("name", "must be 1 to 64 characters without control characters"));
    }
    let token = context.auth.create_token(&name, role).await?;
    context.auth.audit(&principal.name, "token create", &name, &format!("done: {role}")).await;
    Ok(Json(CreatedToken { token }))
}

/// A new login link.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LoginLink {
    /// Path and all that follows the address of the node. Works once, for 15 minutes.
    url_path: String,
}

/// Makes a link that logs an admin in, once.
#[utoipa::path(
    post,
    path = "/api/login-links",
    tag = "access",
    responses((status = 200, description = "The link", body = LoginLink)),
)]
pub(super) async fn create_login_link(
    State(context): State<Context>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<LoginLink>, ApiError> {
    let secret = context.auth.create_login_link().await?;
    context.auth.audit(&principal.name, "login link", "admin", "done").await;
    Ok(Json(LoginLink { url_path: format!("/login/{secret}") }))
}

/// How many apps it was about.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Count {
    /// Number of apps.
    apps: usize,
}

/// Writes down the list of apps. An empty list never replaces one that is not.
#[utoipa::path(post, path = "/api/save", tag = "node", responses((status = 200, description = "How many were saved", body = Count)))]
pub(super) async fn save(
    State(context): State<Context>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<Count>, ApiError> {
    let apps = detached(async move { context.control.save(&actor(&principal)).await }).await??;
    Ok(Json(Count { apps }))
}

/// Brings the saved list back: what is missing is added, what should run is started.
#[utoipa::path(post, path = "/api/resurrect", tag = "node", responses((status = 200, description = "How many there are", body = Count)))]
pub(super) async fn resurrect(
    State(context): State<Context>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<Count>, ApiError> {
    let apps = detached(async move {
        let done = context.control.resurrect(&actor(&principal)).await;
        context.auth.audit(&principal.name, "resurrect", "saved list", &outcome(&done)).await;
        done
    });
    Ok(Json(Count { apps: apps.await?? }))
}

/// Ends the node: stops the apps in order. It answers before that.
#[utoipa::path(post, path = "/api/shutdown", tag = "node", responses((status = 202, description = "It begins to stop")))]
pub(super) async fn shutdown(
    State(context): State<Context>,
    Extension(principal): Extension<Principal>,
) -> Result<StatusCode, ApiError> {
    detached(async move {
        context.auth.audit(&principal.name, "shutdown", "node", "done").await;
        context.control.shut_down(&actor(&principal)).await;
    })
    .await?;
    Ok(StatusCode::ACCEPTED)
}

/// The program that is to take over.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(super) struct Successor {
    /// Its path on this host.
    program: String,
}

/// Puts another `qd` in the place of the running one: same process, same apps, same sockets. It is tried before; the answer
/// comes before it takes over.
#[utoipa::path(
    post,
    path = "/api/upgrade",
    tag = "node",
    request_body = Successor,
    responses((status = 202, description = "It takes over", body = Successor)),
)]
pub(super) async fn upgrade(
    State(context): State<Context>,
    Extension(principal): Extension<Principal>,
    Body(Successor { program }): Body<Successor>,
) -> Result<(StatusCode, Json<Successor>), ApiError> {
    let done = detached(async move {
        let done = context.control.upgrade(program.clone(), &actor(&principal)).await;
        context.auth.audit(&principal.name, "upgrade", &program, &outcome(&done)).await;
        done.map(|()| Successor { program })
    });
    Ok((StatusCode::ACCEPTED, Json(done.await??)))
}
