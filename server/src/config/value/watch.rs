//! What is watched for changes.

use std::path::Path;

use serde_json::Value;

use super::{Read, args, shown, text, wrong};
use crate::config::paths;

/// `watch`: absolute paths, none if nothing is watched; `true` stands for the working directory.
pub(in crate::config) fn watch(value: &Value, cwd: &Path, home: Option<&str>) -> Read<Vec<String>> {
    match value {
        Value::Bool(false) => Ok(Vec::new()),
        Value::Bool(true) => Ok(vec![paths::text(cwd)]),
        Value::String(_) | Value::Array(_) => {
            let written = text::list(value)?;
            if written.iter().any(|path| text::has_nul(path)) {
                return wrong(value, "a list of paths");
            }
            Ok(written.iter().map(|path| paths::text(&paths::resolve(cwd, path, home))).collect())
        }
        other => wrong(other, "true, a path or a list of paths"),
    }
}

/// `ignore_watch`: a list, or a text that a shell would split.
pub(in crate::config) fn ignore(value: &Value) -> Read<Vec<String>> {
    match value {
        Value::String(line) => args::split(line).map_err(|why| format!("{} cannot be split: {why}", shown(value))),
        Value::Array(_) => text::list(value),
        other => wrong(other, "a list of paths or globs"),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};
    use serde_json::json;

    fn some(words: &[&str]) -> Option<Vec<String>> {
        Some(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn watched() {
        check(
            |value| watch(value, Path::new("/srv/app"), Some("/home/me")),
            [
                (json!(true), some(&["/srv/app"])),
                (json!(false), some(&[])),
                (json!("."), some(&["/srv/app"])),
                (json!("backend"), some(&["/srv/app/backend"])),
                (json!(["backend", "/etc/x", "../lib"]), some(&["/srv/app/backend", "/etc/x", "/srv/lib"])),
                (json!([]), some(&[])),
                (json!([true]), None),
                (json!(""), None),
                (json!(1), None),
                (json!({}), None),
            ],
        );
    }

    #[test]
    fn ignored() {
        check(
            ignore,
            [
                (json!(["x", "*.log"]), some(&["x", "*.log"])),
                (json!("x 'y z'"), some(&["x", "y z"])),
                (json!("it's"), None),
                (json!(true), None),
            ],
        );
    }
}
