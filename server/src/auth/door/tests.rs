use std::sync::Arc;

use tempfile::TempDir;

use super::*;

fn open(home: &TempDir) -> Auth {
    Auth::new(State::open(home.path(), &(Arc::new(|_| ()) as _)).unwrap(), Settings::default()).unwrap()
}

fn home() -> (TempDir, Auth) {
    let home = tempfile::tempdir().unwrap();
    let auth = open(&home);
    (home, auth)
}

#[tokio::test]
async fn a_token_lets_in_until_it_is_revoked_and_over_restarts() {
    let (home, auth) = home();
    let token = auth.create_token("ci", Role::Operator).await.unwrap();
    let other = auth.create_token("ci", Role::Viewer).await.unwrap();
    assert_ne!(token, other);
    for auth in [auth.clone(), open(&home)] {
        let found = auth.token(&token).await.unwrap();
        assert_eq!((&*found.name, found.role), ("ci", Role::Operator));
        assert!(auth.is_current(&found));
    }
    let forged = format!("{}{}", &token[..token.len() - 1], if token.ends_with('x') { 'y' } else { 'x' });
    for bad in [forged.as_str(), "", "qd_", "Bearer", &token[3..]] {
        assert_eq!(auth.token(bad).await, None, "{bad}");
    }
    let found = auth.token(&token).await.unwrap();
    assert_eq!(auth.revoke_token("ci").await.unwrap(), 2);
    assert_eq!(auth.token(&token).await, None);
    assert!(!auth.is_current(&found));
    assert_eq!(auth.revoke_token("ci").await.unwrap(), 0);
}

#[tokio::test]
async fn a_token_that_another_process_made_is_found() {
    let (home, auth) = home();
    let token = open(&home).create_token("cli", Role::Admin).await.unwrap();
    assert_eq!(auth.token(&token).await.map(|found| found.role), Some(Role::Admin));
}

#[tokio::test]
async fn a_token_that_another_process_revoked_is_soon_refused() {
    let (home, auth) = home();
    let token = auth.create_token("cli", Role::Admin).await.unwrap();
    open(&home).revoke_token("cli").await.unwrap();
    // The first use is written down, which shows that the token is gone.
    tokio::time::timeout(Duration::from_secs(20), async {
        while auth.token(&token).await.is_some() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn no_secret_is_stored() {
    let (home, auth) = home();
    let token = auth.create_token("ci", Role::Admin).await.unwrap();
    let link = auth.create_login_link().await.unwrap();
    let cookie = auth.use_login_link(&link).await.unwrap().unwrap();
    for entry in std::fs::read_dir(home.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for secret in [&token, &link, &cookie] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
        }
    }
}

#[tokio::test]
async fn a_login_link_works_once_even_for_two_at_the_same_time() {
    let (_home, auth) = home();
    let link = auth.create_login_link().await.unwrap();
    assert!(link.len() >= 43);
    let both = tokio::join!(auth.use_login_link(&link), auth.use_login_link(&link));
    let cookies: Vec<_> = [both.0.unwrap(), both.1.unwrap()].into_iter().flatten().collect();
    assert_eq!(cookies.len(), 1);
    assert_eq!(auth.session(&cookies[0]).map(|found| found.role), Some(Role::Admin));
    assert_eq!(auth.use_login_link(&link).await.unwrap(), None);
    assert_eq!(auth.use_login_link("").await.unwrap(), None);
}

#[tokio::test]
async fn a_login_link_ends_after_a_quarter_of_an_hour() {
    let (_home, auth) = home();
    let (link, at) = (secret::new_secret().unwrap(), later(now(), Duration::ZERO) + -15 * 60_000);
    auth.0.state.add_login_link(&secret::hash(&link), at, later(at, LINK_KEPT)).unwrap();
    assert_eq!(auth.use_login_link(&link).await.unwrap(), None);
}

#[tokio::test]
async fn a_session_lasts_over_restarts_until_it_is_ended() {
    let (home, auth) = home();
    let token = auth.create_token("ann", Role::Viewer).await.unwrap();
    let cookie = auth.log_in(&format!(" {token}\n")).await.unwrap().unwrap();
    let again = open(&home);
    let found = again.session(&cookie).unwrap();
    assert_eq!((&*found.name, found.role), ("ann", Role::Viewer));
    assert!(again.is_current(&found));
    again.end_session(&cookie).await.unwrap();
    assert_eq!((again.session(&cookie), open(&home).session(&cookie)), (None, None));

    let two = [auth.log_in(&token).await.unwrap().unwrap(), auth.log_in(&token).await.unwrap().unwrap()];
    auth.end_all().await.unwrap();
    assert!(two.iter().all(|cookie| auth.session(cookie).is_none()));
    assert_eq!(auth.log_in("qd_nobody").await.unwrap(), None);
}

#[tokio::test]
async fn a_session_ends_with_its_token() {
    let (home, auth) = home();
    let token = auth.create_token("ann", Role::Viewer).await.unwrap();
    let cookie = auth.log_in(&token).await.unwrap().unwrap();
    auth.revoke_token("ann").await.unwrap();
    assert_eq!((auth.session(&cookie), open(&home).session(&cookie)), (None, None));
}

#[tokio::test]
async fn a_session_ends_when_it_rests_and_when_it_is_old() {
    let (home, auth) = home();
    let link = auth.create_login_link().await.unwrap();
    let cookie = auth.use_login_link(&link).await.unwrap().unwrap();
    let (hash, hour) = (secret::hash(&cookie), 3_600_000_i64);
    let start = now();
    // Seen every eleven hours, it lasts its thirty days and no longer.
    for eleven in 1..=65 {
        assert!(auth.session_at(&hash, start + eleven * 11 * hour).is_some(), "after {} h", eleven * 11);
    }
    assert_eq!(auth.session_at(&hash, start + 30 * 24 * hour), None);
    let resting = auth.use_login_link(&auth.create_login_link().await.unwrap()).await.unwrap().unwrap();
    assert!(auth.session_at(&secret::hash(&resting), now() + 12 * hour - 60_000).is_some());
    assert_eq!(auth.session_at(&secret::hash(&resting), now() + 36 * hour), None);
    drop(home);
}

#[tokio::test]
async fn control_is_limited_by_name_and_component() {
    let (_home, auth) = home();
    let ann = Principal::socket();
    let taken = (0..200).take_while(|_| auth.limit(&ann, "api").is_ok()).count();
    assert!((30..200).contains(&taken), "{taken} requests in a row");
    assert_eq!(auth.limit(&ann, "api"), Err(1));
    assert_eq!(auth.limit(&ann, "web"), Ok(()));
}
