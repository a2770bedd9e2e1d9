//! The health of a gRPC server (grpc.health.v1, <https://github.com/grpc/grpc/blob/master/doc/health-checking.md>), over HTTP/2
//! without TLS. Its two messages have one field each, so they are written and read here.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http2;
use hyper::{HeaderMap, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

/// `HealthCheckRequest.service` and `HealthCheckResponse.status` have the number 1; wire type 2 is text, 0 a number.
const SERVICE: u8 = (1 << 3) | 2;
const STATUS: u8 = 1 << 3;
/// A flag that tells of compression, and the length of the message.
const FRAME: usize = 5;
const MOST_OF_ANSWER: usize = 1 << 10;

/// Asks the server about a service.
///
/// # Errors
/// Why it does not serve.
pub(super) async fn ask(stream: TcpStream, address: &str, service: &str) -> Result<(), String> {
    let broken = |error: hyper::Error| format!("it does not speak HTTP/2: {error}");
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.map_err(broken)?;
    let connection = tokio::spawn(connection);
    let request = Request::post(format!("http://{address}/grpc.health.v1.Health/Check"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::new(Bytes::from(request(service))))
        .map_err(|error| format!("the request cannot be made: {error}"))?;
    let answered = async {
        let answer = sender.send_request(request).await.map_err(broken)?;
        let status = answer.status();
        let headers = answer.headers().clone();
        let body = Limited::new(answer.into_body(), MOST_OF_ANSWER).collect().await;
        let body = body.map_err(|error| format!("its answer cannot be read: {error}"))?;
        // An error alone comes with the headers.
        let code = body.trailers().and_then(code).or_else(|| code(&headers));
        match code {
            Some(0) => serving(&body.to_bytes()),
            Some(5) => Err(format!("it does not know the service {service:?}")),
            Some(12) => Err("it does not offer grpc.health.v1.Health".to_owned()),
            Some(code) => Err(format!("answered gRPC status {code}")),
            None => Err(format!("answered {status}, which is not gRPC")),
        }
    };
    let answered = answered.await;
    connection.abort();
    answered
}

fn code(headers: &HeaderMap) -> Option<u32> {
    headers.get("grpc-status")?.to_str().ok()?.trim().parse().ok()
}

fn request(service: &str) -> Vec<u8> {
    let mut message = Vec::new();
    if !service.is_empty() {
        message.push(SERVICE);
        varint(service.len(), &mut message);
        message.extend(service.as_bytes());
    }
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    [vec![0], length.to_vec(), message].concat()
}

fn varint(mut number: usize, into: &mut Vec<u8>) {
    while number >= 0x80 {
        into.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

fn serving(answer: &[u8]) -> Result<(), String> {
    match answer.get(FRAME..) {
        Some([STATUS, 1, ..]) => Ok(()),
        Some([STATUS, 2, ..]) => Err("says NOT_SERVING".into()),
        Some([STATUS, 3, ..]) => Err("says SERVICE_UNKNOWN".into()),
        // The default, 0, is left out.
        Some(_) => Err("says UNKNOWN".into()),
        None => Err("its answer has no message".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::body::{Body, Frame, Incoming};
    use hyper::server::conn::http2;
    use hyper::service::service_fn;
    use hyper::{HeaderMap, Response};
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use tokio::net::TcpListener;

    /// A body of one message, and trailers.
    struct Answer(Vec<Frame<Bytes>>);

    impl Body for Answer {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop().map(Ok))
        }
    }

    /// Serves the service `up` alone; of the whole server it says nothing.
    async fn answer(request: Request<Incoming>) -> Result<Response<Answer>, Infallible> {
        let asked = request.into_body().collect().await.unwrap().to_bytes();
        let name = asked.get(FRAME + 2..).unwrap_or_default();
        let (message, code): (&[u8], u32) = match name {
            b"up" => (&[STATUS, 1], 0),
            b"down" => (&[STATUS, 2], 0),
            b"" => (&[], 0),
            _ => (&[], 5),
        };
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", code.into());
        let body = [&[0, 0, 0, 0, u8::try_from(message.len()).unwrap()][..], message].concat();
        Ok(Response::new(Answer(vec![Frame::trailers(trailers), Frame::data(body.into())])))
    }

    #[tokio::test]
    async fn what_it_says_counts() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serve = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service_fn(answer));
                tokio::spawn(serve);
            }
        });
        let ask = async |service| ask(TcpStream::connect(&address).await.unwrap(), &address, service).await;
        assert_eq!(ask("up").await, Ok(()));
        assert_eq!(ask("down").await, Err("says NOT_SERVING".into()));
        assert_eq!(ask("").await, Err("says UNKNOWN".into()));
        assert_eq!(ask("other").await, Err("it does not know the service \"other\"".into()));
    }

    #[test]
    fn long_names() {
        let message = request(&"x".repeat(300));
        assert_eq!(message[..8], [0, 0, 0, 1, 47, SERVICE, 0xac, 2]);
        assert_eq!(message.len(), FRAME + 3 + 300);
        assert_eq!(request(""), [0; FRAME]);
    }
}
