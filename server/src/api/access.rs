//! Who asks, and may they: every route but those for anybody stands behind [`admit`].

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::context::{Context, Peer};
use super::error::ApiError;
use crate::auth::{Auth, Principal, Role, Via, authorize, is_safe, read_cookie, same_origin};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What a group of routes asks of those who use it.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) context: Context,
    pub(crate) role: Role,
}

/// Lets a request through if the one who sent it may use the route, and tells the route who it is.
pub(crate) async fn admit(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match check(&gate, &parts).await {
        Ok(principal) => {
            parts.extensions.insert(principal);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(error) => error.into_response(),
    }
}

async fn check(gate: &Gate, request: &Parts) -> Result<Principal, ApiError> {
    let principal = identify(&gate.context.auth, request).await?.ok_or_else(ApiError::unauthenticated)?;
    prove_origin(&principal, request)?;
    authorize(&principal, gate.role)?;
    Ok(principal)
}

/// Who sent a request; none if it does not say. A token goes before a cookie, and a bad one is never passed over.
pub(crate) async fn identify(auth: &Auth, request: &Parts) -> Result<Option<Principal>, ApiError> {
    let owner = Peer::Local { uid: rustix::process::geteuid().as_raw() };
    if request.extensions.get() == Some(&owner) {
        return Ok(Some(Principal::socket()));
    }
    if let Some(value) = request.headers.get(header::AUTHORIZATION) {
        let token = value.to_str().ok().and_then(bearer).ok_or_else(ApiError::bad_token)?;
        return auth.token(token).await.ok_or_else(ApiError::bad_token).map(Some);
    }
    Ok(session_secret(&request.headers).and_then(|secret| auth.session(secret)))
}

/// The token of `Bearer TOKEN`; the scheme in any case of letters (RFC 9110, section 11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The secret of the session in the cookies of a request.
pub(crate) fn session_secret(headers: &HeaderMap) -> Option<&str> {
    headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).find_map(read_cookie)
}

/// A browser adds the cookie to whatever any page sends, so a request that changes something must come from a page of ours.
fn prove_origin(principal: &Principal, request: &Parts) -> Result<(), ApiError> {
    let by_cookie = matches!(principal.via, Via::Session(_));
    if !by_cookie || is_safe(request.method.as_str()) || is_same_origin(&request.headers) {
        return Ok(());
    }
    Err(ApiError::cross_site())
}

/// Did our own page send this?
pub(crate) fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    same_origin(text(SEC_FETCH_SITE), text(header::ORIGIN), text(header::HOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bearer_tokens() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc "), Some("abc"));
        for other in ["", "Bearer", "Basic abc", "abc"] {
            assert_eq!(bearer(other), None, "{other}");
        }
    }
}
