//! `GET` and `POST /api/stream`: how things stand, and then all that happens, as server-sent events.

mod feed;
mod frame;

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{MissedTickBehavior, interval};

use self::feed::Feed;
use super::context::Context;
use super::error::ApiError;
use super::read::Fields;
use crate::auth::Principal;

/// How often a stream says something even if nothing happens, and asks whether its client may still listen.
/// Tunnels cut what is silent for 100 s, and the contract says 15 s.
const BEAT: Duration = Duration::from_secs(10);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What all live streams share: their number, and one clock. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    room: Arc<Semaphore>,
    beat: watch::Receiver<()>,
}

impl Streams {
    /// At most `limit` streams at a time, until `stop` becomes true.
    pub(super) fn new(limit: usize, stop: watch::Receiver<bool>) -> Self {
        let (sender, beat) = watch::channel(());
        tokio::spawn(keep_time(sender, stop));
        Self { room: Arc::new(Semaphore::new(limit)), beat }
    }

    fn enter(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        let full = |_| ApiError::busy("Too many clients follow the live stream; close some, or raise the limit of streams");
        Arc::clone(&self.room).try_acquire_owned().map_err(full)
    }
}

/// One clock for all streams. When it stops its channel closes, and with that every stream ends.
async fn keep_time(beat: watch::Sender<()>, mut stop: watch::Receiver<bool>) {
    let mut ticks = interval(BEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            _ = ticks.tick() => drop(beat.send(())),
        }
    }
}

/// The live stream: first `snapshot`, then `health` each tick and `event`s with growing ids.
///
/// With `Last-Event-ID` it begins with the events that were missed, or with `resync` and a snapshot where they are not
/// known any more.
#[utoipa::path(
    get,
    path = "/api/stream",
    tag = "stream",
    params(
        ("Last-Event-ID" = Option<u64>, Header, description = "The last event that is known"),
        ("last_event_id" = Option<u64>, Query, description = "The same, for clients that cannot set the header"),
    ),
    responses(
        (status = 200, description = "Server-sent events", content_type = "text/event-stream", body = String),
        (status = 503, description = "Too many clients"),
    ),
)]
pub(super) async fn get(
    State(context): State<Context>,
    Extension(principal): Extension<Principal>,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, ApiError> {
    let place = context.streams.enter()?;
    let known = known(&headers, &fields);
    let feed = Feed::open(context, principal, known, place);
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        // Proxies must neither keep it nor pack it.
        (header::CACHE_CONTROL, "no-cache, no-transform"),
        (ACCEL_BUFFERING, "no"),
    ];
    Ok((headers, Body::from_stream(feed.into_stream())).into_response())
}

/// The same by POST, because some tunnels hold back the answer to a GET until it ends.
#[utoipa::path(
    post,
    path = "/api/stream",
    tag = "stream",
    params(
        ("Last-Event-ID" = Option<u64>, Header, description = "The last event that is known"),
        ("last_event_id" = Option<u64>, Query, description = "The same, for clients that cannot set the header"),
    ),
    responses(
        (status = 200, description = "Server-sent events", content_type = "text/event-stream", body = String),
        (status = 503, description = "Too many clients"),
    ),
)]
pub(super) async fn post(
    context: State<Context>,
    principal: Extension<Principal>,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, ApiError> {
    get(context, principal, headers, fields).await
}

/// The last event that the client knows. What is no number is an id that never was: the greatest stands for it.
fn known(headers: &HeaderMap, fields: &Fields) -> Option<u64> {
    let header = headers.get(LAST_EVENT_ID).map(|value| value.to_str().unwrap_or("?"));
    let text = header.or_else(|| fields.text("last_event_id")).map(str::trim).filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or(u64::MAX))
}
