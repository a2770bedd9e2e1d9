//! `/api/apps`.

use serde_json::json;

use crate::common::Node;

#[tokio::test]
async fn a_list_and_one() {
    let node = Node::with(&["a", "b c"]).await;
    let viewer = node.viewer().await;
    let list = viewer.get("/api/apps").await.must(200).json();
    assert_eq!(list.as_array().unwrap().iter().map(|app| app["name"].as_str().unwrap()).collect::<Vec<_>>(), ["a", "b c"]);
    assert_eq!(viewer.get("/api/apps/b%20c").await.must(200).json(), list[1]);
}

#[tokio::test]
async fn logs_pass_their_question_on() {
    let node = Node::with(&["a"]).await;
    let viewer = node.viewer().await;
    viewer.get("/api/apps/a/logs").await.must(200);
    let page =
        viewer.get("/api/apps/a/logs?stream=err&limit=5&q=line+7%26&before=2026-01-01T00:00:00Z&after=&x=1").await.must(200);
    assert_eq!(page.json()["lines"][0]["line"], "hello");
    let asked = node.fake.asked();
    assert_eq!(asked[0], "logs LogQuery { stream: None, before: None, after: None, limit: 100, text: None }");
    let want = r#"logs LogQuery { stream: Some(Stderr), before: Some("2026-01-01T00:00:00Z"), after: None, limit: 5, text: Some("line 7&") }"#;
    assert_eq!(asked[1], want);
}

#[tokio::test]
async fn metrics_of_the_last_quarter_of_an_hour() {
    let node = Node::with(&["a"]).await;
    let viewer = node.viewer().await;
    viewer.get("/api/apps/a/metrics").await.must(200);
    let span = "from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00%2B01:00";
    let metrics = viewer.get(&format!("/api/apps/a/metrics?{span}&points=7")).await.must(200).json();
    assert_eq!(metrics["to"], "2026-01-01T23:00:00.000Z");
    assert_eq!(node.fake.asked(), ["metrics 300 points", "metrics 7 points"]);
}

#[tokio::test]
async fn bad_fields_are_named() {
    let node = Node::with(&["a"]).await;
    let viewer = node.viewer().await;
    for (target, field) in [
        ("/api/apps/a/metrics?points=many", "points"),
        ("/api/apps/a/metrics?points=-1", "points"),
        ("/api/apps/a/metrics?points=2001", "points"),
        ("/api/apps/a/metrics?from=yesterday", "from"),
        ("/api/apps/a/metrics?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from"),
        ("/api/apps/a/logs?limit=-5", "limit"),
        ("/api/apps/a/logs?limit=1001", "limit"),
        ("/api/apps/a/logs?stream=stdin", "stream"),
        ("/api/events?limit=lots", "limit"),
        ("/api/events?after=x", "after"),
        ("/api/events?before=-1", "before"),
        ("/api/events?kind=party", "kind"),
        ("/api/snapshots?to=never", "to"),
        ("/api/snapshots?limit=501", "limit"),
    ] {
        let answer = viewer.get(target).await.must(400);
        assert_eq!(answer.code(), "bad_field", "{target}");
        let error = &answer.json()["error"];
        assert_eq!(error["field"], field, "{target}");
        assert!(error["message"].as_str().unwrap().starts_with(&format!("{field}: ")), "{error}");
    }
    assert!(node.fake.asked().is_empty());
}

#[tokio::test]
async fn apps_are_handed_in() {
    let node = Node::with(&[]).await;
    let admin = node.admin().await;
    let body =
        json!({ "apps": [{ "name": "a", "script": "/srv/a.js" }, { "name": "b", "script": "/srv/b.js", "instances": 2 }] });
    let answer = admin.post("/api/apps", &body.to_string()).await.must(200).json();
    assert_eq!(answer, json!({ "applied": [{ "name": "a", "result": "added" }, { "name": "b", "result": "added" }] }));
    assert_eq!(node.fake.asked(), ["apply a,b by admin"]);
    for bad in ["", "[]", "{", r#"{"apps":[{"name":7}]}"#] {
        assert_eq!(admin.post("/api/apps", bad).await.must(400).code(), "bad_body", "{bad}");
    }
    assert_eq!(admin.post("/api/apps", r#"{"apps":[{"name":"a"}]}"#).await.must(400).json()["error"]["field"], "apps");
}

#[tokio::test]
async fn changes() {
    let node = Node::with(&["a"]).await;
    let (admin, operator) = (node.admin().await, node.operator().await);
    operator.post("/api/apps/a/reset", "").await.must(204);
    operator.post("/api/apps/a/flush", "{}").await.must(204);
    admin.send("DELETE", "/api/apps/a", "").await.must(204);
    assert_eq!(node.fake.asked(), ["reset a by operator", "flush a by operator", "delete a by admin"]);
    for (method, path) in [("POST", "/api/apps/x/reset"), ("POST", "/api/apps/x/flush"), ("DELETE", "/api/apps/x")] {
        assert_eq!(admin.send(method, path, "").await.must(404).code(), "app_not_found", "{path}");
    }
}

#[tokio::test]
async fn secrets_are_for_an_admin() {
    let node = Node::with(&["a"]).await;
    let admin = node.admin().await;
    assert_eq!(admin.get("/api/apps/a/env").await.must(200).json(), json!({ "DB_PASSWORD": "hunter2" }));
    assert_eq!(admin.get("/api/definitions").await.must(200).json()[0]["app"]["name"], "a");
}
