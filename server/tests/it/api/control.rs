//! `POST /api/control/{action}/{component}`.

use std::sync::Arc;
use std::time::Duration;

use quarterdeck::auth::{Rate, Settings};
use quarterdeck::control::Refusal;
use serde_json::json;
use tokio::sync::Notify;

use crate::common::{Node, Options};

#[tokio::test]
async fn the_bodies_of_the_specification() {
    let node = Node::with(&["gateway-3333"]).await;
    let operator = node.operator().await;
    for (action, done) in [("start", "started"), ("stop", "stopped"), ("restart", "restarted"), ("reload", "reloaded")] {
        let body = operator.post(&format!("/api/control/{action}/gateway-3333"), "").await.must(200).json();
        let message = format!("Component {done} successfully");
        let want = json!({ "status": "OK", "action": action, "component": "gateway-3333", "pm2_id": 3, "message": message });
        assert_eq!(body, want);
    }
    assert_eq!(node.fake.asked()[0], "start gateway-3333 by operator");
}

#[tokio::test]
async fn an_unknown_component() {
    let node = Node::with(&["a"]).await;
    let operator = node.operator().await;
    for action in ["start", "stop", "restart", "reload"] {
        let body = operator.post(&format!("/api/control/{action}/unknown-service"), "").await.must(404).json();
        let message = "Component not found: no app is called unknown-service";
        assert_eq!(body, json!({ "status": "ERROR", "action": action, "component": "unknown-service", "message": message }));
    }
}

#[tokio::test]
async fn selectors_are_no_names_and_names_are_decoded() {
    let node = Node::with(&["a", "all of it/ü"]).await;
    let operator = node.operator().await;
    for selector in ["all", "%2F.*%2F", "..%2Fa", "a%00", "0", "A", "a%20"] {
        assert_eq!(operator.post(&format!("/api/control/stop/{selector}"), "").await.must(404).json()["status"], "ERROR");
    }
    let broken = operator.post("/api/control/stop/%ff", "").await;
    assert!(broken.status == 400 && broken.code() == "bad_request", "{broken:?}");
    assert!(node.fake.asked().is_empty());
    let body = operator.post("/api/control/stop/all%20of%20it%2F%C3%BC", "").await.must(200).json();
    assert_eq!(body["component"], "all of it/ü");
}

#[tokio::test]
async fn an_unknown_action() {
    let node = Node::with(&["a"]).await;
    let operator = node.operator().await;
    assert_eq!(operator.post("/api/control/explode/a", "").await.must(404).code(), "not_found");
    assert_eq!(operator.get("/api/control/stop/a").await.must(405).code(), "method_not_allowed");
    assert!(node.fake.asked().is_empty());
}

#[tokio::test]
async fn refusals_in_the_same_form() {
    let node = Node::with(&["a"]).await;
    let operator = node.operator().await;
    let refusals = [
        (Refusal::Conflict("a is being stopped; try again when it has stopped".into()), 409),
        (Refusal::Failed("a could not be started: there is no file /srv/a.js".into()), 500),
        (Refusal::Away, 503),
        (Refusal::Closing, 503),
    ];
    for (refusal, status) in refusals {
        *node.fake.refusal.lock().unwrap() = Some(refusal.clone());
        let body = operator.post("/api/control/start/a", "").await.must(status).json();
        assert_eq!(body, json!({ "status": "ERROR", "action": "start", "component": "a", "message": refusal.to_string() }));
    }
}

#[tokio::test]
async fn a_burst_is_slowed_down_and_reading_is_not() {
    let settings = Settings { control_rate: Rate { burst: 3, per_second: 0.01 }, ..Settings::default() };
    let node = Node::start(&["a", "b"], Options { settings, ..Options::default() }).await;
    let operator = node.operator().await;
    for _ in 0..3 {
        operator.post("/api/control/start/a", "").await.must(200);
    }
    let refused = operator.post("/api/control/start/a", "").await.must(429);
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=100).contains(&seconds), "{seconds}");
    let body = refused.json();
    assert_eq!((body["status"].as_str(), body["component"].as_str()), (Some("ERROR"), Some("a")));
    assert_eq!(node.fake.asked().len(), 3);
    operator.get("/api/health/system").await.must(200);
    operator.post("/api/control/start/b", "").await.must(200);
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_cut_it_short() {
    let node = Node::with(&["a"]).await;
    let operator = node.operator().await;
    let hold = Arc::new(Notify::new());
    *node.fake.hold.lock().unwrap() = Some(Arc::clone(&hold));
    let impatient = tokio::time::timeout(Duration::from_millis(300), operator.post("/api/control/restart/a", ""));
    assert!(impatient.await.is_err(), "it answered before it was done");
    hold.notify_one();
    while node.fake.asked().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(node.fake.asked(), ["restart a by operator"]);
}
