//! Whole numbers. PM2 takes text that is a number for one.

use serde_json::Value;

use super::{Read, wrong};

/// The greatest whole number that JavaScript can tell from its neighbours.
const GREATEST: f64 = 9_007_199_254_740_991.0;

/// The number that a value is, or is the text of.
pub(super) fn any(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        // `parse` alone would take "inf" and "nan".
        Value::String(text)
            if text.trim().bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E')) =>
        {
            text.trim().parse().ok()?
        }
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// A whole number, if this is one of a size that is exact.
pub(super) fn whole(value: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and within the exact range")]
    any(value).filter(|number| number.fract() == 0.0 && number.abs() <= GREATEST).map(|number| number as i64)
}

/// A count: 0 or more.
pub(in crate::config) fn count(value: &Value) -> Read<u32> {
    whole(value).and_then(|number| u32::try_from(number).ok()).map_or_else(|| wrong(value, "a whole number from 0"), Ok)
}

/// A count, or `all` as pm2-logrotate has it for its `retain`.
pub(in crate::config) fn count_or_all(value: &Value) -> Read<u32> {
    match value.as_str() {
        Some("all") => Ok(u32::MAX),
        _ => count(value).or_else(|_| wrong(value, "a whole number from 0, or \"all\"")),
    }
}

/// A number of at least 1.
pub(in crate::config) fn at_least_one(value: &Value) -> Read<u32> {
    count(value).ok().filter(|number| *number > 0).map_or_else(|| wrong(value, "a whole number from 1"), Ok)
}

/// A part of the time in percent, as a number or with its sign: more than 0, and less than all of it, which nothing can keep.
pub(in crate::config) fn percent(value: &Value) -> Read<f64> {
    let number = match value.as_str().and_then(|text| text.trim().strip_suffix('%')) {
        Some(number) => any(&Value::from(number.trim_end())),
        None => any(value),
    };
    let percent = number.filter(|percent| *percent > 0.0 && *percent < 100.0);
    percent.map_or_else(|| wrong(value, "a percentage between 0 and 100, such as 99.9"), Ok)
}

/// A TCP port.
pub(in crate::config) fn port(value: &Value) -> Read<u16> {
    let port = whole(value).and_then(|number| u16::try_from(number).ok()).filter(|port| *port > 0);
    port.map_or_else(|| wrong(value, "a port; write a number from 1 to 65535"), Ok)
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};
    use serde_json::json;

    #[test]
    fn percentages() {
        check(
            percent,
            [
                (json!(99.9), Some(99.9)),
                (json!("99.95 %"), Some(99.95)),
                (json!("99"), Some(99.0)),
                (json!(0), None),
                (json!(100), None),
                (json!("all"), None),
            ],
        );
    }

    #[test]
    fn counts() {
        check(
            count,
            [
                (json!(0), Some(0)),
                (json!(16), Some(16)),
                (json!("16"), Some(16)),
                (json!(16.0), Some(16)),
                (json!(" 7 "), Some(7)),
                (json!(-1), None),
                (json!(1.5), None),
                (json!(1e300), None),
                (json!("inf"), None),
                (json!("nan"), None),
                (json!(""), None),
                (json!("many"), None),
                (json!(true), None),
                (json!([1]), None),
            ],
        );
        check(count_or_all, [(json!("all"), Some(u32::MAX)), (json!(30), Some(30)), (json!("some"), None)]);
        check(at_least_one, [(json!(0), None), (json!(1), Some(1))]);
    }

    #[test]
    fn ports() {
        check(
            port,
            [
                (json!(8080), Some(8080)),
                (json!("8080"), Some(8080)),
                (json!(65535), Some(65535)),
                (json!(0), None),
                (json!(65536), None),
                (json!("http"), None),
            ],
        );
    }
}
