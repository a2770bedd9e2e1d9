//! `/api/events`, `/api/snapshots` and `/api/backup`.

use quarterdeck::control::Refusal;

use crate::common::Node;

#[tokio::test]
async fn events_newest_first() {
    let node = Node::with(&["a"]).await;
    let viewer = node.viewer().await;
    for _ in 0..3 {
        node.fake.happens("a");
    }
    let events =
        viewer.get("/api/events?app=a&kind=online&after=1&before=9&limit=2&from=2026-01-01T00:00:00Z").await.must(200).json();
    let ids: Vec<_> = events["events"].as_array().unwrap().iter().map(|event| event["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [3, 2]);
    let want = "events EventQuery { after: Some(1), before: Some(9), app: Some(\"a\"), kind: Some(Online), \
                from: Some(Time(1767225600000)), to: None, limit: 2 }";
    assert_eq!(node.fake.asked(), [want]);
}

#[tokio::test]
async fn stored_documents() {
    let node = Node::with(&["a"]).await;
    let stored = node.viewer().await.get("/api/snapshots?limit=5").await.must(200).json();
    assert_eq!(stored["snapshots"][0]["components"]["a"]["pid"], 4242);
    assert_eq!(node.fake.asked(), ["snapshots 5"]);
}

#[tokio::test]
async fn a_history_that_cannot_be_read_says_so() {
    let node = Node::with(&["a"]).await;
    *node.fake.refusal.lock().unwrap() = Some(Refusal::Failed("The history cannot be read".into()));
    let answer = node.viewer().await.get("/api/events").await.must(500);
    assert_eq!(answer.code(), "failed");
    assert_eq!(answer.json()["error"]["message"], "The history cannot be read");
}

#[tokio::test]
async fn backup() {
    let node = Node::with(&["a"]).await;
    let answer = node.admin().await.get("/api/backup").await.must(200);
    assert_eq!(answer.header("content-type"), "application/gzip");
    assert!(answer.header("content-disposition").contains(".tar.gz"));
    assert!(answer.body.starts_with(b"\x1f\x8b"));
}
