//! Connections to others: to a monitor that waits for a heartbeat, and to apps, whose health is checked and whose figures are read.

mod anything;
#[cfg(test)]
pub(crate) mod testing;

use std::io;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response, Uri, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// Whom to believe that it is who it says, over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trust {
    /// Whoever has a certificate for the name by one of the authorities that browsers trust.
    Roots,
    /// Anybody: for apps of this host, whose certificates nobody else has signed.
    Anything,
}

/// Why there is no connection where nobody listens.
pub const REFUSED: &str = "connection refused";

/// What can be read and written.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// An open connection, through TLS where that was asked for.
pub type Connection = Box<dyn Stream>;

/// The port, where none was told, is the usual one of the scheme: 80, or 443.
#[must_use]
pub fn port(uri: &Uri) -> u16 {
    uri.port_u16().unwrap_or(if is_tls(uri) { 443 } else { 80 })
}

/// Connects to the host of an address, by TLS if it is one of `https`.
///
/// # Errors
/// Why there is no connection, in words. The time is not bounded.
pub async fn open(uri: &Uri, trust: Trust) -> Result<Connection, String> {
    static ROOTS: LazyLock<Result<Arc<ClientConfig>, String>> =
        LazyLock::new(|| trusting(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }));
    static ANYTHING: LazyLock<Result<Arc<ClientConfig>, String>> = LazyLock::new(anything::config);
    let config = match trust {
        _ if !is_tls(uri) => None,
        Trust::Roots => Some(ROOTS.as_ref()),
        Trust::Anything => Some(ANYTHING.as_ref()),
    };
    connect(uri, config.transpose().map_err(Clone::clone)?).await
}

/// Asks for the address, and gives the status of the answer; its body is not read.
///
/// # Errors
/// Why there is no answer, in words.
pub async fn get(uri: &Uri, trust: Trust, limit: Duration) -> Result<u16, String> {
    let asked = timeout(limit, async { Ok(ask(uri, open(uri, trust).await?).await?.status().as_u16()) }).await;
    asked.unwrap_or_else(|_| Err(format!("no answer within {} s", limit.as_secs_f32())))
}

fn is_tls(uri: &Uri) -> bool {
    uri.scheme_str() == Some("https")
}

fn trusting(roots: RootCertStore) -> Result<Arc<ClientConfig>, String> {
    let builder = ClientConfig::builder_with_provider(crypto::ring::default_provider().into());
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| format!("TLS cannot be set up: {error}"))?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// Connects, and no more.
///
/// # Errors
/// Why there is no connection, in words. The time is not bounded.
pub async fn tcp(address: impl ToSocketAddrs) -> Result<TcpStream, String> {
    TcpStream::connect(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::ConnectionRefused => REFUSED.to_owned(),
        _ => format!("no connection: {error}"),
    })
}

async fn connect(uri: &Uri, tls: Option<&Arc<ClientConfig>>) -> Result<Connection, String> {
    let host = uri.host().ok_or("the address has no host")?;
    // An address of IPv6 stands in brackets there (RFC 3986, section 3.2.2), and nowhere else.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let stream = tcp((host, port(uri))).await?;
    let Some(config) = tls else { return Ok(Box::new(stream)) };
    let name = ServerName::try_from(host.to_owned()).map_err(|_| format!("{host:?} cannot be the name of a host"))?;
    let stream = TlsConnector::from(config.clone()).connect(name, stream).await;
    Ok(Box::new(stream.map_err(|error| format!("no TLS connection: {error}"))?))
}

/// Asks for the address over this connection.
///
/// # Errors
/// Why there is no answer, in words.
pub async fn ask(uri: &Uri, stream: Connection) -> Result<Response<Incoming>, String> {
    let broken = |error: hyper::Error| format!("the connection broke: {error}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    // Without what may stand before the host: a password is for no log of the other side.
    let host = uri.authority().map_or("", |authority| authority.as_str());
    let request = Request::get(path)
        .header(header::HOST, host.rsplit('@').next().unwrap_or(host))
        .header(header::USER_AGENT, concat!("quarterdeck/", env!("CARGO_PKG_VERSION")))
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| format!("the request cannot be made: {error}"))?;
    // It carries the body of the answer too, and ends with it.
    let connection = tokio::spawn(connection);
    sender.send_request(request).await.map_err(|error| {
        connection.abort();
        broken(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn uri(text: String) -> Uri {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn over_http() {
        let server = testing::http("HTTP/1.1 204 Fine\r\n\r\n").await;
        let asked = get(&uri(format!("http://me:secret@127.0.0.1:{}/ping/1?a=b", server.port)), Trust::Roots, LIMIT).await;
        assert_eq!(asked, Ok(204));
        let heard = server.heard().await;
        assert!(heard.starts_with("GET /ping/1?a=b HTTP/1.1\r\n"), "{heard}");
        assert!(heard.contains(&format!("host: 127.0.0.1:{}\r\n", server.port)) && !heard.contains("secret"), "{heard}");
    }

    #[tokio::test]
    async fn over_https_with_a_certificate_of_its_own() {
        let server = testing::https("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup").await;
        let there = uri(format!("https://localhost:{}/", server.port));
        assert_eq!(get(&there, Trust::Anything, LIMIT).await, Ok(200));
        let refused = get(&there, Trust::Roots, LIMIT).await.unwrap_err();
        assert!(refused.starts_with("no TLS connection: invalid peer certificate"), "{refused}");
    }

    #[tokio::test]
    async fn a_certificate_counts_for_its_name_alone() {
        let mut roots = RootCertStore::empty();
        roots.add(testing::CERTIFICATE.into()).unwrap();
        let config = trusting(roots).unwrap();
        for (host, is_trusted) in [("localhost", true), ("127.0.0.1", true), ("127.0.0.2", false)] {
            let address = if host == "localhost" { "127.0.0.1" } else { host };
            let server = testing::https_at(address, "HTTP/1.1 200 OK\r\n\r\n").await;
            let connected = connect(&uri(format!("https://{host}:{}/", server.port)), Some(&config)).await;
            assert_eq!(connected.is_ok(), is_trusted, "{host}: {:?}", connected.err());
        }
    }

    #[tokio::test]
    async fn what_does_not_answer() {
        let silent = testing::http("").await;
        let none = get(&uri(format!("http://127.0.0.1:{}/", silent.port)), Trust::Roots, Duration::from_millis(50)).await;
        assert_eq!(none, Err("no answer within 0.05 s".into()));
        let plain = testing::http("HTTP/1.1 200 OK\r\n\r\n").await;
        let told = get(&uri(format!("https://127.0.0.1:{}/", plain.port)), Trust::Anything, LIMIT).await.unwrap_err();
        assert!(told.starts_with("no TLS connection"), "{told}");
    }

    #[test]
    fn ports() {
        for (text, expected) in [("http://a/", 80), ("https://a/", 443), ("https://[::1]:8443/", 8443)] {
            assert_eq!(port(&uri(text.into())), expected);
        }
    }
}
