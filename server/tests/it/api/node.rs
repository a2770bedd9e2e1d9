//! The node itself, and who may come in.

use serde_json::json;

use crate::common::Node;

#[tokio::test]
async fn tokens_are_told_once_and_work() {
    let node = Node::with(&["a"]).await;
    let admin = node.admin().await;
    let made = admin.post("/api/tokens", &json!({ "name": "ci", "role": "operator" }).to_string()).await.must(200).json();
    let client = node.anybody().with("authorization", &format!("Bearer {}", made["token"].as_str().unwrap()));
    assert_eq!(client.get("/api/me").await.must(200).json(), json!({ "name": "ci", "role": "operator" }));
    for (body, code) in [
        (json!({ "name": "x", "role": "emperor" }), "bad_body"),
        (json!({ "name": "x" }), "bad_body"),
        (json!({ "name": "", "role": "viewer" }), "bad_field"),
        (json!({ "name": "a\nb", "role": "viewer" }), "bad_field"),
        (json!({ "name": "x".repeat(65), "role": "viewer" }), "bad_field"),
    ] {
        assert_eq!(admin.post("/api/tokens", &body.to_string()).await.must(400).code(), code, "{body}");
    }
}

#[tokio::test]
async fn login_links_are_made() {
    let node = Node::with(&["a"]).await;
    let made = node.owner().post("/api/login-links", "").await.must(200).json();
    let path = made["url_path"].as_str().unwrap();
    let page = node.anybody().get(path).await.must(200);
    assert!(page.text().contains("<form"), "{}", page.text());
}

#[tokio::test]
async fn save_resurrect_and_the_end() {
    let node = Node::with(&["a", "b"]).await;
    let owner = node.owner();
    assert_eq!(owner.post("/api/save", "").await.must(200).json(), json!({ "apps": 2 }));
    assert_eq!(owner.post("/api/resurrect", "{}").await.must(200).json(), json!({ "apps": 2 }));
    owner.post("/api/shutdown", "").await.must(202);
    assert_eq!(node.fake.asked(), ["save by command line", "resurrect by command line", "shut down by command line"]);
}

#[tokio::test]
async fn connections_that_rest_do_not_hold_up_the_end() {
    let node = Node::with(&["a"]).await;
    let viewer = node.viewer().await;
    let _silent = tokio::net::TcpStream::connect(node.address).await.unwrap();
    let mut stream = viewer.follow("GET", "/api/stream").await;
    stream.next_of(&["snapshot"]).await;
    let begun = std::time::Instant::now();
    node.stop().await;
    while stream.next().await.is_some() {}
    // A connection without a request and a stream would both last for ever.
    assert!(begun.elapsed() < std::time::Duration::from_secs(4), "{:?}", begun.elapsed());
}
