//! The dashboard as a plain client sees it.

use quarterdeck::auth::Role;

use crate::common::Node;

#[tokio::test]
async fn the_overview_has_every_app_in_its_html() {
    let names: Vec<_> = (1..=9).map(|n| format!("service-{n}-of-nine")).collect();
    let node = Node::with(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let page = node.browser().await.get("/").await.must(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(names.iter().all(|name| page.text().contains(name)), "{}", page.text());
    assert!(page.text().contains("/pkg/app.js") && page.text().contains("/pkg/main.css"), "{}", page.text());
}

#[tokio::test]
async fn each_script_carries_the_nonce_of_its_answer() {
    let node = Node::with(&["a"]).await;
    let browser = node.browser().await;
    let mut seen = Vec::new();
    for target in ["/", "/", "/apps/a", "/events"] {
        let page = browser.get(target).await.must(200);
        let policy = page.header("content-security-policy");
        let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned();
        assert_eq!(nonce.len(), 32);
        for word in ["'unsafe-inline'", "'unsafe-eval'", "*", "http:", "https:"] {
            assert!(!policy.split([' ', ';']).any(|one| one == word), "{policy}");
        }
        for script in page.text().split("<script").skip(1) {
            let tag = script.split('>').next().unwrap();
            assert!(tag.contains(&nonce) || tag.contains("application/json"), "{tag}");
        }
        assert!(!page.text().contains(" style=\""), "inline styles are not allowed");
        assert!(!seen.contains(&nonce), "the nonce is the same twice");
        seen.push(nonce);
    }
}

#[tokio::test]
async fn a_name_with_markup_is_text() {
    let evil = "<img src=x onerror=alert(1)>";
    let node = Node::with(&[evil]).await;
    for target in ["/", "/apps/%3Cimg%20src=x%20onerror=alert(1)%3E", "/apps/%3Cimg%20src=y%3E"] {
        let page = node.browser().await.get(target).await;
        assert!(!page.text().contains("<img"), "{}", page.text());
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_page_too() {
    let node = Node::with(&["a"]).await;
    let browser = node.browser().await;
    for target in ["/apps/none", "/nothing", "/apps/a/b", "/%ff"] {
        let page = browser.get(target).await.must(404);
        assert!(page.header("content-type").starts_with("text/html") && page.text().contains("<h1"), "{target}: {}", page.text());
    }
    browser.get("/apps/a").await.must(200);
}

#[tokio::test]
async fn a_program_with_a_token_may_read_pages_and_a_bad_one_may_not() {
    let node = Node::with(&["a"]).await;
    node.client(Role::Viewer).await.get("/").await.must(200);
    let refused = node.anybody().with("authorization", "Bearer nonsense").get("/").await.must(401);
    assert!(refused.text().contains("<h1>"), "{}", refused.text());
}
