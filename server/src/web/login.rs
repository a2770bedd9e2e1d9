//! How a person comes in: with a login link, or with a token; and out again.

use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::html::{Nonce, document, escape, page};
use crate::api::access::{is_same_origin, session_secret};
use crate::api::read::read_body;
use crate::api::{ApiError, Context};
use crate::auth::{clear_cookie, session_cookie};

/// Where to go afterwards.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    next: String,
}

/// What the forms send.
#[derive(Debug, Deserialize)]
struct Filled {
    secret: String,
    #[serde(default)]
    next: String,
}

/// `GET /login`: asks for a token or a link.
pub(super) async fn ask(
    State(context): State<Context>,
    headers: HeaderMap,
    Query(Next { next }): Query<Next>,
) -> Result<Response, ApiError> {
    if session_secret(&headers).is_some_and(|secret| context.auth.session(secret).is_some()) {
        return Ok(Redirect::to(local(&next)).into_response());
    }
    form(StatusCode::OK, None, &next)
}

/// `GET /login/{secret}`: a page that signs in with the link by a press, or by itself where scripts run. The GET alone does
/// not use the link up: programs that show a preview of links fetch them too.
pub(super) async fn link(Path(secret): Path<String>) -> Result<Response, ApiError> {
    let nonce = Nonce::new()?;
    let content = format!(
        r#"<h1>Sign in to Quarterdeck</h1><form method="post" action="/login"><input type="hidden" name="secret" value="{secret}">
<button class="button primary" type="submit">Sign in</button></form><p class="quiet">The link works once.</p>
<script nonce="{nonce}">document.forms[0].requestSubmit()</script>"#,
        secret = escape(&secret),
        nonce = nonce.0,
    );
    Ok(page(StatusCode::OK, &nonce, document("Sign in", &content)))
}

/// `POST /login`: takes a token, a login link or the secret at its end.
pub(super) async fn enter(State(context): State<Context>, request: Request) -> Result<Response, ApiError> {
    // Another site must not sign somebody in as somebody else.
    if !is_same_origin(request.headers()) {
        return Err(ApiError::cross_site());
    }
    let is_https = is_https(request.headers());
    let body = read_body(request).await?;
    let form = axum::http::Request::builder()
        .method(axum::http::Method::POST)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(axum::body::Body::from(body))
        .map_err(|error| ApiError::internal(error.to_string()))?;
    let filled = <axum::Form<Filled> as axum::extract::FromRequest<()>>::from_request(form, &()).await;
    let axum::Form(Filled { secret, next }) = filled.map_err(|error| ApiError::bad_body(error.body_text()))?;
    let secret = secret.trim();
    let is_token = secret.starts_with("qd_");
    let session = if is_token {
        context.auth.log_in(secret).await?
    } else {
        context.auth.use_login_link(secret.rsplit('/').next().unwrap_or(secret)).await?
    };
    match session {
        Some(session) => Ok((cookie(&session_cookie(&session, is_https))?, Redirect::to(local(&next))).into_response()),
        None => form_again(is_token, &next),
    }
}

/// `POST /logout`.
pub(super) async fn leave(State(context): State<Context>, headers: HeaderMap) -> Result<Response, ApiError> {
    if !is_same_origin(&headers) {
        return Err(ApiError::cross_site());
    }
    if let Some(secret) = session_secret(&headers) {
        context.auth.end_session(secret).await?;
    }
    Ok((cookie(&clear_cookie(is_https(&headers)))?, Redirect::to("/login")).into_response())
}

fn form_again(is_token: bool, next: &str) -> Result<Response, ApiError> {
    let why = if is_token {
        "This token is not known, or was revoked. <code>qd token create</code> on the host makes a new one."
    } else {
        "This link was used already, or is older than 15 minutes. Run <code>qd login-link</code> on the host to get a new one."
    };
    form(StatusCode::UNAUTHORIZED, Some(why), next)
}

fn form(status: StatusCode, why: Option<&str>, next: &str) -> Result<Response, ApiError> {
    let why = why.map(|why| format!(r#"<p role="alert">{why}</p>"#)).unwrap_or_default();
    let content = format!(
        r#"<h1>Sign in to Quarterdeck</h1>{why}<form method="post" action="/login"><input type="hidden" name="next" value="{next}">
<label for="secret">Token or login link</label>
<input id="secret" name="secret" type="password" autocomplete="current-password" required autofocus>
<button class="button primary" type="submit">Sign in</button></form>
<p class="quiet">Run <code>qd login-link</code> on the host to get a link that signs you in.</p>"#,
        next = escape(local(next)),
    );
    Ok(page(status, &Nonce::new()?, document("Sign in", &content)))
}

/// An address of ours, or the overview. What begins with `//` or `/\` would lead to another host.
fn local(next: &str) -> &str {
    let is_ours = next.starts_with('/') && !next.starts_with("//") && !next.contains('\\') && !next.chars().any(char::is_control);
    if is_ours { next } else { "/" }
}

/// Did the browser come over https? `Origin` tells; else the proxy in front of us. Who lies about it gets a cookie that its
/// own browser does not send back.
fn is_https(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("origin") {
        Some(origin) if origin != "null" => origin.starts_with("https://"),
        _ => text("x-forwarded-proto") == Some("https"),
    }
}

fn cookie(text: &str) -> Result<[(header::HeaderName, HeaderValue); 1], ApiError> {
    let value = HeaderValue::from_str(text).map_err(|error| ApiError::internal(error.to_string()))?;
    Ok([(header::SET_COOKIE, value)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_ours() {
        for ours in ["/", "/apps/a?range=1h", "/events"] {
            assert_eq!(local(ours), ours);
        }
        for other in ["", "//evil.example", "/\\evil.example", "https://evil.example", "evil", "/\t/evil.example", "javascript:x"]
        {
            assert_eq!(local(other), "/", "{other}");
        }
    }
}
