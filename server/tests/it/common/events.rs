//! Server-sent events as a browser reads them.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use tokio::time::timeout;

/// Long enough for a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Message {
    pub(crate) kind: String,
    pub(crate) id: Option<u64>,
    pub(crate) data: String,
    pub(crate) comment: bool,
    pub(crate) retry: Option<u64>,
}

impl Message {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.data).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

pub(crate) struct EventStream {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    body: Incoming,
    text: String,
    /// How much of the text is known to hold no end of a message.
    seen: usize,
}

impl EventStream {
    pub(crate) fn new(response: Response<Incoming>) -> Self {
        let (head, body) = response.into_parts();
        Self { status: head.status.as_u16(), headers: head.headers, body, text: String::new(), seen: 0 }
    }

    /// The next message or comment; none at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(end) = self.text[self.seen..].find("\n\n") {
                let block: String = self.text.drain(..self.seen + end + 2).collect();
                self.seen = 0;
                return Some(parse(&block));
            }
            // Half of an end may be there; the line ends are ASCII, so this is no half of a letter.
            self.seen = if self.text.ends_with('\n') { self.text.len() - 1 } else { self.text.len() };
            let frame = timeout(PATIENCE, self.body.frame()).await.expect("the stream said nothing for long")?.ok()?;
            self.text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        }
    }

    /// The next message that is one of these kinds.
    pub(crate) async fn next_of(&mut self, kinds: &[&str]) -> Message {
        loop {
            let message = self.next().await.expect("the stream ended");
            if kinds.contains(&message.kind.as_str()) {
                return message;
            }
        }
    }
}

fn parse(block: &str) -> Message {
    let mut message = Message::default();
    for line in block.lines().filter(|line| !line.is_empty()) {
        match line.split_once(':').unwrap() {
            ("", _) => message.comment = true,
            ("event", value) => message.kind = value.trim().into(),
            ("id", value) => message.id = value.trim().parse().ok(),
            ("data", value) => message.data.push_str(value.trim()),
            ("retry", value) => message.retry = value.trim().parse().ok(),
            other => panic!("unknown field {other:?}"),
        }
    }
    message
}
