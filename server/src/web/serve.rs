//! The accept loops: connections with limits in number, time and memory.

use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tower::Service;

use super::patient::Patient;
use super::pour::{is_event_stream, pour};
use crate::api::Peer;
use crate::process::despite_want;

/// How long the head of a request may take to arrive, and how long an idle connection is kept.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// How long answers that are on their way may take at shutdown.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);
/// How long a client that has just connected may take to ask, when the node stops: it must not find its connection closed.
const FIRST_REQUEST: Duration = Duration::from_millis(250);
/// How long a client may take nothing of what is to be sent to it.
const STALL_LIMIT: Duration = Duration::from_secs(60);
/// Longest head of a request in bytes; also how much of an answer is copied before it is sent.
const HEAD_BYTES: usize = 16 << 10;
/// The most connections over TCP at a time; more of them wait in the kernel's queue.
const TCP_CONNECTIONS: usize = 16_384;
/// The same for the socket in the home folder: a count of its own, so that its owner gets in however busy the rest is.
const UNIX_CONNECTIONS: usize = 256;
/// Pause when the process or the host has no room for another connection.
const NO_ROOM_PAUSE: Duration = Duration::from_millis(200);

/// Where a node can be reached.
#[derive(Debug, Default)]
pub struct Listeners {
    /// Addresses of TCP.
    pub tcp: Vec<std::net::TcpListener>,
    /// The socket in the home folder.
    pub unix: Option<std::os::unix::net::UnixListener>,
}

/// Listens at once, and gives what answers requests until `stop` is true (or its sender is gone) and what was on its way is done, at the
/// latest after 5 s.
///
/// # Errors
/// A listener cannot be used.
pub fn serve(
    listeners: Listeners,
    router: Router,
    stop: watch::Receiver<bool>,
) -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut loops = JoinSet::new();
    for listener in listeners.tcp {
        listener.set_nonblocking(true)?;
        let listener = despite_want(|| TcpListener::from_std(listener.try_clone()?))?;
        loops.spawn(accept_all(listener, TCP_CONNECTIONS, router.clone(), stop.clone()));
    }
    if let Some(listener) = listeners.unix {
        listener.set_nonblocking(true)?;
        let listener = despite_want(|| UnixListener::from_std(listener.try_clone()?))?;
        loops.spawn(accept_all(listener, UNIX_CONNECTIONS, router, stop));
    }
    Ok(async move { while loops.join_next().await.is_some() {} })
}

/// A listener of either kind.
trait Listen: Send + 'static {
    type Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    fn accept(&self) -> impl Future<Output = io::Result<(Self::Socket, Peer)>> + Send;
}

impl Listen for TcpListener {
    type Socket = tokio::net::TcpStream;

    async fn accept(&self) -> io::Result<(Self::Socket, Peer)> {
        let (socket, _) = Self::accept(self).await?;
        // Answers are written whole, so waiting for more of them only delays.
        socket.set_nodelay(true)?;
        Ok((socket, Peer::Network))
    }
}

impl Listen for UnixListener {
    type Socket = tokio::net::UnixStream;

    async fn accept(&self) -> io::Result<(Self::Socket, Peer)> {
        let (socket, _) = Self::accept(self).await?;
        let uid = socket.peer_cred()?.uid();
        Ok((socket, Peer::Local { uid }))
    }
}

async fn accept_all<L: Listen>(listener: L, limit: usize, router: Router, mut stop: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(limit));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &room) => accepted,
        };
        match accepted {
            Ok((socket, peer, room)) => {
                connections.spawn(converse(socket, peer, router.clone(), stop.clone(), room));
            }
            Err(error) if is_of_the_other_end(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "failed to accept a connection");
                tokio::time::sleep(NO_ROOM_PAUSE).await;
            }
        }
    }
    drop(listener);
    let done = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_LIMIT, done).await.is_err() {
        tracing::debug!("closing connections that did not end in time");
    }
}

async fn accept<L: Listen>(listener: &L, room: &Arc<Semaphore>) -> io::Result<(L::Socket, Peer, OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    let (socket, peer) = listener.accept().await?;
    Ok((socket, peer, permit))
}

/// `accept(2)` also tells errors of the connection that it would have given; those say nothing about the next.
fn is_of_the_other_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::NotConnected
    )
}

/// Waits until the node stops.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that nobody is left who could say stop, which is a stop as well.
    drop(stop.wait_for(|stop| *stop).await);
}

/// Waits until the node stops and the client has asked something, or has had the time for it.
async fn stopped_after_a_request(stop: &mut watch::Receiver<bool>, asked: &Semaphore) {
    stopped(stop).await;
    // It is closed by the first request, and never gives a permit.
    let _ = tokio::time::timeout(FIRST_REQUEST, asked.acquire()).await;
}

async fn converse<S>(socket: S, peer: Peer, router: Router, mut stop: watch::Receiver<bool>, _room: OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (take_over, mut taken) = mpsc::channel(1);
    let asked = Arc::new(Semaphore::new(0));
    let asks = asked.clone();
    let service = hyper::service::service_fn(move |request| {
        asks.close();
        answer(router.clone(), peer, take_over.clone(), request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(Patient::new(socket, STALL_LIMIT)), service);
    // In a box, so that a stream that lasts can give the room of it back.
    let mut connection = Box::new(connection);
    let ended = tokio::select! {
        ended = &mut *connection => ended,
        Some(response) = taken.recv() => {
            let socket = connection.into_parts().io.into_inner();
            return pour(socket, response).await;
        }
        () = stopped_after_a_request(&mut stop, &asked) => {
            std::pin::Pin::new(&mut *connection).graceful_shutdown();
            tokio::select! {
                ended = &mut *connection => ended,
                // A stream that begins now would end at once.
                Some(_) = taken.recv() => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection ended in the middle of something");
    }
}

async fn answer(
    mut router: Router,
    peer: Peer,
    take_over: mpsc::Sender<Response<Body>>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let may_last = request.method() != Method::HEAD;
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(peer);
    poll_fn(|context| Service::<Request<Body>>::poll_ready(&mut router, context)).await?;
    let response = router.call(request).await?;
    if may_last && is_event_stream(&response) {
        // A connection answers one request at a time, so there is room for its answer.
        let _ = take_over.try_send(response);
        return pending().await;
    }
    Ok(response)
}
