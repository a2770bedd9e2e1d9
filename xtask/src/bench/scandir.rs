//! The same apps for s6 and runit: a folder for each, with a script that becomes the app, and beside it one that becomes its logger.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

/// Which loggers and files are meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    S6,
    Runit,
}

/// Where the folders of the apps stand.
pub(super) fn folder(home: &Path) -> PathBuf {
    home.join("services")
}

/// Writes them anew. An app that names no file for its output gets no logger: these two have none unless they are told to.
pub(super) fn write(kind: Kind, home: &Path, apps: &[Value]) -> Result<()> {
    for app in apps {
        let word = |key: &str| app[key].as_str().with_context(|| format!("an app without {key}"));
        let service = folder(home).join(word("name")?);
        let mut text = String::from("#!/bin/sh\n");
        for (name, value) in app["env"].as_object().into_iter().flatten() {
            writeln!(text, "export {name}={}", quoted(&super::config::plain(value)))?;
        }
        writeln!(text, "cd {}", quoted(word("cwd")?))?;
        if let Some(file) = app["out_file"].as_str() {
            text.push_str("exec 2>&1\n");
            logger(kind, &service.join("log"), Path::new(file), app["max_size"] == "10M")?;
        }
        // s6 starts at once what was ready for more than a second, and has others wait for one.
        if kind == Kind::S6 && !app["max_restarts"].is_null() {
            fs::create_dir_all(&service)?;
            fs::write(service.join("notification-fd"), "3")?;
            text.push_str("echo >&3\nexec 3>&-\n");
        }
        let script = word("script")?;
        let node = if script.ends_with(".js") { "node " } else { "" };
        write!(text, "exec {node}{}", quoted(script))?;
        for arg in app["args"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            write!(text, " {}", quoted(arg))?;
        }
        text.push('\n');
        runnable(&service, &text)?;
        if let (Kind::S6, Some(time)) = (kind, app["kill_timeout"].as_u64()) {
            fs::write(service.join("timeout-kill"), time.to_string())?;
        }
    }
    Ok(())
}

/// These write into a folder; it stands where the others have their file, under the name of the app.
fn logger(kind: Kind, service: &Path, file: &Path, rotates: bool) -> Result<()> {
    let app = service.parent().and_then(Path::file_name).context("a service without a name")?;
    let folder = file.with_file_name(app);
    fs::create_dir_all(&folder)?;
    let target = quoted(&folder.to_string_lossy());
    match kind {
        // The greatest size that it knows stands for none.
        Kind::S6 => runnable(
            service,
            &format!("#!/bin/sh\nexec s6-log n20 s{} {target}\n", if rotates { 10 << 20 } else { (1 << 28) - 1 }),
        ),
        Kind::Runit => {
            fs::write(folder.join("config"), format!("s{}\nn20\n", if rotates { 10 << 20 } else { 0 }))?;
            runnable(service, &format!("#!/bin/sh\nexec svlogd {target}\n"))
        }
    }
}

fn runnable(service: &Path, text: &str) -> Result<()> {
    fs::create_dir_all(service)?;
    let file = service.join("run");
    fs::write(&file, text)?;
    Ok(fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?)
}

/// As one word for a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
