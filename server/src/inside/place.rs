//! Where the probe and its socket lie, and how an app is told.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use app::model::AppSpec;

use crate::config::interpreter;
use crate::process::Variables;

const PROBE: &str = include_str!("../../node/probe.cjs");

/// Options of Node that take from an app the right to read the probe, or let it run where it must not.
const FORBIDS: [&str; 4] = ["--permission", "--experimental-permission", "--experimental-policy", "--build-snapshot"];

/// Where it is.
#[derive(Debug)]
pub(super) struct Place {
    probe: PathBuf,
    socket: PathBuf,
    /// Do other users reach it?
    public: bool,
}

impl Place {
    /// Lays it out, and listens: in a folder that all may enter, as root alone has one, since it alone starts apps of others; else in
    /// the home, which is closed to them.
    pub(super) fn make(open: Option<&Path>, run: &Path) -> io::Result<(Self, UnixListener)> {
        match open.map(|open| Self::fill(open, true)) {
            Some(Ok(done)) => Ok(done),
            _ => Self::fill(run, false),
        }
    }

    pub(super) fn fill(folder: &Path, public: bool) -> io::Result<(Self, UnixListener)> {
        let place = Self { probe: folder.join("probe.cjs"), socket: folder.join("probe.sock"), public };
        lay_out(&place.probe, PROBE)?;
        match fs::remove_file(&place.socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&place.socket)?;
        fs::set_permissions(&place.socket, Permissions::from_mode(if public { 0o666 } else { 0o600 }))?;
        listener.set_nonblocking(true)?;
        Ok((place, listener))
    }

    /// Where it lies.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.probe.parent()
    }

    pub(super) fn enter(&self, spec: &AppSpec, env: &mut Variables<'_>) {
        let options = env.get("NODE_OPTIONS").map(|options| &**options).unwrap_or_default();
        let is_forbidden = |option: &str| FORBIDS.iter().any(|forbids| option.starts_with(forbids));
        let is_other_user = spec.uid.is_some() || spec.gid.is_some();
        let is_wanted = spec.node_probe
            && !spec.shell
            && !interpreter::is_bun(&spec.interpreter, &spec.script)
            && interpreter::is_node(&spec.interpreter, &spec.script)
            && (self.public || !is_other_user)
            && !spec.interpreter_args.iter().map(String::as_str).chain(options.split_whitespace()).any(is_forbidden);
        // What it is told to load has to be there, or it does not start at all.
        let (Some(probe), Some(socket)) = (self.probe.to_str(), self.socket.to_str()) else { return };
        if is_wanted && self.probe.is_file() {
            let load = format!("--require {} {options}", quoted(probe));
            env.insert("NODE_OPTIONS".into(), load.trim_end().to_owned().into());
            env.insert("QD_PROBE".into(), socket.to_owned().into());
        }
    }
}

/// Writes a script that apps of all users may read, and do so at any time: it is never there in part.
///
/// # Errors
/// It cannot be written.
pub fn lay_out(path: &Path, script: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, script)?;
    fs::set_permissions(&new, Permissions::from_mode(0o644))?;
    fs::rename(&new, path)
}

/// As NODE_OPTIONS wants it (`ParseNodeOptionsEnvVar` in Node's `src/node.cc`). Before Node 12 nothing could be quoted.
fn quoted(path: &str) -> String {
    if path.contains([' ', '"', '\\']) {
        format!("\"{}\"", path.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        path.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[test]
    fn who_loads_it_and_how() {
        let folder = tempfile::tempdir().unwrap();
        let (place, _listener) = Place::fill(folder.path(), false).unwrap();
        let probe = place.probe.to_str().unwrap();
        let loaded = |change: &dyn Fn(&mut AppSpec), options: Option<&str>| {
            let mut spec = AppSpec { script: "app.js".into(), ..AppSpec::default() };
            change(&mut spec);
            let mut env: Variables<'_> = options.map(|options| ("NODE_OPTIONS".into(), options.into())).into_iter().collect();
            place.enter(&spec, &mut env);
            env.remove("QD_PROBE").and_then(|_| env.remove("NODE_OPTIONS")).map(Cow::into_owned)
        };
        assert_eq!(loaded(&|_| {}, None), Some(format!("--require {probe}")));
        assert_eq!(loaded(&|_| {}, Some("--inspect")), Some(format!("--require {probe} --inspect")));
        let refused: [&dyn Fn(&mut AppSpec); 6] = [
            &|spec| spec.node_probe = false,
            &|spec| spec.script = "app.py".into(),
            &|spec| spec.script = "app.ts".into(),
            &|spec| spec.uid = Some("nobody".into()),
            &|spec| spec.shell = true,
            &|spec| spec.interpreter_args = vec!["--permission".into()],
        ];
        for (at, change) in refused.iter().enumerate() {
            assert_eq!(loaded(change, None), None, "{at}");
        }
        assert_eq!(loaded(&|_| {}, Some("--experimental-permission")), None);
        std::fs::remove_file(&place.probe).unwrap();
        assert_eq!(loaded(&|_| {}, None), None, "it is gone");
    }

    #[test]
    fn paths_are_quoted_where_they_have_to_be() {
        assert_eq!(quoted("/a/b.cjs"), "/a/b.cjs");
        assert_eq!(quoted("/a b/\"\\.cjs"), "\"/a b/\\\"\\\\.cjs\"");
    }
}
