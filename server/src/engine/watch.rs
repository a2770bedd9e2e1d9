//! `watch`: a change in a folder restarts the app.

use std::path::Path;
use std::time::Duration;

use app::model::{Cause, Watch};
use notify::{EventKind, RecursiveMode, Watcher};
use regex::RegexSet;
use tokio::sync::mpsc;

use super::terms::Why;

/// Changes that come together count as one: an editor makes several.
const QUIET: Duration = Duration::from_millis(100);
/// What PM2 never looks at: dot files and `node_modules`.
const ALWAYS_IGNORED: &str = r"(^|/)(\.[^/]|node_modules(/|$))";

/// Calls `restart` after changes, for ever, and `warn` with a sentence where something cannot be watched.
pub(super) async fn run(watched: Watch, restart: impl Fn(Why), warn: impl Fn(String)) {
    let (changes, mut changed) = mpsc::unbounded_channel();
    let ignored = ignore(&watched.ignore);
    let roots: Vec<_> = watched.paths.iter().map(std::path::PathBuf::from).collect();
    let inner_roots = roots.clone();
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        if !matches!(event.kind, EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_)) {
            return;
        }
        let path = event.paths.iter().find(|path| !is_ignored(path, &inner_roots, &ignored));
        if let Some(path) = path {
            let _ = changes.send(path.clone());
        }
    });
    let mut watcher = match watcher {
        Ok(watcher) => watcher,
        Err(error) => {
            return warn(format!("its files are not watched: {error}; is fs.inotify.max_user_instances too low?"));
        }
    };
    for root in &roots {
        if let Err(error) = watcher.watch(root, RecursiveMode::Recursive) {
            let root = root.display();
            warn(format!("{root} is not watched: {error}; does it exist, is fs.inotify.max_user_watches too low?"));
        }
    }
    while let Some(first) = changed.recv().await {
        while let Ok(Some(_)) = tokio::time::timeout(QUIET, changed.recv()).await {}
        tokio::time::sleep(Duration::from_millis(watched.delay_ms)).await;
        while changed.try_recv().is_ok() {}
        let shown = roots.iter().find_map(|root| first.strip_prefix(root).ok()).unwrap_or(&first);
        restart(Why { cause: Cause::Watch, actor: None, detail: Some(format!("{} changed", shown.display())) });
    }
}

fn ignore(patterns: &[String]) -> RegexSet {
    let translated = patterns.iter().map(|pattern| glob(pattern));
    let all: Vec<String> = std::iter::once(ALWAYS_IGNORED.to_owned()).chain(translated).collect();
    RegexSet::new(&all).unwrap_or_else(|error| {
        tracing::error!(%error, "failed to read ignore_watch; it is not used");
        RegexSet::empty()
    })
}

/// A glob, or a part of a path: `**` any folders, `*` within one name, `?` one character.
fn glob(pattern: &str) -> String {
    let body = pattern.trim_start_matches("./").trim_end_matches('/');
    let mut regex = String::from("(^|/)");
    let mut rest = body.chars().peekable();
    while let Some(one) = rest.next() {
        match one {
            '*' if rest.peek() == Some(&'*') => {
                rest.next();
                regex.push_str(".*");
            }
            '*' => regex.push_str("[^/]*"),
            '?' => regex.push_str("[^/]"),
            other => regex.push_str(&regex::escape(&other.to_string())),
        }
    }
    regex + "($|/)"
}

fn is_ignored(path: &Path, roots: &[std::path::PathBuf], ignored: &RegexSet) -> bool {
    let inside = roots.iter().find_map(|root| path.strip_prefix(root).ok()).unwrap_or(path).to_string_lossy();
    ignored.is_match(&inside)
        || (path.is_absolute() && ignored.len() > 1 && ignored.matches(&path.to_string_lossy()).iter().any(|at| at > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored() {
        let roots = ["/srv/app/.hidden-root".into()];
        let ignored = ignore(&["logs".into(), "*.tmp".into(), "public/**/cache".into()]);
        let is = |path: &str| is_ignored(&Path::new("/srv/app/.hidden-root").join(path), &roots, &ignored);
        for path in ["logs/a.log", ".git/index", "node_modules/x/index.js", "a.tmp", "deep/b.tmp", "public/a/b/cache/x"] {
            assert!(is(path), "{path}");
        }
        for path in ["server.js", "catalogs/a.js", "a.tmp.js", "public/cached"] {
            assert!(!is(path), "{path}");
        }
    }
}
