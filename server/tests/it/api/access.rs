//! Who may what, from where: every route of the API document, for everybody.

use quarterdeck::auth::{Rate, Role, Settings};

use crate::common::{Client, Node, Options};

/// Every route of the document: method, address, and the role it takes; none if it is open to anybody.
async fn routes(node: &Node) -> Vec<(String, String, Option<Role>)> {
    let document = node.viewer().await.get("/api/openapi.json").await.must(200).json();
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let description = operation["description"].as_str().unwrap();
            let role = Role::ALL.into_iter().find(|role| description.ends_with(&format!("Takes the role {role}.")));
            assert_eq!(role.is_none(), description.ends_with("Open to anybody."), "{method} {path}: {description}");
            let address = path.replace("{action}", "restart").replace("{component}", "a").replace("{name}", "a");
            let address = address.replace("{key}", "known").replace("{file}", &crate::common::sample::profile("a").name);
            routes.push((method.to_uppercase(), address, role));
        }
    }
    assert!(routes.len() > 20, "{routes:?}");
    routes
}

/// The status for this client. A stream is left at once.
async fn status(client: &Client, method: &str, path: &str) -> u16 {
    if path == "/api/stream" {
        return client.follow(method, path).await.status;
    }
    client.send(method, path, "").await.status
}

#[tokio::test]
async fn each_route_for_each_role() {
    let node = Node::with(&["a"]).await;
    let clients = [
        (None, node.anybody()),
        (Some(Role::Viewer), node.viewer().await),
        (Some(Role::Operator), node.operator().await),
        (Some(Role::Admin), node.admin().await),
    ];
    let mut table = String::new();
    for (method, path, needed) in routes(&node).await {
        let before = node.fake.asked().len();
        let mut row = Vec::new();
        for (has, client) in &clients {
            let status = status(client, &method, &path).await;
            match (needed, has) {
                (Some(_), None) => assert_eq!(status, 401, "{method} {path} for nobody"),
                (Some(needed), Some(has)) if *has < needed => assert_eq!(status, 403, "{method} {path} for {has}"),
                _ => assert!(![401, 403, 404, 405].contains(&status), "{method} {path} for {has:?}: {status}"),
            }
            row.push(status.to_string());
            if status == 401 || status == 403 {
                assert_eq!(node.fake.asked().len(), before, "{method} {path} was done for {has:?}");
            }
        }
        table.push_str(&format!("{method:6} {path:28} {}\n", row.join(" ")));
    }
    insta::assert_snapshot!("matrix", table);
}

#[tokio::test]
async fn a_bad_token_opens_nothing_and_a_cookie_does_not_help_it() {
    let node = Node::with(&["a"]).await;
    let admin = node.auth.create_token("x", Role::Admin).await.unwrap();
    let cut = format!("Bearer {}", &admin[..admin.len() - 1]);
    for bad in ["Bearer nonsense", "Bearer ", "Basic YTpi", "nonsense", cut.as_str()] {
        for client in [node.anybody(), node.browser().await] {
            for (method, path, role) in routes(&node).await {
                if role.is_some() {
                    let answer = client.with("authorization", bad).send(&method, &path, "").await.must(401);
                    assert_eq!(answer.code(), "bad_token", "{method} {path} {bad}");
                    assert!(answer.header("www-authenticate").starts_with("Bearer"));
                }
            }
        }
    }
    assert!(node.fake.asked().is_empty());
}

#[tokio::test]
async fn a_token_in_the_address_is_not_taken() {
    let node = Node::with(&["a"]).await;
    let token = node.auth.create_token("x", Role::Admin).await.unwrap();
    for key in ["token", "access_token", "api_key", "auth", "authorization"] {
        node.anybody().get(&format!("/api/health/system?{key}={token}")).await.must(401);
    }
}

#[tokio::test]
async fn names_are_not_told_apart_by_those_who_may_not() {
    let node = Node::with(&["a"]).await;
    let anybody = node.anybody();
    for path in ["/api/apps/a", "/api/apps/none", "/api/nothing", "/api/nothing/at/all", "/api", "/api/"] {
        assert_eq!(anybody.get(path).await.must(401).code(), "unauthenticated", "{path}");
    }
    assert_eq!(anybody.post("/api/control/stop/none", "").await.must(401).code(), "unauthenticated");
    assert_eq!(node.viewer().await.post("/api/control/stop/none", "").await.must(403).code(), "forbidden");
}

#[tokio::test]
async fn unknown_addresses_and_methods_have_the_error_body() {
    let node = Node::with(&["a"]).await;
    let viewer = node.viewer().await;
    for path in ["/api/nothing", "/api/apps/a/nothing", "/api/apps/a/logs/x", "/api/"] {
        assert_eq!(viewer.get(path).await.must(404).code(), "not_found", "{path}");
    }
    for path in ["/api/apps/none", "/api/apps/none/logs", "/api/apps/none/metrics", "/api/apps/%2e%2e", "/api/apps/a%00"] {
        assert_eq!(viewer.get(path).await.must(404).code(), "app_not_found", "{path}");
    }
    let refused = viewer.send("PUT", "/api/events", "").await.must(405);
    assert_eq!(refused.code(), "method_not_allowed");
    assert!(refused.header("allow").contains("GET"), "{:?}", refused.headers);
}

#[tokio::test]
async fn only_our_own_host_names() {
    let settings = Settings { hosts: vec!["qd.example.org".into()], control_rate: Rate { burst: 30, per_second: 1.0 } };
    let node = Node::start(&["a"], Options { settings, ..Options::default() }).await;
    let port = node.address.port();
    for client in [node.viewer().await, node.anybody(), node.owner()] {
        for evil in ["evil.example", &format!("evil.example:{port}"), "127.0.0.1.evil.example", ""] {
            for path in ["/api/health/system", "/api/health/live", "/metrics", "/api/nothing"] {
                assert_eq!(client.with("host", evil).get(path).await.must(421).code(), "wrong_host", "{evil} {path}");
            }
            let page = client.with("host", evil).get("/").await.must(421);
            assert!(page.text().contains("does not answer under this host name"), "{}", page.text());
        }
    }
    for ours in [&format!("localhost:{port}"), "127.0.0.1", "[::1]:80", "qd.example.org"] {
        node.viewer().await.with("host", ours).get("/api/health/system").await.must(200);
    }
    // The host in an absolute request line goes before the header.
    node.viewer().await.get("http://evil.example/api/health/system").await.must(421);
    node.viewer().await.get("http://localhost/api/health/system").await.must(200);
}

#[tokio::test]
async fn another_site_cannot_use_the_cookie() {
    let node = Node::with(&["a"]).await;
    let browser = node.browser().await;
    let own = format!("http://{}", node.address);
    let foreign: [&[(&str, &str)]; 5] = [
        &[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[],
    ];
    for headers in foreign {
        let client = headers.iter().fold(browser.clone(), |client, (name, value)| client.with(name, value));
        for (method, path, role) in routes(&node).await {
            if method != "GET" && role.is_some() {
                assert_eq!(client.send(&method, &path, "").await.must(403).code(), "cross_site", "{headers:?} {path}");
            }
        }
    }
    assert!(node.fake.asked().is_empty(), "{:?}", node.fake.asked());
    browser.with("origin", &own).with("sec-fetch-site", "same-origin").post("/api/control/restart/a", "").await.must(200);
    browser.with("origin", &own).post("/api/control/restart/a", "").await.must(200);
    browser.get("/api/apps").await.must(200);
    assert_eq!(node.fake.asked(), ["restart a by admin", "restart a by admin"]);
}

#[tokio::test]
async fn the_owner_needs_no_token_on_the_socket() {
    let node = Node::with(&["a"]).await;
    let me = node.owner().get("/api/me").await.must(200).json();
    assert_eq!(me, serde_json::json!({ "name": "command line", "role": "admin" }));
    node.owner().post("/api/control/stop/a", "").await.must(200);
    assert_eq!(node.fake.asked(), ["stop a by command line"]);
}

#[tokio::test]
async fn a_revoked_token_is_a_bad_one() {
    let node = Node::with(&["a"]).await;
    let viewer = node.viewer().await;
    viewer.get("/api/apps").await.must(200);
    assert_eq!(node.auth.revoke_token("viewer").await.unwrap(), 1);
    assert_eq!(viewer.get("/api/apps").await.must(401).code(), "bad_token");
}

#[tokio::test]
async fn long_bodies_are_not_read() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let node = Node::with(&["a"]).await;
    let token = node.auth.create_token("x", Role::Admin).await.unwrap();
    let mut socket = tokio::net::TcpStream::connect(node.address).await.unwrap();
    let head = format!(
        "POST /api/control/start/a HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\ncontent-length: 20000000\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");
    assert!(node.fake.asked().is_empty());

    // One that does not say how long it is, is read up to the limit.
    let mut socket = tokio::net::TcpStream::connect(node.address).await.unwrap();
    let head = format!(
        "POST /api/apps HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
    for _ in 0..17 {
        socket.write_all(&chunk).await.unwrap();
    }
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn long_heads_are_not_read() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let node = Node::with(&["a"]).await;
    let mut socket = tokio::net::TcpStream::connect(node.address).await.unwrap();
    let head = format!("GET /api/health/live HTTP/1.1\r\nhost: localhost\r\nx-long: {}", "x".repeat(20_000));
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 431");
}

#[tokio::test]
async fn every_answer_has_its_headers() {
    let node = Node::with(&["a"]).await;
    for (client, path) in [
        (node.viewer().await, "/api/apps"),
        (node.anybody(), "/api/apps"),
        (node.anybody(), "/api/health/live"),
        (node.viewer().await, "/api/nothing"),
        (node.anybody(), "/login"),
        (node.anybody(), "/pkg/absent.js"),
    ] {
        let answer = client.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{path}");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{path}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{path}");
        assert!(["no-referrer", "same-origin"].contains(&answer.header("referrer-policy")), "{path}");
        assert!(!answer.header("x-request-id").is_empty(), "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
}
