//! Readers of values that people write by hand, one file per kind. Each takes a value of any type and answers with what it
//! means, or with a text that says what is wrong with it and what would be right.

pub(super) mod args;
pub(super) mod dependency;
pub(super) mod duration;
pub(super) mod env;
pub(super) mod exit_codes;
pub(super) mod health;
pub(super) mod instances;
pub mod interpreter;
pub(super) mod limits;
pub(super) mod listen;
pub(super) mod log_file;
pub(super) mod logs;
pub(super) mod metrics;
pub(crate) mod name;
pub(super) mod number;
pub(super) mod schedule;
pub(super) mod script;
pub(super) mod signal;
mod signs;
pub(super) mod size;
pub(super) mod text;
pub(super) mod user;
pub(super) mod watch;

use serde_json::Value;

/// What a value means, or what is wrong with it.
pub(super) type Read<T> = Result<T, String>;

/// Says that a value is not what it should be.
pub(super) fn wrong<T>(value: &Value, wanted: &str) -> Read<T> {
    Err(format!("{} is not {wanted}", shown(value)))
}

/// The value as JSON, cut where it is long.
pub(super) fn shown(value: &Value) -> String {
    const MOST: usize = 60;
    // A container could be large or hold secrets; its kind says enough.
    match value {
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
        value => {
            let text = value.to_string();
            match text.char_indices().nth(MOST) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text,
            }
        }
    }
}

/// `true` or `false`.
pub(super) fn switch(value: &Value) -> Read<bool> {
    value.as_bool().map_or_else(|| wrong(value, "true or false"), Ok)
}

/// An object, which somebody else reads.
pub(super) fn object(value: &Value) -> Read<Value> {
    if value.is_object() { Ok(value.clone()) } else { wrong(value, "an object") }
}

/// A table of values and what they are read as; None where they are refused.
#[cfg(test)]
pub(super) fn check<T: PartialEq + std::fmt::Debug>(
    read: impl Fn(&Value) -> Read<T>,
    table: impl IntoIterator<Item = (Value, Option<T>)>,
) {
    for (value, want) in table {
        let got = read(&value);
        assert_eq!(got.as_ref().ok(), want.as_ref(), "{value} gave {got:?}");
        if let Err(message) = got {
            assert!(!message.is_empty() && message.len() < 300, "{value}: {message}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn switches() {
        check(
            switch,
            [(json!(true), Some(true)), (json!(false), Some(false)), (json!("true"), None), (json!(1), None), (json!([]), None)],
        );
    }

    #[test]
    fn objects() {
        check(object, [(json!({"a": 1}), Some(json!({"a": 1}))), (json!([]), None), (json!("x"), None)]);
    }

    #[test]
    fn long_values_are_cut() {
        assert!(shown(&json!("ä".repeat(1000))).chars().count() < 70);
        assert_eq!(shown(&json!({"PASSWORD": "x"})), "an object");
    }
}
