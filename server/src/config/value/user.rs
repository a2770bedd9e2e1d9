//! Users and groups.

use serde_json::Value;

use super::{Read, text, wrong};

/// A user or a group by name or number. Whether there is one is seen when the app is started: it may come from the network.
pub(in crate::config) fn user(value: &Value) -> Read<String> {
    match text::scalar(value) {
        Some(user)
            if !user.is_empty()
                && !user.starts_with('-')
                && !user.chars().any(|c| c.is_control() || c.is_whitespace() || c == ':' || c == '/') =>
        {
            Ok(user)
        }
        _ => wrong(value, "a user or group; write a name or a number"),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};
    use serde_json::json;

    #[test]
    fn users() {
        check(
            user,
            [
                (json!("www-data"), Some("www-data".into())),
                (json!(1000), Some("1000".into())),
                (json!("1000"), Some("1000".into())),
                (json!(-1), None),
                (json!(""), None),
                (json!("a b"), None),
                (json!("a:b"), None),
                (json!(true), None),
            ],
        );
    }
}
