//! `/api/health/*`, `/api/overview` and `/metrics`.

use std::sync::atomic::Ordering;

use crate::common::{Node, sample};

#[tokio::test]
async fn the_health_document_as_it_was_written() {
    let node = Node::with(&["a", "b"]).await;
    let answer = node.viewer().await.get("/api/health/system").await.must(200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.json(), serde_json::to_value(sample::health(&["a", "b"])).unwrap());
}

#[tokio::test]
async fn live_and_ready_are_for_anybody_and_say_nothing_more() {
    let node = Node::with(&["secret-name"]).await;
    for path in ["/api/health/live", "/api/health/ready"] {
        assert_eq!(node.anybody().get(path).await.must(200).text(), "ok");
    }
    node.fake.away.store(true, Ordering::Relaxed);
    node.anybody().get("/api/health/live").await.must(200);
    let answer = node.anybody().get("/api/health/ready").await.must(503);
    assert_eq!(answer.code(), "not_ready");
    assert!(!answer.text().contains("secret-name"));
}

#[tokio::test]
async fn overview() {
    let node = Node::with(&["a"]).await;
    let overview = node.viewer().await.get("/api/overview").await.must(200).json();
    assert_eq!(overview["apps"][0]["name"], "a");
}

#[tokio::test]
async fn prometheus() {
    let node = Node::with(&["a", "b\"\\\n"]).await;
    let answer = node.viewer().await.get("/metrics").await.must(200);
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    // The uptime is measured from now.
    let text: Vec<_> = answer.text().lines().filter(|line| !line.starts_with("quarterdeck_app_uptime_seconds{")).collect();
    insta::assert_snapshot!("metrics", text.join("\n"));
}
