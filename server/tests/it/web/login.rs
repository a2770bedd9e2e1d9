//! `/login` and `/logout`.

use quarterdeck::auth::Role;

use crate::common::{Answer, Client, Node};

/// A browser on a page of ours, which sends forms.
fn browser(node: &Node) -> Client {
    let own = format!("http://{}", node.address);
    node.anybody()
        .with("origin", &own)
        .with("sec-fetch-site", "same-origin")
        .with("content-type", "application/x-www-form-urlencoded")
}

fn cookie(answer: &Answer) -> &str {
    answer.header("set-cookie").split(';').next().unwrap()
}

#[tokio::test]
async fn pages_lead_to_the_login_and_show_no_app() {
    let node = Node::with(&["very-secret-app"]).await;
    for (target, place) in
        [("/", "/login"), ("/apps/a?range=1h", "/login?next=/apps/a?range%3D1h"), ("/nothing", "/login?next=/nothing")]
    {
        let answer = node.anybody().get(target).await.must(303);
        assert_eq!(answer.header("location"), place);
        let page = node.anybody().get(place).await.must(200);
        assert!(page.text().contains("Sign in") && !page.text().contains("very-secret-app"), "{}", page.text());
        assert!(page.text().contains("qd login-link"), "{}", page.text());
    }
}

#[tokio::test]
async fn a_link_signs_in_by_a_press_and_once() {
    let node = Node::with(&["a"]).await;
    let secret = node.auth.create_login_link().await.unwrap();
    // Whatever fetches the link before the person does must not use it up.
    for _ in 0..2 {
        let page = node.anybody().get(&format!("/login/{secret}")).await.must(200);
        assert_eq!(page.header("set-cookie"), "");
        assert!(page.text().contains(&format!(r#"name="secret" value="{secret}""#)), "{}", page.text());
    }
    let answer = browser(&node).post("/login", &format!("secret={secret}")).await.must(303);
    assert_eq!(answer.header("location"), "/");
    let set = answer.header("set-cookie").to_lowercase();
    assert!(set.contains("httponly") && set.contains("samesite=lax") && !set.contains("secure"), "{set}");
    let signed_in = node.anybody().with("cookie", cookie(&answer));
    assert_eq!(signed_in.get("/api/me").await.must(200).json()["role"], "admin");
    assert!(signed_in.get("/").await.must(200).text().contains("a"));
    assert_eq!(signed_in.get("/login").await.must(303).header("location"), "/");

    let again = browser(&node).post("/login", &format!("secret={secret}")).await.must(401);
    assert_eq!(again.header("set-cookie"), "");
    assert!(again.text().contains("qd login-link"), "{}", again.text());
}

#[tokio::test]
async fn a_token_signs_in_with_its_role() {
    let node = Node::with(&["a"]).await;
    let token = node.auth.create_token("ann", Role::Viewer).await.unwrap();
    let answer = browser(&node).post("/login", &format!("next=%2Fapps%2Fa&secret=+{token}+")).await.must(303);
    assert_eq!(answer.header("location"), "/apps/a");
    let me = node.anybody().with("cookie", cookie(&answer)).get("/api/me").await.must(200).json();
    assert_eq!(me, serde_json::json!({ "name": "ann", "role": "viewer" }));
    browser(&node).post("/login", &format!("secret={token}x")).await.must(401);
}

#[tokio::test]
async fn nobody_is_led_away() {
    let node = Node::with(&["a"]).await;
    let token = node.auth.create_token("ann", Role::Viewer).await.unwrap();
    for next in ["https://evil.example", "//evil.example", "%2F%2Fevil.example", "/%5Cevil.example", "javascript:alert(1)"] {
        let answer = browser(&node).post("/login", &format!("next={next}&secret={token}")).await.must(303);
        assert_eq!(answer.header("location"), "/", "{next}");
        let page = node.anybody().get(&format!("/login?next={next}")).await.must(200);
        assert!(!page.text().contains("evil") && !page.text().contains("alert(1)"), "{}", page.text());
    }
    let page = node.anybody().get("/login?next=/%22%3E%3Cscript%3E").await.must(200);
    assert!(!page.text().contains("\"><script>"), "{}", page.text());
}

#[tokio::test]
async fn another_site_cannot_sign_somebody_in_or_out() {
    let node = Node::with(&["a"]).await;
    let token = node.auth.create_token("ann", Role::Viewer).await.unwrap();
    let foreign = browser(&node).with("sec-fetch-site", "cross-site").with("origin", "https://evil.example");
    assert_eq!(foreign.post("/login", &format!("secret={token}")).await.must(403).header("set-cookie"), "");
    foreign.post("/logout", "").await.must(403);
}

#[tokio::test]
async fn over_https_the_cookie_is_bound_to_the_host() {
    let node = Node::with(&["a"]).await;
    let token = node.auth.create_token("ann", Role::Viewer).await.unwrap();
    let tunnelled = browser(&node).with("origin", "https://localhost");
    let set = tunnelled.post("/login", &format!("secret={token}")).await.must(303);
    let set = set.header("set-cookie");
    assert!(set.starts_with("__Host-") && set.contains("; Secure") && !set.contains("Domain"), "{set}");
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let node = Node::with(&["a"]).await;
    let token = node.auth.create_token("ann", Role::Viewer).await.unwrap();
    let answer = browser(&node).post("/login", &format!("secret={token}")).await.must(303);
    let signed_in = browser(&node).with("cookie", cookie(&answer));
    let out = signed_in.post("/logout", "").await.must(303);
    assert_eq!(out.header("location"), "/login");
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    signed_in.get("/api/me").await.must(401);
}

#[tokio::test]
async fn scripts_carry_a_nonce_that_changes() {
    let node = Node::with(&["a"]).await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        let page = node.anybody().get("/login/some-link").await.must(200);
        let policy = page.header("content-security-policy").to_owned();
        let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned();
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{policy}");
        for script in page.text().split("<script").skip(1) {
            assert!(script.split('>').next().unwrap().contains(&nonce), "{script}");
        }
        seen.push(nonce);
    }
    assert_ne!(seen[0], seen[1]);
}

#[tokio::test]
async fn errors_are_pages() {
    let node = Node::with(&["a"]).await;
    let gone = node.anybody().get("/pkg/../secret").await.must(404);
    assert!(gone.header("content-type").starts_with("text/html") && gone.text().contains("There is no such page"), "{gone:?}");
    let refused = node.anybody().send("PUT", "/login", "").await.must(405);
    assert!(refused.text().contains("<h1>"), "{refused:?}");
    node.anybody().post("/nothing", "").await.must(404);
}
