//! The same apps in the words of Quarterdeck and PM2, and in those of supervisord.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// Writes an ecosystem file.
pub(super) fn ecosystem(home: &Path, apps: &[Value]) -> Result<PathBuf> {
    let path = ecosystem_file(home);
    fs::write(&path, serde_json::to_vec_pretty(&json!({ "apps": apps }))?)?;
    Ok(path)
}

/// Where it stands.
pub(super) fn ecosystem_file(home: &Path) -> PathBuf {
    home.join("ecosystem.json")
}

/// Where the file of supervisord stands.
pub(super) fn supervisord_file(home: &Path) -> PathBuf {
    home.join("supervisord.conf")
}

/// Writes it. What an app does not say is left to supervisord; one that is to be restarted always counts as started at once, as under
/// PM2.
pub(super) fn supervisord(home: &Path, apps: &[Value]) -> Result<PathBuf> {
    let mut text = format!(
        "[supervisord]\nlogfile={0}/supervisord.log\npidfile={0}/supervisord.pid\nchildlogdir={0}\nminfds=4096\n\n\
         [unix_http_server]\nfile={1}\n\n[supervisorctl]\nserverurl=unix://{1}\n\n[rpcinterface:supervisor]\n\
         supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n",
        home.display(),
        socket(home).display()
    );
    for app in apps {
        let word = |key: &str| app[key].as_str().with_context(|| format!("an app without {key}"));
        let script = word("script")?;
        let mut command = if script.ends_with(".js") { format!("node {script}") } else { script.to_owned() };
        for arg in app["args"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if arg.contains([' ', '"', '%']) {
                bail!("supervisord would need quotes around {arg}");
            }
            write!(command, " {arg}")?;
        }
        let variables = app["env"].as_object().into_iter().flatten();
        let environment: Vec<_> = variables.map(|(name, value)| format!("{name}=\"{}\"", plain(value))).collect();
        write!(text, "\n[program:{}]\ncommand={command}\ndirectory={}\n", word("name")?, word("cwd")?)?;
        writeln!(text, "environment={}", environment.join(","))?;
        if !app["max_restarts"].is_null() {
            text.push_str("autorestart=true\nstartsecs=0\n");
        }
        if let Some(time) = app["kill_timeout"].as_u64() {
            writeln!(text, "stopwaitsecs={}", time / 1000)?;
        }
        let size = if app["max_size"] == "10M" { "10MB" } else { "0" };
        for (key, stream) in [("out_file", "stdout"), ("error_file", "stderr")] {
            if let Some(file) = app[key].as_str() {
                write!(text, "{stream}_logfile={file}\n{stream}_logfile_maxbytes={size}\n{stream}_logfile_backups=20\n")?;
            }
        }
    }
    let path = supervisord_file(home);
    fs::write(&path, text)?;
    Ok(path)
}

/// The path of a socket may not be longer than 107 bytes, so it stands apart from the folder of the run.
pub(super) fn socket(home: &Path) -> PathBuf {
    let name = home.file_name().unwrap_or_default().to_string_lossy().into_owned();
    std::env::temp_dir().join(format!("bench-{}-{name}.sock", std::process::id()))
}

/// A value of the environment.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
