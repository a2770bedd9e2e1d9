//! Sizes in bytes, with PM2's units: 1024 each.

use serde_json::Value;

use super::{Read, number, wrong};

/// Each unit by its first letter.
const UNITS: &[(char, f64)] = &[('K', 1024.0), ('M', 1_048_576.0), ('G', 1_073_741_824.0), ('T', 1_099_511_627_776.0)];

/// A size in bytes.
pub(in crate::config) fn bytes(value: &Value) -> Read<u64> {
    match number::any(value).or_else(|| value.as_str().and_then(with_unit)) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was looked at")]
        Some(bytes) if (0.0..=9.0e15).contains(&bytes) => Ok(bytes as u64),
        _ => wrong(value, "a size; write bytes as a number, or 512K, 300M, 1G"),
    }
}

/// A size of more than 0.
pub(in crate::config) fn positive(value: &Value) -> Read<u64> {
    match bytes(value)? {
        0 => wrong(value, "a size of more than 0"),
        bytes => Ok(bytes),
    }
}

/// A limit of memory. None for 0, which stands for no limit.
pub(in crate::config) fn limit(value: &Value) -> Read<Option<u64>> {
    bytes(value).map(|bytes| (bytes > 0).then_some(bytes))
}

/// `300M`, and as people write it besides: `300m`, `300 MB`, `300MiB`.
fn with_unit(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text.find(|c: char| c.is_ascii_alphabetic())?;
    let mut unit = text[end..].chars();
    let letter = unit.next()?.to_ascii_uppercase();
    let factor = match (letter, unit.as_str()) {
        ('B', "") => 1.0,
        (_, "" | "B" | "b" | "iB" | "ib") => UNITS.iter().find(|(one, _)| *one == letter)?.1,
        _ => return None,
    };
    number::any(&Value::from(text[..end].trim_end())).map(|number| number * factor)
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn sizes() {
        check(
            bytes,
            [
                (json!("300M"), Some(300 << 20)),
                (json!("1G"), Some(1 << 30)),
                (json!("512K"), Some(512 << 10)),
                (json!(300_000_000), Some(300_000_000)),
                (json!("300000000"), Some(300_000_000)),
                (json!("1.5G"), Some(3 << 29)),
                (json!("300m"), Some(300 << 20)),
                (json!("300 MB"), Some(300 << 20)),
                (json!("2GiB"), Some(2 << 30)),
                (json!("12B"), Some(12)),
                (json!("lots"), None),
                (json!("M"), None),
                (json!("300X"), None),
                (json!("300Mo"), None),
                (json!("-1M"), None),
                (json!("9e99G"), None),
                (json!(""), None),
                (json!(false), None),
                (json!(["1M"]), None),
            ],
        );
        check(positive, [(json!(0), None), (json!("1K"), Some(1024))]);
        check(limit, [(json!(0), Some(None)), (json!("1K"), Some(Some(1024)))]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,20}") {
            let _ = bytes(&json!(text));
        }
    }
}
