//! Durations: a number is milliseconds; text may carry a unit.

use std::time::Duration;

use serde_json::Value;

use super::{Read, number, wrong};

/// Each unit and how many milliseconds it has. PM2 knows `s`, `m` and `h`.
const UNITS: &[(&str, f64)] = &[("ms", 1.0), ("s", 1000.0), ("m", 60_000.0), ("h", 3_600_000.0), ("d", 86_400_000.0)];

/// No app waits longer.
const LONGEST_MS: f64 = 10.0 * 365.0 * 86_400_000.0;

/// A duration in ms.
pub(in crate::config) fn ms(value: &Value) -> Read<u64> {
    let found = number::any(value).or_else(|| value.as_str().and_then(with_unit));
    match found {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was looked at")]
        Some(ms) if (0.0..=LONGEST_MS).contains(&ms) => Ok(ms.round() as u64),
        Some(ms) if ms > LONGEST_MS => wrong(value, "a duration of at most ten years"),
        _ => wrong(value, "a duration; write milliseconds as a number, or 500ms, 10s, 5m, 1h"),
    }
}

/// A duration that must pass: more than 0.
pub(in crate::config) fn positive(value: &Value) -> Read<Duration> {
    positive_ms(value).map(Duration::from_millis)
}

/// The same in ms.
pub(in crate::config) fn positive_ms(value: &Value) -> Read<u64> {
    match ms(value)? {
        0 => wrong(value, "a duration of more than 0"),
        ms => Ok(ms),
    }
}

fn with_unit(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (_, factor) = UNITS.iter().find(|(unit, _)| *unit == &text[end..])?;
    let number = text[..end].trim_end();
    (!number.is_empty()).then_some(())?;
    number::any(&Value::from(number)).map(|number| number * factor)
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn durations() {
        check(
            ms,
            [
                (json!(1600), Some(1600)),
                (json!("1600"), Some(1600)),
                (json!(0), Some(0)),
                (json!("500ms"), Some(500)),
                (json!("10s"), Some(10_000)),
                (json!("1.5s"), Some(1500)),
                (json!("5 m"), Some(300_000)),
                (json!("1h"), Some(3_600_000)),
                (json!("30d"), Some(2_592_000_000)),
                (json!("soon"), None),
                (json!("s"), None),
                (json!("10 parsecs"), None),
                (json!("-1s"), None),
                (json!(-1), None),
                (json!("1e300h"), None),
                (json!(""), None),
                (json!(true), None),
                (json!({}), None),
            ],
        );
        check(positive, [(json!(0), None), (json!("2s"), Some(Duration::from_secs(2)))]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,20}") {
            let _ = ms(&json!(text));
        }
    }
}
