use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;

use super::*;

const REPORT: &[u8] = b"{\"report\":{\"heap\":[5,9],\"lag\":[0.1,7.5],\"gc\":[0,0],\"handles\":2}}\n";

fn inside() -> (tempfile::TempDir, Inside, Caught) {
    let folder = tempfile::tempdir().unwrap();
    let (inside, caught) = Inside::begin(Some(Place::fill(folder.path(), false).unwrap())).unwrap();
    (folder, inside, caught)
}

/// This process in the place of an app, after it was asked how it is.
fn asked(folder: &tempfile::TempDir) -> BufReader<UnixStream> {
    let mut stream = BufReader::new(UnixStream::connect(folder.path().join("probe.sock")).unwrap());
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    assert_eq!(line, "report\n");
    stream
}

/// Says something, and waits until we are thrown out for it.
fn is_thrown_out(folder: &tempfile::TempDir, words: &[u8]) -> bool {
    let mut stream = asked(folder);
    // It may be closed before all is said.
    let _ = stream.get_mut().write_all(words);
    match stream.read_to_end(&mut Vec::new()) {
        Ok(read) => read == 0,
        // What we said was not read to its end.
        Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
    }
}

#[tokio::test]
async fn a_process_tells_how_it_is_and_what_it_died_of() {
    let (folder, inside, mut caught) = inside();
    let own = std::process::id();
    assert_eq!(inside.figures(own), None);
    let mut stream = asked(&folder);
    stream.get_mut().write_all(REPORT).unwrap();
    stream.get_mut().write_all(b"{\"exception\":{\"text\":\"RangeError: far\\n at x\",\"fatal\":false}}\n").unwrap();
    let (pid, exception) = caught.recv().await.unwrap();
    assert_eq!((pid, exception.brief()), (own, "RangeError: far"));
    let figures = inside.figures(own).unwrap();
    assert_eq!((figures.heap_used_bytes, figures.event_loop_lag_p99_ms), (5, 7.5));
    stream.get_mut().write_all(b"{\"exception\":{\"text\":\"TypeError: no\",\"fatal\":true}}\n").unwrap();
    drop(stream);
    assert_eq!(inside.last_word(own).await.map(|word| word.text), Some("TypeError: no".into()));
    assert_eq!(inside.last_word(own).await, None, "it is told once");
    assert_eq!(inside.figures(own), None);
}

#[tokio::test]
async fn nonsense_ends_the_connection_and_nothing_else() {
    let (folder, inside, _caught) = inside();
    let endless = vec![b'x'; 1 << 20];
    let words: [&[u8]; 5] = [b"\n", b"{\"report\":1}\n", b"{\"bytes\":10}\n0123456789", b"{\"bytes\":99999999}\n", &endless];
    for one in words {
        assert!(is_thrown_out(&folder, one));
    }
    let mut stream = asked(&folder);
    stream.get_mut().write_all(REPORT).unwrap();
    drop(stream);
    assert_eq!(inside.last_word(std::process::id()).await, None);
}

#[test]
fn a_process_that_does_not_answer_lags_more_and_more() {
    let (folder, inside, _caught) = inside();
    let mut stream = asked(&folder);
    stream.get_mut().write_all(REPORT).unwrap();
    let own = std::process::id();
    let asked = |at| {
        let mut heard = inside.heard();
        let speaker = heard.speakers.get_mut(&own).filter(|speaker| speaker.figures.is_some());
        speaker.map(|speaker| speaker.asked = at).is_some()
    };
    while !asked(None) {
        std::thread::yield_now();
    }
    assert!(asked(Some(Moment::ago(Duration::from_secs(90)))));
    assert!(inside.figures(own).unwrap().event_loop_lag_p99_ms >= 90_000.0);
}
