//! A live stream, written without the buffers of hyper.
//!
//! A subscriber rests nearly all the time, and hyper keeps two buffers of 8 KiB for its connection meanwhile. So the
//! connection is taken from hyper once it is known that the answer is an event stream, and the rest of it is this loop.

use std::io;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use bytes::{Buf, Bytes};
use futures_util::FutureExt;
use http_body_util::BodyExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Is this an answer that lasts?
pub(super) fn is_event_stream(response: &Response<Body>) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

/// Writes the answer until it ends or the client goes away. Its end is the end of the connection (RFC 9112, section 6.3).
pub(super) async fn pour<S: AsyncRead + AsyncWrite + Unpin>(mut socket: S, response: Response<Body>) {
    if let Err(error) = write(&mut socket, response).await {
        tracing::trace!(%error, "a client of a live stream went away");
    }
}

async fn write<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut S, response: Response<Body>) -> io::Result<()> {
    let (parts, mut body) = response.into_parts();
    socket.write_all_buf(&mut head(parts.status, parts.headers)).await?;
    loop {
        let first = tokio::select! {
            biased;
            piece = piece(&mut body) => piece,
            gone = gone(socket) => return gone,
        };
        let Some(first) = first else { return socket.shutdown().await };
        // What belongs together is there at once, and goes out at once.
        let mut batch = [first, Bytes::new(), Bytes::new()];
        let mut is_end = false;
        for place in &mut batch[1..] {
            match piece(&mut body).now_or_never() {
                Some(Some(piece)) => *place = piece,
                Some(None) => is_end = true,
                None => {}
            }
            if place.is_empty() {
                break;
            }
        }
        let [first, second, third] = batch;
        socket.write_all_buf(&mut first.chain(second).chain(third)).await?;
        if is_end {
            return socket.shutdown().await;
        }
    }
}

/// The next bytes; none at the end.
async fn piece(body: &mut Body) -> Option<Bytes> {
    body.frame().await?.ok()?.into_data().ok()
}

/// Waits until the client closes its side. What it says meanwhile, such as the body of a POST, is of no interest.
async fn gone<S: AsyncRead + Unpin>(socket: &mut S) -> io::Result<()> {
    let mut heard = [0; 64];
    while socket.read(&mut heard).await? > 0 {}
    Ok(())
}

fn head(status: StatusCode, mut headers: HeaderMap) -> Bytes {
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&jiff::Timestamp::now());
    if let Some(date) = date.ok().and_then(|date| HeaderValue::from_str(&date).ok()) {
        headers.insert(header::DATE, date);
    }
    let reason = status.canonical_reason().unwrap_or_default();
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    for (name, value) in &headers {
        head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    head.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_as_http_has_it() {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"))]);
        let text = String::from_utf8(head(StatusCode::OK, headers).to_vec()).unwrap();
        let lines: Vec<_> = text.split("\r\n").collect();
        assert_eq!(lines[..3], ["HTTP/1.1 200 OK", "content-type: text/event-stream", "connection: close"]);
        assert!(lines[3].starts_with("date: ") && lines[3].ends_with(" GMT"), "{text}");
        assert_eq!(lines[4..], ["", ""]);
    }

    #[tokio::test]
    async fn it_ends_with_the_client() {
        let (ours, theirs) = tokio::io::duplex(64);
        drop(theirs);
        let endless = Body::from_stream(futures_util::stream::pending::<Result<Bytes, io::Error>>());
        pour(ours, Response::new(endless)).await;
    }
}
