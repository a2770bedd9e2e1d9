//! One check: a question to an app over the network.

mod grpc;
mod http;

use std::net::SocketAddr;
use std::time::Duration;

use app::model::{GrpcProbe, HttpProbe, Probe};
use hyper::Uri;
use tokio::time::{Instant, timeout};

use crate::outbound::{self, Trust};
use crate::process;

/// A check that can be made: the probe with everything filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// `HOST:PORT`.
    address: String,
    /// The port of the app, where no address was told.
    own: Option<u16>,
    question: Question,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Question {
    /// A connection is enough.
    Nothing,
    Http(Uri, HttpProbe),
    Grpc(String),
    /// cloudflared: how many connections it has, and under which address.
    Tunnel,
}

/// A check that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// How long it took.
    pub time: Duration,
    /// What it told.
    pub detail: Option<String>,
}

impl Check {
    /// Of an app that listens on this port. None if that has to be known, and is not, and if nothing is asked over the network.
    #[must_use]
    pub fn new(probe: &Probe, port: Option<u16>) -> Option<Self> {
        let own = if probe.asks_own_port() { Some(port?) } else { None };
        let here = own.map(|port| format!("127.0.0.1:{port}"));
        let (address, question) = match probe {
            Probe::Tcp(address) => (address.clone().or(here)?, Question::Nothing),
            Probe::Grpc(GrpcProbe { address, service }) => (address.clone().or(here)?, Question::Grpc(service.clone())),
            Probe::Http(http) => {
                let uri: Uri = here.map_or_else(|| http.url.clone(), |here| format!("http://{here}{}", http.url)).parse().ok()?;
                (format!("{}:{}", uri.host()?, outbound::port(&uri)), Question::Http(uri, http.clone()))
            }
            Probe::Command(_) | Probe::Log(_) | Probe::Heartbeat(_) => return None,
        };
        Some(Self { address, own, question })
    }

    /// Of cloudflared, by its metrics server (its `--metrics`; `/ready` and `/quicktunnel`).
    #[must_use]
    pub fn of_tunnel(address: String) -> Self {
        Self { address, own: None, question: Question::Tunnel }
    }

    /// What is asked, in words.
    #[must_use]
    pub fn words(&self) -> String {
        match &self.question {
            Question::Nothing => format!("connection to {}", self.address),
            Question::Http(uri, _) => format!("GET {uri}"),
            Question::Grpc(service) if service.is_empty() => format!("gRPC health of {}", self.address),
            Question::Grpc(service) => format!("gRPC health of {service} at {}", self.address),
            Question::Tunnel => format!("connections of the tunnel, GET http://{}/ready", self.address),
        }
    }

    /// The same in few words, for who knows the app: `GET /health`, `port 5000`.
    #[must_use]
    pub fn brief(&self) -> String {
        match &self.question {
            Question::Http(uri, probe) if probe.url.starts_with('/') => {
                format!("GET {}", uri.path_and_query().map_or("/", |path| path.as_str()))
            }
            Question::Nothing => {
                self.address.strip_prefix("127.0.0.1:").map_or_else(|| self.words(), |port| format!("port {port}"))
            }
            Question::Grpc(_) => "gRPC health".into(),
            Question::Tunnel => "tunnel".into(),
            Question::Http(..) => self.words(),
        }
    }

    /// Asks, and gives the time that it took.
    ///
    /// # Errors
    /// Why it failed, in words.
    pub async fn run(&self, limit: Duration) -> Result<Passed, String> {
        let begun = Instant::now();
        match timeout(limit, self.ask_anywhere(begun)).await {
            Ok(asked) => asked.map(|detail| Passed { time: begun.elapsed(), detail }),
            Err(_) => Err(format!("no answer within {}", seconds(limit))),
        }
    }

    /// Not every program listens at 127.0.0.1: `localhost` is ::1 for some, and others have an address of their own.
    async fn ask_anywhere(&self, begun: Instant) -> Result<Option<String>, String> {
        let is_refused = |asked: &Result<_, String>| asked.as_ref().is_err_and(|why| why == outbound::REFUSED);
        let first = self.ask(begun).await;
        let Some(port) = self.own.filter(|_| is_refused(&first)) else { return first };
        for address in process::other_addresses_of(port) {
            let asked = self.at(address).ask(begun).await;
            if !is_refused(&asked) {
                return asked;
            }
        }
        first
    }

    /// The same at another address.
    fn at(&self, address: SocketAddr) -> Self {
        let mut other = Self { address: address.to_string(), ..self.clone() };
        if let Question::Http(_, probe) = &self.question
            && let Ok(uri) = format!("http://{address}{}", probe.url).parse()
        {
            other.question = Question::Http(uri, probe.clone());
        }
        other
    }

    async fn ask(&self, begun: Instant) -> Result<Option<String>, String> {
        match &self.question {
            Question::Nothing => outbound::tcp(&self.address).await.map(|_| None),
            Question::Grpc(service) => {
                grpc::ask(outbound::tcp(&self.address).await?, &self.address, service).await.map(|()| None)
            }
            Question::Http(uri, wanted) => {
                let trust = if wanted.insecure { Trust::Anything } else { Trust::Roots };
                let stream = outbound::open(uri, trust).await.map_err(|why| match why.contains("certificate") {
                    true => why + "; if it is its own, set `insecure: true`",
                    false => why,
                })?;
                let answer = outbound::ask(uri, stream).await?;
                http::judge(answer, wanted, begun).await.map(|()| None)
            }
            Question::Tunnel => self.ask_tunnel().await.map(Some),
        }
    }

    /// `{"readyConnections": 4}` with status 200, or 503 without any; and the address of a quick tunnel, which has one.
    async fn ask_tunnel(&self) -> Result<String, String> {
        let ready = self.get("/ready").await?;
        let count = ready["readyConnections"].as_u64().ok_or("it does not tell how many connections it has")?;
        if count == 0 {
            return Err("has no connection to Cloudflare".into());
        }
        let quick = self.get("/quicktunnel").await.unwrap_or_default();
        let host = quick["hostname"].as_str().filter(|host| !host.is_empty());
        let connections = if count == 1 { "1 connection".to_owned() } else { format!("{count} connections") };
        let address = host.map(|host| format!(", https://{host}")).unwrap_or_default();
        Ok(format!("{connections} to Cloudflare{address}"))
    }

    async fn get(&self, path: &str) -> Result<serde_json::Value, String> {
        let uri: Uri = format!("http://{}{path}", self.address).parse().map_err(|error| format!("{error}"))?;
        let answer = outbound::ask(&uri, outbound::open(&uri, Trust::Roots).await?).await?;
        let body = http::beginning(answer).await?;
        serde_json::from_slice(&body).map_err(|error| format!("its answer to {path} cannot be read: {error}"))
    }
}

pub(super) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpSocket};

    /// Answers every connection so, after it was asked.
    async fn answers(text: &'static str) -> u16 {
        answers_at(text, "127.0.0.1:0".parse().unwrap()).await
    }

    async fn answers_at(text: &'static str, address: SocketAddr) -> u16 {
        let listener = TcpListener::bind(address).await.unwrap();
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
        HttpProbe {
            url: url.into(),
            status: vec![(200, 399)],
            body: None,
            headers: Vec::new(),
            insecure: false,
            max_latency_ms: None,
        }
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
        let long: &str =
            Box::leak(format!("HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\nup{}", " ".repeat(499_998)).into_boxed_str());
        assert_eq!(ask(HttpProbe { body: Some("up".into()), ..http("/") }, answers(long).await).await, Ok(()));
        let slow = ask(HttpProbe { max_latency_ms: Some(0), ..http("/") }, fine).await.unwrap_err();
        assert!(slow.starts_with("slow: answered after"), "{slow}");
        let bad = answers("HTTP/1.1 503 Away\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(ask(http("/"), bad).await, Err("answered 503".into()));
        assert_eq!(ask(HttpProbe { status: vec![(503, 503)], ..http("/") }, bad).await, Ok(()));
        let hangs = answers("").await;
        assert_eq!(ask(http("/"), hangs).await, Err("no answer within 0.3 s".into()));
        let header = |text: &str| HttpProbe { headers: vec![("content-length".into(), text.into())], ..http("/") };
        assert_eq!(ask(header("2"), fine).await, Ok(()));
        assert_eq!(ask(header("9"), fine).await, Err("its header content-length is \"2\", without \"9\"".into()));
        let other = HttpProbe { headers: vec![("x-ready".into(), String::new())], ..http("/") };
        assert_eq!(ask(other, fine).await, Err("its answer has no header x-ready".into()));
        let nonsense = answers("SSH-2.0\r\n").await;
        let broke = ask(http("/"), nonsense).await.unwrap_err();
        assert!(broke.starts_with("the connection broke"), "{broke}");
    }

    #[tokio::test]
    async fn over_tls() {
        let server = crate::outbound::testing::https("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup").await;
        let own = http(&format!("https://localhost:{}/", server.port));
        let ask = async |probe| Check::new(&Probe::Http(probe), None).unwrap().run(Duration::from_secs(20)).await;
        let refused = ask(own.clone()).await.unwrap_err();
        assert!(refused.ends_with("; if it is its own, set `insecure: true`"), "{refused}");
        assert!(ask(HttpProbe { insecure: true, body: Some("up".into()), ..own }).await.is_ok());
    }

    #[tokio::test]
    async fn tunnels() {
        let told = async |text| Check::of_tunnel(format!("127.0.0.1:{}", answers(text).await)).run(Duration::from_secs(5)).await;
        let up =
            told("HTTP/1.1 200 OK\r\nContent-Length: 49\r\n\r\n{\"readyConnections\":4,\"hostname\":\"a.example.com\"}").await;
        assert_eq!(up.unwrap().detail.unwrap(), "4 connections to Cloudflare, https://a.example.com");
        let down = told("HTTP/1.1 503 Away\r\nContent-Length: 22\r\n\r\n{\"readyConnections\":0}").await;
        assert_eq!(down, Err("has no connection to Cloudflare".into()));
        let other = told("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
        assert_eq!(other, Err("it does not tell how many connections it has".into()));
    }

    /// As one that listens at `localhost`, which is ::1 for it, or at an address of the network alone.
    #[tokio::test]
    async fn who_listens_elsewhere_is_found() {
        for address in ["127.0.0.2", "::1"].map(|text| text.parse::<std::net::IpAddr>().unwrap()) {
            // Nobody else gets this number while it is held, and nobody listens there.
            let held = TcpSocket::new_v4().unwrap();
            held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let port = held.local_addr().unwrap().port();
            if address.is_ipv6() && std::net::TcpListener::bind((address, 0)).is_err() {
                eprintln!("\n*** SKIPPED: a check at ::1: this host has no IPv6\n");
                continue;
            }
            let run = async |probe: Probe| Check::new(&probe, Some(port)).unwrap().run(Duration::from_secs(20)).await.map(drop);
            assert_eq!(run(Probe::Tcp(None)).await, Err("connection refused".into()));
            answers_at("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup", (address, port).into()).await;
            assert_eq!(run(Probe::Tcp(None)).await, Ok(()));
            assert_eq!(run(Probe::Http(HttpProbe { body: Some("up".into()), ..http("/") })).await, Ok(()));
            let wrong = run(Probe::Http(HttpProbe { status: vec![(204, 204)], ..http("/") })).await;
            assert_eq!(wrong, Err("answered 200".into()));
            let told = format!("127.0.0.1:{port}");
            assert_eq!(
                run(Probe::Tcp(Some(told))).await,
                Err("connection refused".into()),
                "where it was told, and nowhere else"
            );
        }
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
