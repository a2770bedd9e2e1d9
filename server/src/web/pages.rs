//! Pages for those who are signed in, and the files that everybody may have.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::assets::SITE;
use super::render::dashboard;
use crate::api::access::identify;
use crate::api::{ApiError, Context};

/// What cannot stand in the value of a field of a query.
const FIELD: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'&').add(b'+').add(b'<').add(b'>').add(b'=');

/// Whatever no route is for: a file of the site, or a page.
pub(super) async fn any(State(context): State<Context>, request: Request) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    if let Some(file) = SITE.answer(&parts.method, &parts.uri, &parts.headers) {
        return Ok(file);
    }
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return Err(ApiError::no_such_page());
    }
    show(&context, &parts).await
}

async fn show(context: &Context, parts: &Parts) -> Result<Response, ApiError> {
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    match identify(&context.auth, parts).await? {
        Some(principal) => dashboard(Arc::clone(&context.control), principal, target).await,
        None => Ok(Redirect::to(&login_address(target)).into_response()),
    }
}

/// Where to sign in, and come back from.
fn login_address(target: &str) -> String {
    if target == "/" {
        return "/login".into();
    }
    format!("/login?next={}", utf8_percent_encode(target, FIELD))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_is_one_field() {
        assert_eq!(login_address("/"), "/login");
        assert_eq!(login_address("/apps/a%20b?range=1h&at=x+y"), "/login?next=/apps/a%2520b?range%3D1h%26at%3Dx%2By");
    }
}
