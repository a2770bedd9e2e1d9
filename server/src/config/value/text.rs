//! Words and lists of them.

use serde_json::Value;

use super::{Read, wrong};

/// Text that is not empty. A number is taken as its digits.
pub(in crate::config) fn text(value: &Value) -> Read<String> {
    scalar(value).filter(|text| !text.trim().is_empty()).map_or_else(|| wrong(value, "a text"), Ok)
}

/// One text, or a list of them.
pub(in crate::config) fn list(value: &Value) -> Read<Vec<String>> {
    match value {
        Value::Array(items) => items.iter().map(text).collect(),
        Value::Object(_) | Value::Bool(_) => wrong(value, "a list of texts"),
        one => text(one).map(|one| vec![one]),
    }
}

/// Text or a number, as JavaScript would print it.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(match super::number::whole(value) {
            Some(whole) => whole.to_string(),
            None => number.to_string(),
        }),
        _ => None,
    }
}

/// Has it a character that has no place in a path, an argument or a variable of Unix?
pub(in crate::config) fn has_nul(text: &str) -> bool {
    text.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};
    use serde_json::json;

    #[test]
    fn texts() {
        check(
            text,
            [
                (json!("x y"), Some("x y".into())),
                (json!(8080), Some("8080".into())),
                (json!(8080.0), Some("8080".into())),
                (json!(1.5), Some("1.5".into())),
                (json!(""), None),
                (json!(" "), None),
                (json!(true), None),
                (json!(["x"]), None),
            ],
        );
    }

    #[test]
    fn lists() {
        check(
            list,
            [
                (json!("x"), Some(vec!["x".into()])),
                (json!(["x", 1]), Some(vec!["x".into(), "1".into()])),
                (json!([]), Some(vec![])),
                (json!(["x", {}]), None),
                (json!({}), None),
            ],
        );
    }
}
