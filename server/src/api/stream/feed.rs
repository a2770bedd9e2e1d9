//! What one client is told. It holds a place in the channel that all share and the pieces of one message, and no queue:
//! who cannot follow is told to forget what it knew, and how things stand.

use std::convert::Infallible;
use std::sync::Arc;
use std::vec;

use app::model::StreamEvent;
use axum::body::Bytes;
use futures_util::stream::unfold;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};
use tokio_stream::Stream;

use super::frame::{self, Frame};
use crate::api::context::Context;
use crate::auth::Principal;
use crate::control::{Follow, Live, Told};

/// The state of one live stream.
pub(super) struct Feed {
    context: Context,
    principal: Principal,
    /// Pieces of the message that is being sent.
    pieces: Frame,
    /// How things stand, if that is to be told next.
    snapshot: Option<Frame>,
    /// Events that are to be told again.
    missed: vec::IntoIter<Arc<Told<StreamEvent>>>,
    /// The greatest id that was told: the snapshot and the channel may both have an event.
    last: u64,
    live: broadcast::Receiver<Live>,
    beat: watch::Receiver<()>,
    _place: OwnedSemaphorePermit,
}

impl Feed {
    pub(super) fn open(context: Context, principal: Principal, known: Option<u64>, place: OwnedSemaphorePermit) -> Self {
        let beat = context.streams.beat.clone();
        let follow = context.control.follow(known);
        let mut feed = Self {
            principal,
            pieces: frame::opening(),
            snapshot: None,
            missed: Vec::new().into_iter(),
            last: known.unwrap_or(0),
            live: follow.live.resubscribe(),
            beat,
            _place: place,
            context,
        };
        feed.begin(follow, known.is_some());
        feed
    }

    /// Takes the beginning of a subscription. What a client knows is not told again, unless it has to forget it.
    fn begin(&mut self, follow: Follow, knows: bool) {
        let Follow { resync, snapshot, missed, live } = follow;
        self.live = live;
        if knows && !resync {
            self.missed = missed.into_iter();
        } else {
            self.last = snapshot.value.last_event_id;
            self.snapshot = Some(frame::snapshot(&snapshot, resync));
            self.missed = Vec::new().into_iter();
        }
    }

    /// The bytes for the client, until it may not listen any more or the node stops.
    pub(super) fn into_stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
        unfold(self, async |mut feed: Self| {
            let piece = feed.next().await?;
            Some((Ok(piece), feed))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            match self.pieces.next() {
                Some(piece) if !piece.is_empty() => return Some(piece),
                Some(_) => {}
                None => self.pieces = self.message().await?,
            }
        }
    }

    async fn message(&mut self) -> Option<Frame> {
        if let Some(snapshot) = self.snapshot.take() {
            return Some(snapshot);
        }
        if let Some(event) = self.missed.next() {
            self.last = event.value.event.id;
            return Some(frame::event(&event));
        }
        loop {
            tokio::select! {
                beat = self.beat.changed() => {
                    let goes_on = beat.is_ok() && self.context.auth.is_current(&self.principal);
                    return goes_on.then(frame::comment);
                }
                told = self.live.recv() => match told {
                    Ok(Live::Health(told)) => return Some(frame::health(&told)),
                    Ok(Live::Event(told)) if told.value.event.id > self.last => {
                        self.last = told.value.event.id;
                        return Some(frame::event(&told));
                    }
                    Ok(Live::Event(_)) => {}
                    Err(RecvError::Lagged(_)) => {
                        let follow = self.context.control.follow(None);
                        self.begin(Follow { resync: true, ..follow }, false);
                        return self.snapshot.take();
                    }
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }
}
