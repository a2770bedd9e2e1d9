//! `cron_restart`.

use serde_json::Value;

use super::{Read, shown, wrong};
use crate::config::cron;

/// A cron expression. None for 0, with which PM2 takes a schedule away.
pub(in crate::config) fn schedule(value: &Value) -> Read<Option<String>> {
    match value {
        Value::Bool(false) => Ok(None),
        Value::Number(number) if number.as_f64() == Some(0.0) => Ok(None),
        Value::String(text) if text.trim() == "0" => Ok(None),
        Value::String(text) => match cron::check(text) {
            Ok(()) => Ok(Some(text.trim().to_owned())),
            Err(why) => Err(format!(
                "{} is no cron expression: {why}; write 5 fields such as \"0 3 * * *\", or 6 with seconds first",
                shown(value)
            )),
        },
        other => wrong(other, "a cron expression; write 5 fields such as \"0 3 * * *\", or 6 with seconds first"),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};
    use serde_json::json;

    #[test]
    fn schedules() {
        check(
            schedule,
            [
                (json!("0 3 * * *"), Some(Some("0 3 * * *".into()))),
                (json!("*/3 * * * * *"), Some(Some("*/3 * * * * *".into()))),
                (json!(0), Some(None)),
                (json!("0"), Some(None)),
                (json!(false), Some(None)),
                (json!("every night"), None),
                (json!(""), None),
                (json!(5), None),
                (json!(true), None),
            ],
        );
    }
}
