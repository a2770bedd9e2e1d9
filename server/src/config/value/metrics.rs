//! `metrics`: which of the app's own figures are kept, and where it shows them.

use app::model::Scrape;
use serde_json::Value;

use super::health::url;
use super::{Read, duration, wrong};

const WANTED: &str = "a list of names such as [\"http_requests_total\"], or { url: \"/metrics\", names: [\"http_requests_total\"], interval: \"10s\" }";
/// How many can be kept.
const MOST: usize = 20;

/// Where they are read, and which.
pub(in crate::config) fn metrics(value: &Value) -> Read<Scrape> {
    let mut scrape = Scrape::default();
    match value {
        Value::Array(_) => scrape.names = names(value)?,
        Value::Object(written) => {
            for (key, value) in written {
                let read = match key.as_str() {
                    "url" | "path" => url(value).map(|url| scrape.url = url),
                    "names" => names(value).map(|names| scrape.names = names),
                    "interval" => duration::positive_ms(value).map(|ms| scrape.interval_ms = ms.max(1000)),
                    _ => Err("it is not known; url, names and interval are".into()),
                };
                read.map_err(|why| format!("{key}: {why}"))?;
            }
            if scrape.names.is_empty() {
                return Err("names is missing; write the names of the metrics that are to be kept".into());
            }
        }
        _ => return wrong(value, WANTED),
    }
    Ok(scrape)
}

fn names(value: &Value) -> Read<Vec<String>> {
    let is_name = |name: &str| {
        !name.is_empty() && name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'))
    };
    let names: Option<Vec<String>> = value
        .as_array()
        .and_then(|all| all.iter().map(|one| one.as_str().filter(|one| is_name(one)).map(str::to_owned)).collect());
    match names {
        Some(names) if (1..=MOST).contains(&names.len()) => Ok(names),
        _ => Err(format!("it is no list of 1 to {MOST} names of Prometheus metrics; write them as [\"http_requests_total\"]")),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};
    use serde_json::json;

    #[test]
    fn written_ones() {
        let scrape = |url: &str, names: &[&str], interval_ms| {
            Some(Scrape { url: url.into(), names: names.iter().map(|name| (*name).to_owned()).collect(), interval_ms })
        };
        check(
            metrics,
            [
                (json!(["a_total", "b:c"]), scrape("/metrics", &["a_total", "b:c"], 10_000)),
                (
                    json!({"url": "http://127.0.0.1:9100/m", "names": ["a"], "interval": "1m"}),
                    scrape("http://127.0.0.1:9100/m", &["a"], 60_000),
                ),
                (json!({"path": "/m", "names": ["a"], "interval": 5}), scrape("/m", &["a"], 1000)),
                (json!({"url": "/m"}), None),
                (json!({"names": ["a"], "ulr": "/m"}), None),
                (json!({"names": ["a"], "url": "ftp://x/m"}), None),
                (json!({"names": ["a b"]}), None),
                (json!([]), None),
                (json!("a"), None),
                (json!(true), None),
            ],
        );
    }
}
