//! Pages that the server writes by itself: login and errors. They have the site's look and need no script.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::assets::SITE;
use crate::api::ApiError;

/// Text as the content of an element or of a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// A word that only this page's policy and its scripts have.
#[derive(Debug)]
pub(super) struct Nonce(pub(super) String);

impl Nonce {
    pub(super) fn new() -> Result<Self, ApiError> {
        let random = getrandom::u64().and_then(|high| Ok((high, getrandom::u64()?)));
        let (high, low) = random.map_err(|error| ApiError::internal(format!("failed to get random numbers: {error}")))?;
        Ok(Self(format!("{high:016x}{low:016x}")))
    }

    /// What a page may load: its own parts and nothing else. Styles stand in the style sheet alone, not in attributes.
    fn policy(&self) -> String {
        let Self(nonce) = self;
        format!(
            "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; style-src 'self'; \
             connect-src 'self'; img-src 'self' data:; font-src 'self'; manifest-src 'self'; base-uri 'none'; \
             form-action 'self'; frame-ancestors 'none'"
        )
    }
}

/// A page as an answer, with the policy for its scripts.
///
/// `Referrer-Policy` is `same-origin` here: with `no-referrer` browsers send `Origin: null` with a form (Fetch, "append a
/// request `Origin` header"), and then we could not tell that the form was ours.
pub(super) fn page(status: StatusCode, nonce: &Nonce, html: String) -> Response {
    let mut response = (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response();
    let mut set = |name: HeaderName, value: HeaderValue| response.headers_mut().insert(name, value);
    set(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if let Ok(policy) = HeaderValue::from_str(&nonce.policy()) {
        set(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// A document around the content of a page.
pub(super) fn document(title: &str, content: &str) -> String {
    format!(
        r##"<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title} · Quarterdeck</title>
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover"><meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex"><link rel="icon" href="/favicon.svg" type="image/svg+xml"><link rel="stylesheet" href="{css}">
</head><body><main class="door">{content}</main></body></html>"##,
        title = escape(title),
        css = SITE.address("pkg/main.css"),
    )
}

/// An error as a page.
pub(super) fn error_page(error: &ApiError, request_id: &str) -> Response {
    let title = match error.status {
        StatusCode::NOT_FOUND => "There is no such page",
        StatusCode::MISDIRECTED_REQUEST => "Not under this name",
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "This is not for you",
        status if status.is_server_error() => "That went wrong",
        _ => "That did not work",
    };
    let content = format!(
        r#"<h1>{title}.</h1><p>{told}.</p><p><a href="/">Back to the overview</a></p><p class="quiet">Request {id}</p>"#,
        told = escape(error.told.trim_end_matches('.')),
        id = escape(request_id),
    );
    // It has no script, so nobody has to know its nonce.
    page(error.status, &Nonce("none".into()), document(title, &content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_text() {
        assert_eq!(escape("<img src=x onerror='a(\"1\")'>&"), "&lt;img src=x onerror=&#39;a(&quot;1&quot;)&#39;&gt;&amp;");
    }

    #[test]
    fn each_page_has_another_nonce() {
        assert_ne!(Nonce::new().unwrap().0, Nonce::new().unwrap().0);
    }
}
