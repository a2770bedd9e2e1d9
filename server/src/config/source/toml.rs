//! TOML: the model of an ecosystem file as `[[apps]]`.

use serde_json::{Map, Value};
use toml::Table;

use super::Fault;

pub(in crate::config) fn read(text: &str) -> Result<Value, Fault> {
    let table: Table =
        toml::from_str(text).map_err(|error| Fault { line: line(text, &error), message: error.message().to_owned() })?;
    Ok(json(toml::Value::Table(table)))
}

/// Where the error is.
fn line(text: &str, error: &toml::de::Error) -> Option<u32> {
    let before = text.as_bytes().get(..error.span()?.start)?;
    u32::try_from(before.iter().filter(|byte| **byte == b'\n').count() + 1).ok()
}

/// The same value as JSON; a date as its text.
fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(yes) => yes.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(items) => items.into_iter().map(json).collect(),
        toml::Value::Table(table) => table.into_iter().map(|(key, value)| (key, json(value))).collect::<Map<_, _>>().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn values() {
        let value = read("[[apps]]\nname = 'a'\nport = 1\nrate = 0.5\n[apps.env]\nDAY = 2025-01-01\nON = true\n").unwrap();
        assert_eq!(value, json!({"apps": [{"name": "a", "port": 1, "rate": 0.5, "env": {"DAY": "2025-01-01", "ON": true}}]}));
    }

    #[test]
    fn a_mistake_has_a_line() {
        let fault = read("# x\n[[apps]\n").unwrap_err();
        assert_eq!(fault.line, Some(2), "{fault:?}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[\\[\\]{}=\"'a1.\n #,]{0,60}") {
            let _ = read(&text);
        }
    }
}
