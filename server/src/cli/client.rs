//! HTTP/1 over the socket in the home folder: one connection for each request.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use app::model::{Action, ControlAnswer, ControlStatus, Problem};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout};

use super::{Failure, Home};

const PATIENCE: Patience = Patience { answer: Duration::from_secs(15), life: Duration::from_secs(5) };
/// How long a request that came too soon after others is tried again.
const BUSY_LIMIT: Duration = Duration::from_secs(60);

/// Speaks with the daemon of one home.
#[derive(Clone, Debug)]
pub(super) struct Client {
    home: PathBuf,
    socket: PathBuf,
    patience: Patience,
}

/// How long a daemon is waited for.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// What is read from memory is there at once, or the daemon hangs.
    answer: Duration,
    /// What changes an app may take as long as the app. So often the daemon is asked meanwhile whether it lives.
    life: Duration,
}

/// An answer, whatever its status.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    retry_after: Duration,
    body: Bytes,
}

impl Client {
    pub(super) fn new(home: &Home) -> Self {
        Self { home: home.path().to_owned(), socket: home.socket(), patience: PATIENCE }
    }

    /// Asks for a document. The path begins with `/api/`.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.read(self.get_bytes(path).await?)
    }

    /// Asks for a document and leaves it as it was written.
    pub(super) async fn get_bytes(&self, path: &str) -> Result<Bytes, Failure> {
        match timeout(self.patience.answer, self.send(Method::GET, path, Bytes::new())).await {
            Ok(answer) => self.accept(answer?),
            Err(_) => Err(self.hangs()),
        }
    }

    /// Asks for something to be done, and reads what came of it.
    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        self.read(self.change(Method::POST, path, body).await?)
    }

    /// Asks for something to be done.
    pub(super) async fn order(&self, method: Method, path: &str) -> Result<(), Failure> {
        self.change(method, path, &serde_json::Map::new()).await.map(drop)
    }

    /// Asks for an action on an app; answers when it is done, with the sentence about it.
    pub(super) async fn control(&self, action: Action, app: &str) -> Result<ControlAnswer, Failure> {
        let path = format!("/api/control/{}/{}", action.word(), segment(app));
        let answer: ControlAnswer = self.read(self.change(Method::POST, &path, &serde_json::Map::new()).await?)?;
        match answer.status {
            ControlStatus::Ok => Ok(answer),
            ControlStatus::Error => Err(Failure::Failed(answer.message)),
        }
    }

    /// The process id of the daemon, as the kernel tells it.
    pub(super) async fn daemon_pid(&self) -> Result<Option<i32>, Failure> {
        let stream = self.connect().await?;
        Ok(stream.peer_cred().ok().and_then(|peer| peer.pid()))
    }

    /// A connection that asks nothing; it ends with the program at its other side.
    pub(super) async fn end_of_connection(&self) -> Result<impl Future<Output = ()> + use<>, Failure> {
        let mut stream = self.connect().await?;
        Ok(async move {
            let mut nothing = [0];
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut nothing).await;
        })
    }

    async fn change(&self, method: Method, path: &str, body: &impl Serialize) -> Result<Bytes, Failure> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Failure::failed(format!("the request could not be written as JSON: {error}")))?;
        let body = Bytes::from(body);
        let until = Instant::now() + BUSY_LIMIT;
        loop {
            let answer = tokio::select! {
                answer = self.send(method.clone(), path, body.clone()) => answer?,
                hung = self.hung() => return Err(hung),
            };
            if answer.status != StatusCode::TOO_MANY_REQUESTS || Instant::now() + answer.retry_after > until {
                return self.accept(answer);
            }
            sleep(answer.retry_after).await;
        }
    }

    /// Ends when the daemon answers nobody any more.
    async fn hung(&self) -> Failure {
        loop {
            sleep(self.patience.life).await;
            // One that has ended has ended the request as well.
            if timeout(self.patience.answer, self.send(Method::GET, "/api/health/live", Bytes::new())).await.is_err() {
                return self.hangs();
            }
        }
    }

    async fn connect(&self) -> Result<UnixStream, Failure> {
        UnixStream::connect(&self.socket).await.map_err(|error| self.no_connection(&error))
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Answer, Failure> {
        let stream = self.connect().await?;
        let exchange = async {
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            // The connection ends with its only request; a fault of it is told by the request too.
            let connection = tokio::spawn(connection);
            let request = Request::builder().method(method).uri(path).header(header::HOST, "localhost");
            let request = if body.is_empty() { request } else { request.header(header::CONTENT_TYPE, "application/json") };
            let answer = sender.send_request(request.body(Full::new(body))?).await?;
            let (head, body) = answer.into_parts();
            let body = body.collect().await?.to_bytes();
            connection.abort();
            let seconds = head.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Answer {
                status: head.status,
                retry_after: Duration::from_secs(seconds.unwrap_or(1)),
                body,
            })
        };
        exchange.await.map_err(|error| {
            Failure::failed(format!("the daemon ended the connection before it answered ({error}); look at its log, and run `qd ls` to see how things stand"))
        })
    }

    fn no_connection(&self, error: &io::Error) -> Failure {
        let home = self.home.display();
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::NotADirectory => Failure::NoDaemon(
                format!("no daemon runs for the home {home}; start one with `qd start`, or name another home with --home"),
            ),
            io::ErrorKind::PermissionDenied => Failure::failed(format!(
                "the daemon of the home {home} belongs to another user; run this as that user, or name your own home with --home"
            )),
            io::ErrorKind::InvalidInput => Failure::Usage(format!(
                "the path of the socket {} is too long, as the kernel takes 107 bytes; name a shorter home with --home",
                self.socket.display()
            )),
            _ => Failure::failed(format!("the socket {} could not be reached: {error}", self.socket.display())),
        }
    }

    /// The body of a good answer, or the sentence in a bad one.
    fn accept(&self, answer: Answer) -> Result<Bytes, Failure> {
        if answer.status.is_success() {
            return Ok(answer.body);
        }
        let told = serde_json::from_slice::<Problem>(&answer.body).map(|problem| problem.error.message);
        let told = told.or_else(|_| serde_json::from_slice::<ControlAnswer>(&answer.body).map(|answer| answer.message));
        Err(match (answer.status, told) {
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, told) => Failure::failed(format!(
                "the daemon of the home {} does not take orders from this user{}; run this as the user that started it",
                self.home.display(),
                told.map(|why| format!(" ({why})")).unwrap_or_default()
            )),
            (_, Ok(message)) => Failure::Failed(message),
            (status, Err(_)) => self.misunderstood(&format!("status {}", status.as_u16())),
        })
    }

    fn read<T: DeserializeOwned>(&self, body: Bytes) -> Result<T, Failure> {
        serde_json::from_slice(&body).map_err(|error| self.misunderstood(&error.to_string()))
    }

    /// Both ends are made together, so this means that they are not of one version.
    fn misunderstood(&self, what: &str) -> Failure {
        Failure::failed(format!(
            "the daemon gave an answer that qd {} does not understand ({what}), so it is probably of another version; \
             run `qd save`, `qd kill` and `qd resurrect` to replace it",
            env!("CARGO_PKG_VERSION")
        ))
    }

    fn hangs(&self) -> Failure {
        Failure::failed(format!(
            "the daemon of the home {} gave no answer within {} s; its apps go on without it, and `qd check --heal` replaces it",
            self.home.display(),
            self.patience.answer.as_secs()
        ))
    }
}

/// A name as one segment of a path (RFC 3986, section 3.3): all but the unreserved characters is encoded.
pub(super) fn segment(name: &str) -> String {
    name.bytes().fold(String::with_capacity(name.len()), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            // Writing into a String cannot fail.
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
        encoded
    })
}

#[cfg(test)]
mod tests;
