//! One check: a question to an app over the network.

use std::time::Duration;

use app::model::{HttpProbe, Probe};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::{Request, Uri, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// What is read of a body.
const MOST_OF_BODY: usize = 64 << 10;

/// A check that can be made: the probe with everything filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// `HOST:PORT`.
    address: String,
    /// What is asked for there, and what the answer has to be; nothing is asked over a bare connection.
    http: Option<(Uri, HttpProbe)>,
}

impl Check {
    /// Of an app that listens on this port. None if that has to be known, and is not.
    #[must_use]
    pub fn new(probe: &Probe, port: Option<u16>) -> Option<Self> {
        let own = || port.map(|port| format!("127.0.0.1:{port}"));
        match probe {
            Probe::Tcp(address) => Some(Self { address: address.clone().or_else(own)?, http: None }),
            Probe::Http(http) => {
                let url = if http.url.starts_with('/') { format!("http://{}{}", own()?, http.url) } else { http.url.clone() };
                let uri: Uri = url.parse().ok()?;
                let address = format!("{}:{}", uri.host()?, uri.port_u16().unwrap_or(80));
                Some(Self { address, http: Some((uri, http.clone())) })
            }
        }
    }

    /// What is asked, in words.
    #[must_use]
    pub fn words(&self) -> String {
        self.http.as_ref().map_or_else(|| format!("connection to {}", self.address), |(uri, _)| format!("GET {uri}"))
    }

    /// The same in few words, for who knows the app: `GET /health`, `port 5000`.
    #[must_use]
    pub fn brief(&self) -> String {
        match &self.http {
            Some((uri, probe)) if probe.url.starts_with('/') => {
                format!("GET {}", uri.path_and_query().map_or("/", |path| path.as_str()))
            }
            Some(_) => self.words(),
            None => self.address.strip_prefix("127.0.0.1:").map_or_else(|| self.words(), |port| format!("port {port}")),
        }
    }

    /// Asks, and gives the time that it took.
    ///
    /// # Errors
    /// Why it failed, in words.
    pub async fn run(&self, limit: Duration) -> Result<Duration, String> {
        let begun = Instant::now();
        match timeout(limit, self.ask(begun)).await {
            Ok(asked) => asked.map(|()| begun.elapsed()),
            Err(_) => Err(format!("no answer within {}", seconds(limit))),
        }
    }

    async fn ask(&self, begun: Instant) -> Result<(), String> {
        let stream = TcpStream::connect(&self.address).await.map_err(|error| match error.kind() {
            std::io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
            _ => format!("no connection: {error}"),
        })?;
        let Some((uri, wanted)) = &self.http else { return Ok(()) };
        let broken = |error: hyper::Error| format!("the connection broke: {error}");
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::get(path)
            .header(header::HOST, self.address.as_str())
            .header(header::USER_AGENT, concat!("quarterdeck/", env!("CARGO_PKG_VERSION")))
            .header(header::CONNECTION, "close")
            .body(Empty::<Bytes>::new())
            .map_err(|error| format!("the request cannot be made: {error}"))?;
        let answer = async {
            let answer = sender.send_request(request).await.map_err(broken)?;
            let status = answer.status().as_u16();
            if !wanted.status.iter().any(|(from, to)| (*from..=*to).contains(&status)) {
                return Err(format!("answered {status}"));
            }
            if let Some(limit) = wanted.max_latency_ms.map(Duration::from_millis).filter(|limit| begun.elapsed() > *limit) {
                return Err(format!("slow: answered after {}, over {}", seconds(begun.elapsed()), seconds(limit)));
            }
            let Some(text) = &wanted.body else { return Ok(()) };
            let body = Limited::new(answer.into_body(), MOST_OF_BODY).collect().await;
            let body = body.map_err(|error| format!("its body cannot be read: {error}"))?.to_bytes();
            let found = body.windows(text.len().max(1)).any(|part| part == text.as_bytes());
            if found { Ok(()) } else { Err(format!("{text:?} is not in its answer")) }
        };
        tokio::select! {
            answer = answer => answer,
            // What was answered is heard first.
            Err(error) = connection => Err(broken(error)),
        }
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Answers every connection so, after it was asked.
    async fn answers(text: &'static str) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut asked = [0; 1000];
                let _ = stream.read(&mut asked).await;
                let _ = stream.write_all(text.as_bytes()).await;
                if text.is_empty() {
                    std::future::pending::<()>().await;
                }
            }
        });
        port
    }

    fn http(url: &str) -> HttpProbe {
        HttpProbe { url: url.into(), status: vec![(200, 399)], body: None, max_latency_ms: None }
    }

    async fn ask(probe: HttpProbe, port: u16) -> Result<(), String> {
        let check = Check::new(&Probe::Http(probe), Some(port)).unwrap();
        check.run(Duration::from_millis(300)).await.map(drop)
    }

    #[tokio::test]
    async fn answers_pass_or_say_why_not() {
        let fine = answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup").await;
        assert_eq!(ask(http("/health?x=1"), fine).await, Ok(()));
        assert_eq!(ask(HttpProbe { body: Some("up".into()), ..http("/") }, fine).await, Ok(()));
        let other = ask(HttpProbe { body: Some("down".into()), ..http("/") }, fine).await;
        assert_eq!(other, Err("\"down\" is not in its answer".into()));
        let slow = ask(HttpProbe { max_latency_ms: Some(0), ..http("/") }, fine).await.unwrap_err();
        assert!(slow.starts_with("slow: answered after"), "{slow}");
        let bad = answers("HTTP/1.1 503 Away\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(ask(http("/"), bad).await, Err("answered 503".into()));
        assert_eq!(ask(HttpProbe { status: vec![(503, 503)], ..http("/") }, bad).await, Ok(()));
        let hangs = answers("").await;
        assert_eq!(ask(http("/"), hangs).await, Err("no answer within 0.3 s".into()));
        let nonsense = answers("SSH-2.0\r\n").await;
        let broke = ask(http("/"), nonsense).await.unwrap_err();
        assert!(broke.starts_with("the connection broke"), "{broke}");
    }

    #[tokio::test]
    async fn connections() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let check = Check::new(&Probe::Tcp(None), Some(port)).unwrap();
        assert_eq!(check.words(), format!("connection to 127.0.0.1:{port}"));
        assert_eq!(check.brief(), format!("port {port}"));
        assert!(check.run(Duration::from_secs(5)).await.is_ok());
        drop(listener);
        let closed = check.run(Duration::from_secs(5)).await;
        // Another test may have been given the same number meanwhile.
        assert!(closed.is_ok() || closed == Err("connection refused".into()), "{closed:?}");
        assert_eq!(Check::new(&Probe::Tcp(None), None), None);
        assert_eq!(Check::new(&Probe::Http(http("/")), Some(1)).unwrap().words(), "GET http://127.0.0.1:1/");
    }
}
