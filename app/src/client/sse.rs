//! Server-sent events (WHATWG HTML, section 9.2.6) from bytes that come in pieces of any size.

/// One message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Its kind; `message` if none was told.
    pub(crate) event: String,
    /// What it says; lines are joined by a line feed.
    pub(crate) data: String,
    /// Its id, where it has one.
    pub(crate) id: Option<String>,
}

/// Collects bytes until a message is whole.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    frame: Frame,
    after_return: bool,
}

impl Parser {
    /// Takes bytes in, and gives the messages that they completed.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<Frame> {
        let mut whole = Vec::new();
        for &byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => whole.extend(self.end_line()),
                _ => self.line.push(byte),
            }
        }
        whole
    }

    fn end_line(&mut self) -> Option<Frame> {
        let bytes = std::mem::take(&mut self.line);
        if bytes.is_empty() {
            let mut frame = std::mem::take(&mut self.frame);
            frame.data.pop();
            return (!frame.data.is_empty()).then_some(frame);
        }
        let line = String::from_utf8_lossy(&bytes);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.frame.event),
            "data" => {
                self.frame.data.push_str(value);
                self.frame.data.push('\n');
            }
            "id" => self.frame.id = Some(value.to_owned()),
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STREAM: &str = "retry: 1000\n\n: a comment\r\n\r\nevent: health\ndata: {\"a\":\ndata:1}\n\nid: 7\nevent: event\rdata: ü\r\rdata: cut off";

    fn frame(event: &str, data: &str, id: Option<&str>) -> Frame {
        Frame { event: event.into(), data: data.into(), id: id.map(Into::into) }
    }

    #[test]
    fn messages_are_told_apart() {
        let mut parser = Parser::default();
        assert_eq!(parser.feed(STREAM.as_bytes()), [frame("health", "{\"a\":\n1}", None), frame("event", "ü", Some("7"))]);
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(cuts in proptest::collection::vec(0..STREAM.len(), 0..8)) {
            let mut cuts = cuts;
            cuts.extend([0, STREAM.len()]);
            cuts.sort_unstable();
            let mut parser = Parser::default();
            let told: Vec<_> = cuts.windows(2).flat_map(|pair| parser.feed(&STREAM.as_bytes()[pair[0]..pair[1]])).collect();
            prop_assert_eq!(told, Parser::default().feed(STREAM.as_bytes()));
        }
    }
}
