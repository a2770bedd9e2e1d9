//! What the answer to a GET request has to be.

use std::time::Duration;

use app::model::HttpProbe;
use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::seconds;

/// What is read of a body.
const MOST_OF_BODY: usize = 64 << 10;

/// The beginning of the body; the rest of a long one is not waited for.
///
/// # Errors
/// It broke off.
pub(super) async fn beginning(answer: Response<Incoming>) -> Result<Vec<u8>, String> {
    let (mut body, mut read) = (answer.into_body(), Vec::new());
    while read.len() < MOST_OF_BODY
        && let Some(frame) = body.frame().await
    {
        let frame = frame.map_err(|error| format!("its body cannot be read: {error}"))?;
        read.extend(frame.data_ref().into_iter().flatten());
    }
    read.truncate(MOST_OF_BODY);
    Ok(read)
}

/// Is the answer what it has to be?
///
/// # Errors
/// Why not.
pub(super) async fn judge(answer: Response<Incoming>, wanted: &HttpProbe, begun: Instant) -> Result<(), String> {
    let status = answer.status().as_u16();
    if !wanted.status.iter().any(|(from, to)| (*from..=*to).contains(&status)) {
        return Err(format!("answered {status}"));
    }
    for (name, text) in &wanted.headers {
        let values = answer.headers().get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let values: Vec<String> = values.collect();
        if !values.iter().any(|value| value.contains(text)) {
            return Err(match values.as_slice() {
                [] => format!("its answer has no header {name}"),
                values => format!("its header {name} is {:?}, without {text:?}", values.join(", ")),
            });
        }
    }
    if let Some(limit) = wanted.max_latency_ms.map(Duration::from_millis).filter(|limit| begun.elapsed() > *limit) {
        return Err(format!("slow: answered after {}, over {}", seconds(begun.elapsed()), seconds(limit)));
    }
    let Some(text) = &wanted.body else { return Ok(()) };
    let body = beginning(answer).await?;
    let found = body.windows(text.len().max(1)).any(|part| part == text.as_bytes());
    if found { Ok(()) } else { Err(format!("{text:?} is not in its answer")) }
}
