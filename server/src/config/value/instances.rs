//! How many instances, and how they run.

use app::model::ExecMode;
use serde_json::Value;

use super::{Read, number, wrong};

/// More than this is a mistake and not a wish.
const MOST: u32 = 1000;

/// A number, or as many as there are processors: `"max"` and 0 for all of them, negative for all but so many.
pub(in crate::config) fn instances(value: &Value, processors: u32) -> Read<u32> {
    let written = match value {
        Value::String(text) if text.trim() == "max" => Some(0),
        other => number::whole(other),
    };
    let found = match written {
        Some(number) if number > 0 => u32::try_from(number).ok().filter(|number| *number <= MOST),
        Some(number) => Some(u32::try_from(i64::from(processors).saturating_add(number)).unwrap_or(0).clamp(1, MOST)),
        None => None,
    };
    found.map_or_else(
        || wrong(value, "a number of instances; write 1 to 1000, \"max\" for one per processor, or -1 for one less"),
        Ok,
    )
}

/// How many processors this process may use.
pub(in crate::config) fn processors() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(MOST))
}

/// `exec_mode`.
pub(in crate::config) fn exec_mode(value: &Value) -> Read<ExecMode> {
    match value.as_str() {
        Some("fork" | "fork_mode") => Ok(ExecMode::Fork),
        Some("cluster" | "cluster_mode") => Ok(ExecMode::Cluster),
        _ => wrong(value, "\"fork\" or \"cluster\""),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};
    use serde_json::json;

    #[test]
    fn counts() {
        check(
            |value| instances(value, 4),
            [
                (json!(1), Some(1)),
                (json!("3"), Some(3)),
                (json!("max"), Some(4)),
                (json!(0), Some(4)),
                (json!(-1), Some(3)),
                (json!("-2"), Some(2)),
                (json!(-9), Some(1)),
                (json!(i64::MIN), None),
                (json!(1001), None),
                (json!(1.5), None),
                (json!("many"), None),
                (json!(""), None),
                (json!(true), None),
            ],
        );
        assert!(processors() > 0);
    }

    #[test]
    fn modes() {
        check(
            exec_mode,
            [
                (json!("fork"), Some(ExecMode::Fork)),
                (json!("cluster_mode"), Some(ExecMode::Cluster)),
                (json!("Cluster"), None),
                (json!("threads"), None),
                (json!(1), None),
            ],
        );
    }
}
