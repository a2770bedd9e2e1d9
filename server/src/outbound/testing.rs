//! Somebody to connect to.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, crypto};

use super::Stream;

/// Signed by itself, for `localhost` and `127.0.0.1`.
pub(crate) const CERTIFICATE: &[u8] = include_bytes!("self_signed.der");
/// Its key, which is no secret.
const KEY: &[u8] = include_bytes!("self_signed.key.der");

/// Answers every connection with the same bytes, after it was asked.
pub(crate) struct Server {
    pub(crate) port: u16,
    asked: Mutex<mpsc::UnboundedReceiver<String>>,
}

impl Server {
    /// The next question.
    pub(crate) async fn heard(&self) -> String {
        self.asked.lock().await.recv().await.unwrap()
    }
}

/// A server of HTTP; one without an answer keeps the connection open.
pub(crate) async fn http(answer: &'static str) -> Server {
    serve("127.0.0.1", answer, None).await
}

/// The same over TLS.
pub(crate) async fn https(answer: &'static str) -> Server {
    https_at("127.0.0.1", answer).await
}

/// The same at another address of this host.
pub(crate) async fn https_at(address: &str, answer: &'static str) -> Server {
    let config = ServerConfig::builder_with_provider(crypto::ring::default_provider().into());
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = config.with_single_cert(vec![CERTIFICATE.into()], PrivateKeyDer::Pkcs8(KEY.into())).unwrap();
    serve(address, answer, Some(Arc::new(config).into())).await
}

async fn serve(address: &str, answer: &'static str, tls: Option<TlsAcceptor>) -> Server {
    let listener = TcpListener::bind((address, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            match &tls {
                None => drop(tokio::spawn(speak(stream, answer, tell.clone()))),
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        tokio::spawn(speak(stream, answer, tell.clone()));
                    }
                }
            }
        }
    });
    Server { port, asked: Mutex::new(asked) }
}

async fn speak(mut stream: impl Stream + 'static, answer: &str, tell: mpsc::UnboundedSender<String>) {
    let mut asked = [0; 4000];
    let read = stream.read(&mut asked).await.unwrap_or(0);
    let _ = tell.send(String::from_utf8_lossy(&asked[..read]).into_owned());
    let _ = stream.write_all(answer.as_bytes()).await;
    if answer.is_empty() {
        std::future::pending::<()>().await;
    }
    let _ = stream.shutdown().await;
}
