//! Exit codes after which an app stays down.

use serde_json::Value;

use super::{Read, number, wrong};

/// One code or a list of them.
pub(in crate::config) fn exit_codes(value: &Value) -> Read<Vec<i32>> {
    match value {
        Value::Array(items) => items.iter().map(code).collect(),
        one => code(one).map(|one| vec![one]),
    }
}

fn code(value: &Value) -> Read<i32> {
    let code = number::whole(value).and_then(|code| i32::try_from(code).ok()).filter(|code| (0..=255).contains(code));
    code.map_or_else(|| wrong(value, "an exit code; write a number from 0 to 255, or a list of them"), Ok)
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};
    use serde_json::json;

    #[test]
    fn codes() {
        check(
            exit_codes,
            [
                (json!([0, 143]), Some(vec![0, 143])),
                (json!(0), Some(vec![0])),
                (json!("3"), Some(vec![3])),
                (json!([]), Some(vec![])),
                (json!([256]), None),
                (json!(-1), None),
                (json!(["SIGTERM"]), None),
                (json!({}), None),
            ],
        );
    }
}
