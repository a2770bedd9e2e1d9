//! Profiles of Node apps. A heap snapshot holds whatever the app has in memory, secrets too.

use app::model::{ProfileFile, ProfileList, ProfileOrder};
use axum::body::Body as Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::{Extension, Json};

use super::apps::change::outcome;
use super::context::{Context, actor};
use super::control::detached;
use super::error::ApiError;
use super::read::{Body, Fields, Name};
use crate::auth::Principal;

/// Takes a heap snapshot or a CPU profile of a Node app, and answers when its file is written. The app stands still
/// while its heap is written.
#[utoipa::path(
    post,
    path = "/api/apps/{name}/profile",
    tag = "apps",
    params(("name" = String, Path, description = "Name of the app")),
    request_body = ProfileOrder,
    responses(
        (status = 200, description = "It is taken", body = ProfileFile),
        (status = 409, description = "It does not run"),
        (status = 500, description = "It was tried and failed; the message says why"),
    ),
)]
pub(super) async fn take(
    State(context): State<Context>,
    Extension(principal): Extension<Principal>,
    Name(name): Name,
    Body(order): Body<ProfileOrder>,
) -> Result<Json<ProfileFile>, ApiError> {
    if !(1..=60).contains(&order.seconds) {
        return Err(ApiError::bad_field("seconds", format!("must be 1 to 60, and is {}", order.seconds)));
    }
    let taken = detached(async move {
        let taken = context.control.profile(&name, order, &actor(&principal)).await;
        context.auth.audit(&principal.name, "profile", &name, &outcome(&taken)).await;
        taken
    });
    Ok(Json(taken.await??))
}

/// Profiles that were taken, newest first.
#[utoipa::path(
    get,
    path = "/api/profiles",
    tag = "apps",
    params(("app" = Option<String>, Query, description = "Only those of this app")),
    responses((status = 200, description = "The profiles", body = ProfileList)),
)]
pub(super) async fn list(State(context): State<Context>, fields: Fields) -> Result<Json<ProfileList>, ApiError> {
    let profiles = context.control.profiles(fields.text("app").map(str::to_owned)).await?;
    Ok(Json(ProfileList { profiles }))
}

/// A profile, as Chrome DevTools opens it: panel Memory for `.heapsnapshot`, panel Performance for `.cpuprofile`.
#[utoipa::path(
    get,
    path = "/api/profiles/{file}",
    tag = "apps",
    params(("file" = String, Path, description = "Name of the file")),
    responses((status = 200, description = "The profile", content_type = "application/octet-stream", body = Vec<u8>)),
)]
pub(super) async fn file(
    State(context): State<Context>,
    Extension(principal): Extension<Principal>,
    Name(file): Name,
) -> Result<impl IntoResponse, ApiError> {
    let (about, pieces) = context.control.profile_file(file).await?.ok_or_else(ApiError::no_such_page)?;
    context.auth.audit(&principal.name, "profile download", &about.name, "done").await;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, about.bytes.to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", about.name)),
    ];
    Ok((headers, Bytes::from_stream(pieces)))
}
