//! What a request says: names in paths, fields of queries, bodies. Whatever is wrong is told with the name of the field.

use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use app::model::Time;
use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::boundary::BODY_LIMIT;
use super::error::ApiError;
use crate::control::Span;

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);

/// The name of an app in the path, decoded. What cannot be decoded is no name.
#[derive(Debug)]
pub(super) struct Name(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(name) = Path::from_request_parts(parts, state).await.map_err(|_| ApiError::no_such_page())?;
        Ok(Self(name))
    }
}

/// The fields of a query. One that is empty counts as not there, as browsers send those that were left empty; one that is
/// not known is passed over.
#[derive(Debug)]
pub(super) struct Fields(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Fields {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let read = Query::from_request_parts(parts, state).await;
        read.map(|Query(fields)| Self(fields)).map_err(|error| ApiError::bad_field("query", error.body_text()))
    }
}

impl Fields {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, value)| field == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    fn parse<T>(&self, name: &'static str, wanted: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, ApiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let shown: String = text.chars().take(40).collect();
        parse(text).map(Some).ok_or_else(|| ApiError::bad_field(name, format!("must be {wanted}, and is `{shown}`")))
    }

    /// A word of a list that is short enough to be told.
    pub(super) fn word<T>(&self, name: &'static str, wanted: &str, parse: fn(&str) -> Option<T>) -> Result<Option<T>, ApiError> {
        self.parse(name, wanted, parse)
    }

    /// Number of an event.
    pub(super) fn id(&self, name: &'static str) -> Result<Option<u64>, ApiError> {
        self.parse(name, "the number of an event", |text| text.parse().ok())
    }

    pub(super) fn time(&self, name: &'static str) -> Result<Option<Time>, ApiError> {
        self.parse(name, "a time like 2026-01-31T12:00:00.000Z", |text| text.parse().ok())
    }

    pub(super) fn count(&self, name: &'static str, range: RangeInclusive<usize>, default: usize) -> Result<usize, ApiError> {
        let wanted = format!("a number from {} to {}", range.start(), range.end());
        let count = self.parse(name, &wanted, |text| text.parse().ok().filter(|count| range.contains(count)))?;
        Ok(count.unwrap_or(default))
    }

    /// `from` and `to`; where `to` is not given it is now, and `from` is `back_ms` before it.
    pub(super) fn span(&self, back_ms: i64, limit: usize) -> Result<Span, ApiError> {
        let to = self.time("to")?.unwrap_or_else(now);
        let from = self.time("from")?.unwrap_or(to - back_ms);
        if from > to {
            return Err(ApiError::bad_field("from", "must not be later than `to`"));
        }
        Ok(Span { from, to, limit })
    }
}

/// A body of JSON, whatever it calls itself: our own routes take nothing else.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let bytes = read_body(request).await?;
        serde_json::from_slice(&bytes).map(Self).map_err(ApiError::bad_body)
    }
}

/// Reads a body that is neither too long nor too slow.
pub(crate) async fn read_body(request: Request) -> Result<Bytes, ApiError> {
    let read = tokio::time::timeout(BODY_TIME, to_bytes(request.into_body(), BODY_LIMIT)).await;
    read.map_err(|_| ApiError::too_slow())?.map_err(|error| {
        use std::error::Error as _;
        let is_long = error.source().is_some_and(|source| source.is::<http_body_util::LengthLimitError>());
        if is_long { ApiError::too_large(BODY_LIMIT) } else { ApiError::bad_body("it ended too early") }
    })
}

/// The wall clock: queries are about the time that people see.
pub(super) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        Fields(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn counts() {
        let count = |value| fields(&[("limit", value)]).count("limit", 1..=1000, 100);
        assert_eq!(count("1"), Ok(1));
        assert_eq!(count("1000"), Ok(1000));
        assert_eq!(count(""), Ok(100));
        for bad in ["0", "1001", "-5", "lots", "1.5", "99999999999999999999999"] {
            let error = count(bad).unwrap_err();
            assert_eq!((error.field, error.code), (Some("limit"), "bad_field"));
            assert!(error.told.starts_with("limit: must be a number from 1 to 1000, and is `"), "{}", error.told);
        }
    }

    #[test]
    fn spans() {
        let span = fields(&[("to", "2026-01-01T00:15:00Z")]).span(900_000, 7).unwrap();
        assert_eq!((span.from.to_string(), span.limit), ("2026-01-01T00:00:00.000Z".into(), 7));
        let turned = fields(&[("from", "2026-01-02T00:00:00Z"), ("to", "2026-01-01T00:00:00Z")]).span(1, 1).unwrap_err();
        assert_eq!(turned.field, Some("from"));
        assert_eq!(fields(&[("from", "yesterday")]).span(1, 1).unwrap_err().field, Some("from"));
    }

    #[test]
    fn a_long_value_is_not_told_back_whole() {
        let long = "x".repeat(5000);
        assert!(fields(&[("after", &long)]).id("after").unwrap_err().told.len() < 200);
    }
}
