//! Lines that an app wrote.

use app::model::{LogPage, LogStream};
use axum::Json;
use axum::extract::State;

use crate::api::context::Context;
use crate::api::error::ApiError;
use crate::api::read::{Fields, Name};
use crate::control::LogQuery;

/// Lines that an app wrote, oldest first: the last ones, or those before or after a place.
#[utoipa::path(
    get,
    path = "/api/apps/{name}/logs",
    tag = "apps",
    params(
        ("name" = String, Path, description = "Name of the app"),
        ("stream" = Option<String>, Query, description = "`stdout` or `stderr`; both if not given"),
        ("before" = Option<String>, Query, description = "A time, or the cursor `before` of a page"),
        ("after" = Option<String>, Query, description = "A time, or the cursor `after` of a page"),
        ("limit" = Option<u32>, Query, description = "1 to 1000, default 100"),
        ("q" = Option<String>, Query, description = "Only lines that contain this text, whatever the case of its letters"),
    ),
    responses((status = 200, description = "The lines", body = LogPage)),
)]
pub(in crate::api) async fn logs(
    State(context): State<Context>,
    Name(name): Name,
    fields: Fields,
) -> Result<Json<LogPage>, ApiError> {
    let owned = |field| fields.text(field).map(str::to_owned);
    let query = LogQuery {
        stream: fields.word("stream", "`stdout` or `stderr`", LogStream::from_word)?,
        before: owned("before"),
        after: owned("after"),
        limit: fields.count("limit", 1..=1000, 100)?,
        text: owned("q"),
    };
    Ok(Json(context.control.logs(&name, query).await?))
}
