//! Paths as PM2 resolves them.

use std::path::{Component, Path, PathBuf};

/// `path` seen from `base`, without `.` and `..`, as `path.resolve` of Node. A leading `~` is the home folder of the user.
pub(super) fn resolve(base: &Path, path: &str, home: Option<&str>) -> PathBuf {
    let path = match (path.strip_prefix('~'), home) {
        (Some(""), Some(home)) => PathBuf::from(home),
        (Some(rest), Some(home)) if rest.starts_with('/') => Path::new(home).join(rest.trim_start_matches('/')),
        _ => PathBuf::from(path),
    };
    normal(&base.join(path))
}

/// The path without `.` and `..`, by its letters alone.
#[must_use]
pub fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

/// The path as text; a byte that is not UTF-8 is replaced.
pub(super) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_node_resolves() {
        for (path, want) in [
            ("", "/srv/app"),
            (".", "/srv/app"),
            ("./x.js", "/srv/app/x.js"),
            ("../x/./y", "/srv/x/y"),
            ("../../../..", "/"),
            ("/a/b/../c", "/a/c"),
            ("~", "/home/me"),
            ("~/x", "/home/me/x"),
            ("~x", "/srv/app/~x"),
        ] {
            assert_eq!(resolve(Path::new("/srv/app"), path, Some("/home/me")), Path::new(want), "{path}");
        }
        assert_eq!(resolve(Path::new("/srv"), "~/x", None), Path::new("/srv/~/x"));
    }
}
