//! The address of a monitor that raises the alarm when it hears nothing.

use std::time::Duration;

use hyper::Uri;
use serde_json::Value;

use crate::config::value::{Read, duration, wrong};

/// `url`: `http` or `https`, with a host.
pub(super) fn url(written: &Value) -> Read<Option<Uri>> {
    let uri = written.as_str().and_then(|text| text.parse::<Uri>().ok());
    match uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()) {
        Some(uri) => Ok(Some(uri)),
        None => wrong(written, "an address such as \"https://monitor.example.org/ping/KEY\""),
    }
}

/// `every`: more often than this would be a burden for the monitor.
pub(super) fn every(written: &Value) -> Read<Duration> {
    let every = duration::positive(written)?;
    if every < Duration::from_secs(1) { wrong(written, "a time of 1s or more") } else { Ok(every) }
}
