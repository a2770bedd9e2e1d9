//! What was: events and stored health documents.

use app::model::{EventKind, EventList, SnapshotList};
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;
use serde_json::value::RawValue;

use super::context::Context;
use super::error::ApiError;
use super::read::Fields;
use crate::control::EventQuery;

/// Span of stored documents that is shown where none is asked for: all of them.
const BACK_MS: i64 = 400 * 86_400_000;

/// What happened, newest first.
#[utoipa::path(
    get,
    path = "/api/events",
    tag = "history",
    params(
        ("after" = Option<u64>, Query, description = "Only events with a greater id"),
        ("before" = Option<u64>, Query, description = "Only events with a smaller id"),
        ("app" = Option<String>, Query, description = "Only events of this app"),
        ("kind" = Option<EventKind>, Query, description = "Only events of this kind"),
        ("from" = Option<String>, Query, description = "Only events at or after this time, RFC 3339"),
        ("to" = Option<String>, Query, description = "Only events before this time, RFC 3339"),
        ("limit" = Option<u32>, Query, description = "1 to 1000, default 100"),
    ),
    responses((status = 200, description = "The events", body = EventList)),
)]
pub(super) async fn events(State(context): State<Context>, fields: Fields) -> Result<Json<EventList>, ApiError> {
    let kinds = EventKind::ALL.map(EventKind::word).join(", ");
    let query = EventQuery {
        after: fields.id("after")?,
        before: fields.id("before")?,
        app: fields.text("app").map(str::to_owned),
        kind: fields.word("kind", &format!("one of {kinds}"), EventKind::from_word)?,
        from: fields.time("from")?,
        to: fields.time("to")?,
        limit: fields.count("limit", 1..=1000, 100)?,
    };
    Ok(Json(EventList { events: context.control.events(query).await? }))
}

/// Stored documents as they were written.
#[derive(Serialize)]
struct Stored {
    snapshots: Vec<Box<RawValue>>,
}

/// Stored health documents, newest first.
#[utoipa::path(
    get,
    path = "/api/snapshots",
    tag = "history",
    params(
        ("from" = Option<String>, Query, description = "RFC 3339; the oldest if not given"),
        ("to" = Option<String>, Query, description = "RFC 3339; now if not given"),
        ("limit" = Option<u32>, Query, description = "1 to 500, default 50"),
    ),
    responses((status = 200, description = "The documents", body = SnapshotList)),
)]
pub(super) async fn snapshots(State(context): State<Context>, fields: Fields) -> Result<impl IntoResponse, ApiError> {
    let span = fields.span(BACK_MS, fields.count("limit", 1..=500, 50)?)?;
    Ok(Json(Stored { snapshots: context.control.snapshots(span).await? }))
}

/// A consistent copy of the databases: a tar archive, compressed with gzip. It holds the definitions of the apps with
/// their secrets.
#[utoipa::path(
    get,
    path = "/api/backup",
    tag = "node",
    responses((status = 200, description = "The archive", content_type = "application/gzip", body = Vec<u8>)),
)]
pub(super) async fn backup(State(context): State<Context>) -> Result<impl IntoResponse, ApiError> {
    let archive = context.control.backup().await?;
    let headers = [
        (header::CONTENT_TYPE, "application/gzip"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"quarterdeck-backup.tar.gz\""),
    ];
    Ok((headers, archive))
}
