//! What a client is told when something fails.
//!
//! Three rules hold for every route:
//!
//! 1. *What a client is told and what the log says are two fields.* `told` is a sentence for the one who asked: what failed,
//!    why, what to do next. `logged` may name files and inner errors; it never leaves the host. A handler that knows no
//!    more than the client leaves `logged` empty.
//! 2. *A program reads `code`, a person reads `message`.* Codes are fixed words and part of the contract; texts may change.
//!    `request_id` stands in the body, in the header `x-request-id` and in the log, so that both can be brought together.
//! 3. *An error is made where it is known and written in one place.* Handlers answer `Result<_, ApiError>`. Such an error
//!    travels through the layers as an extension of an empty response; [`super::boundary`] numbers it, logs it once and
//!    writes the body: JSON for the API, a page for a browser. What other layers refuse (no such method, a body that is
//!    too long) is brought into the same form there.
//!
//! The control routes keep to the answers of the specification that PM2 users know, [`app::model::ControlAnswer`], once it
//! is decided that the caller may use them.

use app::model::{Problem, ProblemBody};
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::auth::{self, Forbidden};
use crate::control::Refusal;

/// Why a request was refused or failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// Status of the answer.
    pub status: StatusCode,
    /// A fixed word for programs.
    pub code: &'static str,
    /// A sentence for the one who asked.
    pub told: String,
    /// The field that was bad.
    pub field: Option<&'static str>,
    /// What the log says beyond that.
    pub logged: Option<String>,
    /// When to try again, in seconds.
    pub retry_after: Option<u64>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, told: impl Into<String>) -> Self {
        Self { status, code, told: told.into(), field: None, logged: None, retry_after: None }
    }

    /// The same, with more for the log.
    #[must_use]
    pub(crate) fn logged(mut self, text: impl Into<String>) -> Self {
        self.logged = Some(text.into());
        self
    }

    pub(crate) fn bad_field(field: &'static str, why: impl std::fmt::Display) -> Self {
        let error = Self::new(StatusCode::BAD_REQUEST, "bad_field", format!("{field}: {why}"));
        Self { field: Some(field), ..error }
    }

    pub(crate) fn bad_body(why: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_body", format!("The body is not what this route takes: {why}"))
    }

    pub(crate) fn unauthenticated() -> Self {
        let told = "Nobody is logged in here; send `Authorization: Bearer TOKEN` (`qd token create` makes one), or log in";
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", told)
    }

    pub(crate) fn bad_token() -> Self {
        let told = "This token is not known, or was revoked; `qd token create` makes a new one";
        Self::new(StatusCode::UNAUTHORIZED, "bad_token", told)
    }

    pub(crate) fn cross_site() -> Self {
        let told = "This request comes from a page of another site; only pages of this dashboard may change something";
        Self::new(StatusCode::FORBIDDEN, "cross_site", told)
    }

    pub(crate) fn wrong_host() -> Self {
        let told = "This node does not answer under this host name; add the name to `hosts` in quarterdeck.toml if it should";
        Self::new(StatusCode::MISDIRECTED_REQUEST, "wrong_host", told)
    }

    pub(crate) fn no_such_page() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is nothing under this address")
    }

    pub(crate) fn no_such_app(name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "app_not_found", format!("No app is called {name}"))
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        let told = format!("The body is longer than {} KiB", limit >> 10);
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", told)
    }

    pub(crate) fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "The body did not arrive in time")
    }

    pub(crate) fn too_many(seconds: u64) -> Self {
        let told = format!("Too many requests; try again in {seconds} s");
        Self { retry_after: Some(seconds), ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", told) }
    }

    pub(crate) fn busy(told: impl Into<String>) -> Self {
        Self { retry_after: Some(10), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", told) }
    }

    pub(crate) fn internal(logged: impl Into<String>) -> Self {
        let told = "Something went wrong inside of qd; its log has more under this request id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", told).logged(logged)
    }

    /// The common form of an answer that some layer gave with a status alone.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::no_such_page(),
            StatusCode::METHOD_NOT_ALLOWED => {
                Self::new(status, "method_not_allowed", "This address is there, but not for this method; see the header Allow")
            }
            status if status.is_server_error() => Self { status, ..Self::internal("an answer without words") },
            status => Self::new(status, "bad_request", "This request cannot be understood"),
        }
    }

    /// The body that programs read.
    pub(crate) fn problem(&self, request_id: &str) -> Problem {
        Problem {
            error: ProblemBody {
                code: self.code.into(),
                message: self.told.clone(),
                field: self.field.map(Into::into),
                request_id: request_id.into(),
            },
        }
    }

    /// The answer with the body that programs read.
    pub(crate) fn to_json(&self, request_id: &str) -> Response {
        (self.status, Json(self.problem(request_id))).into_response()
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let told = refusal.to_string();
        match refusal {
            Refusal::NotFound(name) => Self::no_such_app(&name),
            Refusal::Conflict(_) => Self::new(StatusCode::CONFLICT, "conflict", told),
            Refusal::Failed(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", told),
            Refusal::BadField { field, why } => Self::bad_field(field, why),
            Refusal::Closing => Self::new(StatusCode::SERVICE_UNAVAILABLE, "closing", told),
            Refusal::Away => Self::new(StatusCode::SERVICE_UNAVAILABLE, "away", told),
        }
    }
}

impl From<Forbidden> for ApiError {
    fn from(forbidden: Forbidden) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", forbidden.to_string())
    }
}

impl From<auth::Error> for ApiError {
    fn from(error: auth::Error) -> Self {
        Self::internal(format!("failed to {error}"))
    }
}

impl IntoResponse for ApiError {
    /// Only a carrier: the boundary writes the body.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"Quarterdeck\""));
        }
        response.extensions_mut().insert(self);
        response
    }
}
