//! The channel between Node and its parent: `process.send` there, lines of JSON here (Node's `child_process`, "advanced
//! serialization" off).

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sendmsg, socketpair,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::Interest;
use tokio::net::UnixStream;

use super::cluster::ClusterWord;
use super::pidfd::PidFd;

/// Longer messages are not for us.
const LONGEST: usize = 64 << 10;
/// How often a file is sent that did not reach the app, as Node does (`MAX_HANDLE_RETRANSMISSIONS`).
const TRIES: u32 = 3;

/// Our end.
#[derive(Debug)]
pub struct Channel {
    stream: UnixStream,
    line: Vec<u8>,
    /// The line is too long, and what is left of it is passed over.
    skips: bool,
    /// What is still to be said, the first perhaps in part.
    out: VecDeque<Outgoing>,
    /// Sent with a file: nothing else is sent before the app has said that it has it.
    unacknowledged: Option<Outgoing>,
}

#[derive(Debug)]
struct Outgoing {
    line: Vec<u8>,
    written: usize,
    file: Option<Arc<OwnedFd>>,
    tries: u32,
}

/// What an app says that concerns us.
#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    /// `process.send('ready')`.
    Ready,
    /// To the primary of its cluster.
    Cluster(ClusterWord),
    /// What it counts, as `@pm2/io` tells it.
    Metrics(Vec<(String, f64)>),
}

/// Messages of Node itself.
#[derive(Deserialize)]
#[serde(tag = "cmd")]
enum Internal {
    #[serde(rename = "NODE_CLUSTER")]
    Cluster(ClusterWord),
    #[serde(rename = "NODE_HANDLE_ACK")]
    HasIt,
    #[serde(rename = "NODE_HANDLE_NACK")]
    MissesIt,
}

/// Ours, and both ends as files that the app is to have: its own, whose number it is told by `NODE_CHANNEL_FD`, and behind it ours
/// once more, so that nothing is closed when we die, and the next of us finds it there.
///
/// # Errors
/// No descriptors are left.
pub fn channel() -> io::Result<(Channel, [OwnedFd; 2])> {
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    let held = ours.try_clone()?;
    Ok((Channel::over(ours)?, [theirs, held]))
}

impl Channel {
    /// The channel of an app that an earlier supervisor started, by the number that it was told. None where the kernel does not hand it over
    /// (pidfd_getfd(2) asks for the right to trace it), or the app has closed it.
    #[must_use]
    pub fn of(app: &PidFd, number: i32) -> Option<Self> {
        let fd = rustix::process::pidfd_getfd(app.as_fd(), number + 1, rustix::process::PidfdGetfdFlags::empty());
        Self::over(fd.ok()?).ok()
    }

    fn over(fd: OwnedFd) -> io::Result<Self> {
        let stream = std::os::unix::net::UnixStream::from(fd);
        stream.set_nonblocking(true)?;
        let stream = UnixStream::from_std(stream)?;
        Ok(Self { stream, line: Vec::new(), skips: false, out: VecDeque::new(), unacknowledged: None })
    }

    /// The next word that concerns us; whatever else the app says is passed over. Sends meanwhile what is to be said. May be
    /// given up and called again.
    ///
    /// # Errors
    /// The app has closed its end.
    pub async fn word(&mut self) -> io::Result<Word> {
        loop {
            while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.line.drain(..=end).collect();
                let whole = !std::mem::take(&mut self.skips);
                if let Some(word) = whole.then(|| self.hear(line.trim_ascii())).flatten() {
                    return Ok(word);
                }
            }
            if self.line.len() > LONGEST {
                self.line.clear();
                self.skips = true;
            }
            self.send()?;
            let may_send = self.unacknowledged.is_none() && !self.out.is_empty();
            let interest = if may_send { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            if !self.stream.ready(interest).await?.is_readable() {
                continue;
            }
            let mut bytes = [0; 4096];
            match self.stream.try_read(&mut bytes) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.line.extend_from_slice(bytes.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn hear(&mut self, line: &[u8]) -> Option<Word> {
        if line == br#""ready""# {
            return Some(Word::Ready);
        }
        if line.starts_with(br#"{"type":"axm:monitor""#) {
            return monitored(line).map(Word::Metrics);
        }
        if !line.starts_with(br#"{"cmd":"NODE_"#) {
            return None;
        }
        match serde_json::from_slice(line).ok()? {
            Internal::Cluster(word) => return Some(Word::Cluster(word)),
            Internal::HasIt => self.unacknowledged = None,
            Internal::MissesIt => {
                if let Some(mut lost) = self.unacknowledged.take().filter(|lost| lost.tries < TRIES) {
                    lost.written = 0;
                    self.out.push_front(lost);
                }
            }
        }
        None
    }

    /// Says something to a worker of a cluster, with a file where there is one (Node's `net.Native` or `dgram.Native`). Sent
    /// while words are waited for.
    pub fn say(&mut self, message: &Value, file: Option<(Arc<OwnedFd>, &str)>) {
        let text = match &file {
            Some((_, kind)) => json!({ "cmd": "NODE_HANDLE", "type": kind, "msg": message }).to_string(),
            None => message.to_string(),
        };
        let line = format!("{text}\n").into_bytes();
        self.out.push_back(Outgoing { line, written: 0, file: file.map(|(file, _)| file), tries: 0 });
    }

    fn send(&mut self) -> io::Result<()> {
        while self.unacknowledged.is_none()
            && let Some(next) = self.out.front_mut()
        {
            match self.stream.try_io(Interest::WRITABLE, || next.write(&self.stream)) {
                Ok(count) => next.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
            if next.written >= next.line.len() {
                next.tries += 1;
                let sent = self.out.pop_front();
                self.unacknowledged = sent.filter(|sent| sent.file.is_some());
            }
        }
        Ok(())
    }

    /// Tells the app to end, as PM2 does with `shutdown_with_message`; false if it cannot be told.
    #[must_use]
    pub fn tell_shutdown(&self) -> bool {
        const SHUTDOWN: &[u8] = b"\"shutdown\"\n";
        let is_free = self.out.front().is_none_or(|next| next.written == 0);
        is_free && matches!(self.stream.try_write(SHUTDOWN), Ok(count) if count == SHUTDOWN.len())
    }
}

/// The numbers in `{"type":"axm:monitor","data":{NAME:{"value":VALUE}}}`; a value may be a text that begins with one, as in `12ms`.
fn monitored(line: &[u8]) -> Option<Vec<(String, f64)>> {
    #[derive(Deserialize)]
    struct Monitor {
        data: BTreeMap<String, Metric>,
    }
    #[derive(Deserialize)]
    struct Metric {
        #[serde(default)]
        value: Value,
    }
    let number = |value: &Value| match value {
        Value::String(text) => {
            let end = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '-')).unwrap_or(text.len());
            text.get(..end)?.parse().ok()
        }
        other => other.as_f64(),
    };
    let Monitor { data } = serde_json::from_slice(line).ok()?;
    Some(data.into_iter().filter_map(|(name, metric)| Some((name, number(&metric.value)?))).collect())
}

impl Outgoing {
    /// The file goes with the first byte (unix(7), `SCM_RIGHTS`).
    fn write(&self, stream: &UnixStream) -> io::Result<usize> {
        let rest = [IoSlice::new(self.line.get(self.written..).unwrap_or_default())];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut with = SendAncillaryBuffer::new(&mut space);
        let files = self.file.as_ref().filter(|_| self.written == 0).map(|file| [file.as_fd()]);
        if let Some(files) = &files {
            with.push(SendAncillaryMessage::ScmRights(files));
        }
        Ok(sendmsg(stream, &rest, &mut with, SendFlags::NOSIGNAL)?)
    }
}

/// Panics unless all that is said is heard, however it is cut. The first bytes tell where.
#[cfg(any(test, feature = "fuzz"))]
pub(crate) fn probe(bytes: &[u8]) {
    let (cuts, bytes) = bytes.split_at(bytes.len().min(2));
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| usize::from(*cut)).collect();
    cuts.sort_unstable();
    let words = heard(bytes, &cuts);
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
    let ready = lines.filter(|line| line.trim_ascii() == b"\"ready\"").count();
    assert_eq!(words.iter().filter(|word| **word == Word::Ready).count(), ready);
    assert_eq!(words, heard(bytes, &[]));
}

#[cfg(any(test, feature = "fuzz"))]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "for tests alone")]
fn heard(bytes: &[u8], cuts: &[usize]) -> Vec<Word> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (mut ours, [theirs, held]) = channel().unwrap();
        drop(held);
        let theirs = std::os::unix::net::UnixStream::from(theirs);
        theirs.set_nonblocking(true).unwrap();
        let (mut words, mut at) = (Vec::new(), 0);
        for cut in cuts.iter().copied().chain([bytes.len()]) {
            let cut = cut.clamp(at, bytes.len());
            while at < cut {
                // Full until we have read.
                at += io::Write::write(&mut (&theirs), &bytes[at..cut]).unwrap_or(0);
                // Reads what is there, and gives up when it would wait.
                while let Some(word) = tokio::select! {
                    biased;
                    word = ours.word() => word.ok(),
                    () = tokio::task::yield_now() => None,
                } {
                    words.push(word);
                }
            }
        }
        drop(theirs);
        while let Ok(word) = ours.word().await {
            words.push(word);
        }
        words
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    #[tokio::test]
    async fn ready_among_other_messages() {
        let (mut ours, [theirs, _held]) = channel().unwrap();
        let mut theirs = std::os::unix::net::UnixStream::from(theirs);
        let writer = std::thread::spawn(move || {
            theirs.write_all(b"{\"type\":\"axm:monitor\"}\n\"not ready\"\n\"re").unwrap();
            theirs.write_all(b"ady\"\n").unwrap();
            theirs.write_all(&vec![b'x'; 3 * LONGEST]).unwrap();
            theirs.write_all(b"\"ready\"\n\"ready\"\n").unwrap();
            theirs
        });
        assert_eq!(ours.word().await.unwrap(), Word::Ready);
        assert_eq!(ours.word().await.unwrap(), Word::Ready, "the end of a long line is no word of its own");
        writer.join().unwrap();
    }

    #[test]
    fn metrics_of_pm2_io() {
        let line = br#"{"type":"axm:monitor","data":{"Orders":{"historic":true,"value":3},"Loop":{"value":"12.5ms"},"V":{"value":"x"},"No":{}}}"#;
        assert_eq!(monitored(line), Some(vec![("Loop".into(), 12.5), ("Orders".into(), 3.0)]));
        assert_eq!(monitored(br#"{"type":"axm:monitor","data":[1]}"#), None);
    }

    #[tokio::test]
    async fn one_file_at_a_time_and_again_if_it_was_lost() {
        let (mut ours, [theirs, _held]) = channel().unwrap();
        let file = Arc::new(OwnedFd::from(std::fs::File::open("/dev/null").unwrap()));
        ours.say(&json!({ "ack": 1 }), Some((file.clone(), "net.Native")));
        ours.say(&json!({ "ack": 2 }), None);
        let worker = std::thread::spawn(move || {
            let theirs = std::os::unix::net::UnixStream::from(theirs);
            let hear = || {
                let (mut bytes, mut space) = ([0; 256], [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))]);
                let mut with = rustix::net::RecvAncillaryBuffer::new(&mut space);
                let mut into = [io::IoSliceMut::new(&mut bytes)];
                let count = rustix::net::recvmsg(&theirs, &mut into, &mut with, rustix::net::RecvFlags::empty()).unwrap().bytes;
                (String::from_utf8(bytes[..count].to_vec()).unwrap(), with.drain().count())
            };
            let sent = "{\"cmd\":\"NODE_HANDLE\",\"msg\":{\"ack\":1},\"type\":\"net.Native\"}\n".to_owned();
            assert_eq!(hear(), (sent.clone(), 1));
            (&theirs).write_all(b"{\"cmd\":\"NODE_HANDLE_NACK\"}\n").unwrap();
            assert_eq!(hear(), (sent, 1));
            (&theirs).write_all(b"{\"cmd\":\"NODE_HANDLE_ACK\"}\n").unwrap();
            assert_eq!(hear(), ("{\"ack\":2}\n".into(), 0));
            (&theirs).write_all(b"\"ready\"\n").unwrap();
            theirs
        });
        assert_eq!(ours.word().await.unwrap(), Word::Ready);
        worker.join().unwrap();
    }

    fn piece() -> impl Strategy<Value = Vec<u8>> {
        let known = [
            &b"\"ready\"\n"[..],
            b"\n",
            b"{\"cmd\":\"NODE_CLUSTER\",\"act\":\"close\",\"key\":\"k\",\"seq\":4}\n",
            b"{\"type\":\"axm:monitor\",\"data\":{\"b\":{\"value\":1},\"a\":{\"value\":2}}}\n",
            b"{\"cmd\":\"NODE_HANDLE_ACK\"}\n",
            b"{\"cmd\":\"NODE_HANDLE_NACK\"}\n",
            b"{\"cmd\":\"NODE_",
        ];
        let junk = prop::collection::vec(any::<u8>(), 0..40);
        prop_oneof![3 => prop::sample::select(known.map(<[u8]>::to_vec).to_vec()), 1 => junk, 1 => Just(vec![b'x'; LONGEST + 9])]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
        #[test]
        fn any_bytes_are_heard_the_same_however_they_are_cut(
            pieces in prop::collection::vec(piece(), 0..6),
            cuts: [u8; 2],
        ) {
            probe(&[cuts.to_vec(), pieces.concat()].concat());
        }
    }
}
