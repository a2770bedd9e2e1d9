//! Where the output of an app goes.

use std::path::Path;

use app::model::LogFile;
use serde_json::Value;

use super::{Read, text, wrong};
use crate::config::paths;

/// `out_file` or `error_file`: a path, seen from the working directory; `NULL` and `/dev/null` for nowhere.
pub(in crate::config) fn log_file(value: &Value, cwd: &Path, home: Option<&str>) -> Read<LogFile> {
    match value.as_str() {
        Some("NULL" | "/dev/null") => Ok(LogFile::Discard),
        Some(written) if !written.trim().is_empty() && !text::has_nul(written) => {
            Ok(LogFile::Path(paths::text(&paths::resolve(cwd, written, home))))
        }
        _ => wrong(value, "a path of a file; /dev/null keeps nothing"),
    }
}

/// A path of a file that is no log of one stream.
pub(in crate::config) fn path(value: &Value, cwd: &Path, home: Option<&str>) -> Read<Option<String>> {
    Ok(match log_file(value, cwd, home)? {
        LogFile::Path(path) => Some(path),
        LogFile::Home | LogFile::Discard => None,
    })
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};
    use serde_json::json;

    #[test]
    fn files() {
        check(
            |value| log_file(value, Path::new("/srv/app"), Some("/home/me")),
            [
                (json!("logs/out.log"), Some(LogFile::Path("/srv/app/logs/out.log".into()))),
                (json!("/var/log/a.log"), Some(LogFile::Path("/var/log/a.log".into()))),
                (json!("~/a.log"), Some(LogFile::Path("/home/me/a.log".into()))),
                (json!("NULL"), Some(LogFile::Discard)),
                (json!("/dev/null"), Some(LogFile::Discard)),
                (json!(""), None),
                (json!("a\u{0}"), None),
                (json!(false), None),
                (json!(["a"]), None),
            ],
        );
        check(
            |value| path(value, Path::new("/srv"), None),
            [(json!("NULL"), Some(None)), (json!("x.pid"), Some(Some("/srv/x.pid".into())))],
        );
    }
}
