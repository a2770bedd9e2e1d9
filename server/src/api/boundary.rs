//! What stands around every route: a number for the request, the check of its `Host`, a limit to its body, headers that
//! every answer has, and the one place where errors are logged and written.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::error::ApiError;
use crate::auth::{Auth, host_allowed};

/// Longest body that is read, in bytes.
pub(crate) const BODY_LIMIT: usize = 1 << 20;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Headers of every answer that does not set them itself. What is no page is not to be run, framed, sniffed or kept.
const ALWAYS: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::CACHE_CONTROL, "no-store"),
    (OPENER_POLICY, "same-origin"),
    (RESOURCE_POLICY, "same-origin"),
];

/// The number of a request, unique over restarts as far as anybody will look.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

impl RequestId {
    fn next() -> Self {
        static BOOT: LazyLock<u32> = LazyLock::new(|| RandomState::new().hash_one(std::process::id()) as u32);
        static COUNT: AtomicU64 = AtomicU64::new(1);
        Self(format!("{:08x}-{}", *BOOT, COUNT.fetch_add(1, Ordering::Relaxed)))
    }
}

/// What the boundary needs, and how it writes an error.
#[derive(Clone)]
pub(crate) struct Boundary {
    pub(crate) auth: Auth,
    pub(crate) show: fn(&ApiError, &RequestId) -> Response,
}

/// Lets a request through to `next` if it may go on, and makes its answer fit to be seen.
pub(crate) async fn boundary(State(boundary): State<Boundary>, mut request: Request, next: Next) -> Response {
    let id = RequestId::next();
    let place = Place::of(&request);
    let mut response = match check(&boundary.auth, &request) {
        Ok(()) => {
            request.extensions_mut().insert(id.clone());
            next.run(request).await
        }
        Err(error) => axum::response::IntoResponse::into_response(error),
    };
    if let Some(error) = error_in(&mut response) {
        log(&error, &id, &place);
        // What the carrier knows beyond the error, such as `Allow`, stays.
        let carried = std::mem::take(response.headers_mut());
        response = (boundary.show)(&error, &id);
        add(response.headers_mut(), carried.into_iter().filter_map(|(name, value)| Some((name?, value))));
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        headers.insert(REQUEST_ID, value);
    }
    add(headers, ALWAYS.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}

fn add(headers: &mut HeaderMap, more: impl IntoIterator<Item = (HeaderName, HeaderValue)>) {
    for (name, value) in more {
        headers.entry(name).or_insert(value);
    }
}

fn check(auth: &Auth, request: &Request) -> Result<(), ApiError> {
    let names = &auth.settings().hosts;
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    // The host of an absolute request line goes before the header (RFC 9112, section 3.2.2), so both must be ours.
    let named = request.uri().authority().map(|authority| authority.as_str());
    if !host_allowed(host, names) || named.is_some_and(|named| !host_allowed(Some(named), names)) {
        return Err(ApiError::wrong_host());
    }
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > BODY_LIMIT as u64) {
        return Err(ApiError::too_large(BODY_LIMIT));
    }
    Ok(())
}

/// The error that a response is. An error status with a body that is not just text is an answer in its own right.
fn error_in(response: &mut Response) -> Option<ApiError> {
    if let Some(error) = response.extensions_mut().remove() {
        return Some(error);
    }
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let has_words = kind.is_some_and(|kind| !kind.starts_with("text/plain"));
    if !is_error || has_words {
        return None;
    }
    for described in [header::CONTENT_TYPE, header::CONTENT_LENGTH] {
        response.headers_mut().remove(described);
    }
    Some(ApiError::of_status(status))
}

/// Where a request went, for the log. Of a path that is known, only its pattern: what stands in it may be secret.
struct Place {
    method: Method,
    path: PlacePath,
}

enum PlacePath {
    Known(MatchedPath),
    Unknown,
}

impl Place {
    fn of(request: &Request) -> Self {
        let path = request.extensions().get::<MatchedPath>().cloned().map_or(PlacePath::Unknown, PlacePath::Known);
        Self { method: request.method().clone(), path }
    }

    fn path(&self) -> &str {
        match &self.path {
            PlacePath::Known(path) => path.as_str(),
            PlacePath::Unknown => "(unknown)",
        }
    }
}

fn log(error: &ApiError, id: &RequestId, place: &Place) {
    let ApiError { status, code, told, logged, .. } = error;
    let (method, path, request_id, status) = (&place.method, place.path(), &id.0, status.as_u16());
    let text = logged.as_ref().unwrap_or(told);
    if error.status.is_server_error() && error.status != StatusCode::SERVICE_UNAVAILABLE {
        tracing::error!(%request_id, %method, path, status, code, "failed to answer a request: {text}");
    } else {
        tracing::debug!(%request_id, %method, path, status, code, "refused a request: {text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ() {
        assert_ne!(RequestId::next().0, RequestId::next().0);
    }
}
