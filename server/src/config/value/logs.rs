//! How logs are kept.

use app::model::LogPolicy;
use serde_json::Value;

use super::{Read, duration, wrong};

/// What comes of output that cannot be written.
pub(in crate::config) fn policy(value: &Value) -> Read<LogPolicy> {
    match value.as_str().map(str::trim) {
        Some("block") => Ok(LogPolicy::Block),
        Some("drop") => Ok(LogPolicy::Drop),
        Some("newest") => Ok(LogPolicy::Newest),
        _ => wrong(value, "a policy; write block, drop or newest"),
    }
}

/// Age in ms at which a file is put aside. None for 0 and `false`, which stand for never.
pub(in crate::config) fn rotate_every(value: &Value) -> Read<Option<u64>> {
    if *value == Value::Bool(false) {
        return Ok(None);
    }
    match duration::ms(value)? {
        0 => Ok(None),
        ms if ms < 1000 => wrong(value, "a time of at least 1s, or 0 for never"),
        ms => Ok(Some(ms)),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};
    use serde_json::json;

    #[test]
    fn policies_and_ages() {
        check(
            policy,
            [
                (json!("block"), Some(LogPolicy::Block)),
                (json!("drop"), Some(LogPolicy::Drop)),
                (json!("newest"), Some(LogPolicy::Newest)),
                (json!("oldest"), None),
                (json!(true), None),
            ],
        );
        check(
            rotate_every,
            [
                (json!("1d"), Some(Some(86_400_000))),
                (json!(0), Some(None)),
                (json!(false), Some(None)),
                (json!("10ms"), None),
                (json!("daily"), None),
            ],
        );
    }
}
