//! `GET` and `POST /api/stream`.

use tokio::io::AsyncWriteExt;

use crate::common::{EventStream, Node, Options};

/// More than the kernel and hyper keep for one connection, many times over.
const LARGE: usize = 1 << 20;

async fn opened(stream: &mut EventStream) {
    assert_eq!(stream.status, 200);
    assert_eq!(stream.next().await.unwrap().retry, Some(1000));
}

#[tokio::test]
async fn a_snapshot_comes_first_by_get_and_by_post() {
    let node = Node::with(&["a"]).await;
    for method in ["GET", "POST"] {
        let last = node.fake.happens("a");
        let mut stream = node.viewer().await.follow(method, "/api/stream").await;
        assert_eq!(stream.headers["content-type"], "text/event-stream");
        assert_eq!(stream.headers["cache-control"], "no-cache, no-transform");
        assert_eq!(stream.headers["x-accel-buffering"], "no");
        assert!(!stream.headers.contains_key("content-encoding"));
        opened(&mut stream).await;
        let first = stream.next().await.unwrap();
        assert_eq!((first.kind.as_str(), first.id), ("snapshot", Some(last)));
        assert_eq!(first.json()["apps"][0]["name"], "a");
        node.fake.ticks(3);
        assert_eq!(stream.next_of(&["health", "event"]).await.json()["hostname"], "xxx");
        let id = node.fake.happens("a");
        let event = stream.next_of(&["health", "event"]).await;
        assert_eq!((event.kind.as_str(), event.id, event.json()["id"].as_u64()), ("event", Some(id), Some(id)));
    }
}

#[tokio::test]
async fn what_was_missed_is_told_once_and_in_order() {
    let node = Node::with(&["a"]).await;
    let viewer = node.viewer().await;
    for _ in 0..5 {
        node.fake.happens("a");
    }
    for (client, target) in [(viewer.with("last-event-id", "2"), "/api/stream"), (viewer, "/api/stream?last_event_id=2")] {
        let mut stream = client.follow("POST", target).await;
        opened(&mut stream).await;
        let next = node.fake.happens("a");
        let ids = [stream.next().await, stream.next().await, stream.next().await].map(|message| message.unwrap().id.unwrap());
        assert_eq!(ids, [3, 4, 5]);
        for id in 6..=next {
            assert_eq!(stream.next_of(&["snapshot", "resync", "event"]).await.id, Some(id));
        }
    }
}

#[tokio::test]
async fn whoever_is_up_to_date_is_told_nothing_twice() {
    let node = Node::with(&["a"]).await;
    let last = node.fake.happens("a");
    let mut stream = node.viewer().await.with("last-event-id", &last.to_string()).follow("GET", "/api/stream").await;
    opened(&mut stream).await;
    node.fake.happens("a");
    let next = stream.next_of(&["snapshot", "resync", "event"]).await;
    assert_eq!((next.kind.as_str(), next.id), ("event", Some(last + 1)));
}

#[tokio::test]
async fn too_far_behind_or_from_another_life() {
    let node = Node::with(&["a"]).await;
    for _ in 0..50 {
        node.fake.happens("a");
    }
    for id in ["1", "999999999", "nonsense", "-1", "18446744073709551615", "99999999999999999999999"] {
        let mut stream = node.viewer().await.with("last-event-id", id).follow("GET", "/api/stream").await;
        opened(&mut stream).await;
        let (resync, snapshot) = (stream.next().await.unwrap(), stream.next().await.unwrap());
        assert_eq!((resync.kind.as_str(), snapshot.kind.as_str(), snapshot.id), ("resync", "snapshot", Some(50)), "{id}");
    }
    let mut fresh = node.viewer().await.with("last-event-id", "").follow("GET", "/api/stream").await;
    opened(&mut fresh).await;
    assert_eq!(fresh.next().await.unwrap().kind, "snapshot");
}

#[tokio::test]
async fn a_client_that_stops_reading_is_told_how_things_stand_and_delays_nobody() {
    let node = Node::with(&["a"]).await;
    let viewer = node.viewer().await;
    let mut slow = viewer.follow("GET", "/api/stream").await;
    opened(&mut slow).await;
    let mut quick = viewer.follow("GET", "/api/stream").await;
    opened(&mut quick).await;
    quick.next_of(&["snapshot"]).await;
    for _ in 0..40 {
        node.fake.ticks(LARGE);
        assert_eq!(quick.next_of(&["health", "resync"]).await.kind, "health");
    }
    let last = node.fake.happens("a");
    assert_eq!(quick.next_of(&["event", "resync"]).await.id, Some(last));
    // 40 documents of 1 MiB are on no queue: some are in the kernel, and then there is a gap.
    let resync = slow.next_of(&["resync"]).await;
    assert_eq!(resync.json(), serde_json::json!({}));
    let snapshot = slow.next().await.unwrap();
    assert_eq!((snapshot.kind.as_str(), snapshot.id), ("snapshot", Some(last)));
    let next = node.fake.happens("a");
    assert_eq!(slow.next_of(&["event", "snapshot"]).await.id, Some(next));
}

#[tokio::test]
async fn clients_that_never_read_delay_nobody() {
    let node = Node::with(&["a"]).await;
    let viewer = node.viewer().await;
    let token = node.auth.create_token("x", quarterdeck::auth::Role::Viewer).await.unwrap();
    let mut deaf = Vec::new();
    for _ in 0..20 {
        let mut socket = tokio::net::TcpStream::connect(node.address).await.unwrap();
        let head = format!("GET /api/stream HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        deaf.push(socket);
    }
    let mut stream = viewer.follow("GET", "/api/stream").await;
    stream.next_of(&["snapshot"]).await;
    for _ in 0..20 {
        node.fake.ticks(LARGE);
        stream.next_of(&["health"]).await;
    }
    node.operator().await.post("/api/control/restart/a", "").await.must(200);
    drop(deaf);
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing_behind() {
    let node = Node::with(&["a"]).await;
    let mut stream = node.viewer().await.follow("GET", "/api/stream").await;
    stream.next_of(&["snapshot"]).await;
    assert_eq!(node.fake.subscribers(), 1);
    drop(stream);
    while node.fake.subscribers() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn not_more_than_the_limit() {
    let node = Node::start(&["a"], Options { streams: 2, ..Options::default() }).await;
    let viewer = node.viewer().await;
    let mut first = viewer.follow("GET", "/api/stream").await;
    let second = viewer.follow("POST", "/api/stream").await;
    first.next_of(&["snapshot"]).await;
    let refused = viewer.get("/api/stream").await.must(503);
    assert_eq!(refused.code(), "busy");
    assert!(!refused.header("retry-after").is_empty());
    drop((first, second));
    while viewer.follow("GET", "/api/stream").await.status != 200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn streams_end_with_the_node() {
    let node = Node::with(&["a"]).await;
    let mut stream = node.viewer().await.follow("GET", "/api/stream").await;
    stream.next_of(&["snapshot"]).await;
    node.begin_stop();
    while let Some(message) = stream.next().await {
        assert_ne!(message.kind, "event");
    }
}

#[tokio::test]
async fn streams_end_with_the_right_to_them() {
    let node = Node::with(&["a"]).await;
    let mut stream = node.viewer().await.follow("GET", "/api/stream").await;
    stream.next_of(&["snapshot"]).await;
    node.auth.revoke_token("viewer").await.unwrap();
    // It is asked again with the next comment, at the latest after 10 s.
    while stream.next().await.is_some() {}
}
