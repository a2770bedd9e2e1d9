//! Messages of `text/event-stream` (WHATWG HTML, section 9.2). JSON has no line ends, so that it is one `data` line.

use std::array::IntoIter;

use app::model::{HealthDocument, Snapshot, StreamEvent};
use axum::body::Bytes;

use crate::control::Told;

const END: Bytes = Bytes::from_static(b"\n\n");

/// A message in pieces: what stands before the JSON, the JSON itself, which all clients share, and the end.
pub(super) type Frame = IntoIter<Bytes, 3>;

fn frame(head: impl Into<Bytes>, json: Bytes) -> Frame {
    [head.into(), json, END].into_iter()
}

/// What the browser is to do when the connection is lost: try again after a second.
pub(super) fn opening() -> Frame {
    [Bytes::from_static(b"retry: 1000"), END, Bytes::new()].into_iter()
}

/// How things stand. Its id is that of the last event in it, so that a client that comes back is told what came after.
pub(super) fn snapshot(told: &Told<Snapshot>, resync: bool) -> Frame {
    let resync = if resync { "event: resync\ndata: {}\n\n" } else { "" };
    frame(format!("{resync}event: snapshot\nid: {}\ndata: ", told.value.last_event_id), told.json())
}

pub(super) fn health(told: &Told<HealthDocument>) -> Frame {
    frame(Bytes::from_static(b"event: health\ndata: "), told.json())
}

pub(super) fn event(told: &Told<StreamEvent>) -> Frame {
    frame(format!("event: event\nid: {}\ndata: ", told.value.event.id), told.json())
}

/// A sign of life.
pub(super) fn comment() -> Frame {
    [Bytes::from_static(b":"), END, Bytes::new()].into_iter()
}
