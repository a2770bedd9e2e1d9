//! `qd jlist`: the list as PM2 7 prints it, one entry for each instance. Programs read it: Uptime Kuma does, and scripts.

use std::path::Path;

use app::format::hex;
use app::model::{Definition, EnvBlock, Instance, LogFile};
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::Failure;
use super::context::Context;
use super::describe::exec_mode;
use crate::config;

/// Prints the list on one line.
pub(super) async fn jlist(context: &Context) -> Result<(), Failure> {
    let definitions = context.definitions().await?;
    let line = serde_json::to_string(&document(&definitions));
    let line = line.map_err(|error| Failure::failed(format!("the list could not be written as JSON: {error}")))?;
    context.screen.print(&format!("{line}\n"))
}

/// Prints the list on many lines.
pub(super) async fn prettylist(context: &Context) -> Result<(), Failure> {
    context.print_json(&document(&context.definitions().await?))
}

/// An instance, with the fields in PM2's order.
#[derive(Debug, Serialize)]
struct Entry<'a> {
    /// 0 while there is no process, as PM2 has it.
    pid: u32,
    name: &'a str,
    pm2_env: Map<String, Value>,
    pm_id: u32,
    monit: Monit,
}

#[derive(Debug, Serialize)]
struct Monit {
    /// Bytes.
    memory: u64,
    /// Percent of one core.
    cpu: f64,
}

/// The whole list.
fn document(definitions: &[Definition]) -> Vec<Entry<'_>> {
    definitions.iter().flat_map(|definition| definition.app.instances.iter().map(move |one| entry(definition, one))).collect()
}

fn entry<'a>(definition: &'a Definition, instance: &Instance) -> Entry<'a> {
    Entry {
        pid: instance.pid.unwrap_or(0),
        name: &definition.app.name,
        pm2_env: pm2_env(definition, instance),
        pm_id: instance.pm_id,
        monit: Monit { memory: instance.memory_bytes, cpu: tenths(instance.cpu_percent) },
    }
}

/// PM2 lays the fields of its own over the environment of the app, and gives the environment once more as `env`.
fn pm2_env(definition: &Definition, instance: &Instance) -> Map<String, Value> {
    let env = environment(definition, instance);
    let mut fields: Map<String, Value> = env.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    fields.extend(definition.spec.other.clone());
    for own in [state(definition, instance), places(definition), rules(definition), unused()] {
        fields.extend(own.as_object().cloned().unwrap_or_default());
    }
    fields.insert("username".into(), env.get("USER").cloned().into());
    fields.insert("env".into(), json!(env));
    fields
}

fn state(definition: &Definition, instance: &Instance) -> Value {
    json!({
        "status": instance.state.pm2_word(),
        "pm_id": instance.pm_id,
        // PM2 keeps the time of the last start when the app rests.
        "pm_uptime": instance.started_at.unwrap_or(instance.since).ms(),
        "created_at": definition.app.created_at.ms(),
        "restart_time": instance.restarts,
        "unstable_restarts": instance.unstable_restarts,
        "exit_code": instance.last_exit.as_ref().and_then(|exit| exit.exit_code),
        "unique_id": unique_id(definition, instance),
    })
}

fn places(definition: &Definition) -> Value {
    let Definition { app, spec, .. } = definition;
    let mut fields = json!({
        "name": app.name,
        "namespace": app.namespace,
        "exec_interpreter": app.interpreter.as_deref().unwrap_or("none"),
        "node_args": spec.interpreter_args,
        "args": app.args,
        "pm_exec_path": exec_path(&app.cwd, &app.script),
        "pm_cwd": app.cwd,
        "pm_out_log_path": log_path(definition.out_file.as_ref(), &spec.out_file),
        "pm_err_log_path": log_path(definition.error_file.as_ref(), &spec.error_file),
        "pm_pid_path": spec.pid_file,
        "merge_logs": spec.merge_logs,
        "log_date_format": spec.log_date_format,
    });
    if let Some(log_file) = &spec.log_file {
        fields["pm_log_path"] = log_file.clone().into();
    }
    fields
}

fn rules(Definition { app, spec, .. }: &Definition) -> Value {
    json!({
        "exec_mode": exec_mode(app.exec_mode),
        "instances": spec.instances,
        "instance_var": spec.instance_var,
        "autostart": spec.autostart,
        "autorestart": app.autorestart,
        "watch": app.watch,
        "cron_restart": spec.cron_restart,
        "max_memory_restart": app.limits.memory_bytes,
        "max_restarts": app.limits.max_restarts,
        "min_uptime": app.limits.min_uptime_ms,
        "kill_timeout": app.limits.kill_timeout_ms,
        "kill_retry_time": 100,
        "treekill": spec.treekill,
        "wait_ready": spec.wait_ready,
        "listen_timeout": spec.listen_timeout_ms,
        "shutdown_with_message": spec.shutdown_with_message,
        "stop_exit_codes": spec.stop_exit_codes,
        "restart_delay": spec.restart_delay_ms,
        "exp_backoff_restart_delay": spec.exp_backoff_restart_delay_ms,
    })
}

/// Fields of what only PM2 does. Programs that read them find them empty.
fn unused() -> Value {
    json!({
        "version": "N/A",
        "node_version": null,
        "axm_actions": [],
        "axm_monitor": {},
        "axm_options": {},
        "axm_dynamic": {},
        "versioning": null,
        "vizion": false,
        "pmx": false,
        "automation": false,
    })
}

fn environment(Definition { spec, .. }: &Definition, instance: &Instance) -> EnvBlock {
    let mut env = EnvBlock::clone(&spec.inherited_env);
    env.extend(spec.env.clone());
    env.insert(spec.instance_var.clone(), instance.index.to_string());
    env
}

fn exec_path(cwd: &str, script: &str) -> String {
    // A word to be looked up in PATH stays as it is.
    if script.contains('/') { config::normal_path(&Path::new(cwd).join(script)).display().to_string() } else { script.to_owned() }
}

fn log_path(file: Option<&String>, told: &LogFile) -> String {
    match (file, told) {
        (Some(path), _) | (None, LogFile::Path(path)) => path.clone(),
        (None, LogFile::Home | LogFile::Discard) => "/dev/null".into(),
    }
}

/// PM2 makes a random one at each start of its daemon; this one stays.
fn unique_id(definition: &Definition, instance: &Instance) -> String {
    let app = &definition.app;
    let hash = Sha256::digest(format!("{}\0{}\0{}", app.name, instance.index, app.created_at));
    let hex = hex(&hash[..16]);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// One decimal, as PM2 gives it.
fn tenths(percent: f32) -> f64 {
    (f64::from(percent) * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use app::model::AppSpec;

    use super::super::samples::{app, errored};
    use super::*;

    fn definition(mut app: app::model::App) -> Definition {
        app.instances[0].index = 1;
        let spec = AppSpec {
            env: [("PORT".to_owned(), "3000".to_owned()), ("name".to_owned(), "not the name".to_owned())].into(),
            inherited_env: EnvBlock::from([("USER".to_owned(), "ann".to_owned()), ("PORT".to_owned(), "1".to_owned())]).into(),
            interpreter_args: vec!["--max-old-space-size=64".into()],
            other: [("source_map_support".to_owned(), true.into())].into(),
            ..AppSpec::default()
        };
        Definition { app, spec, out_file: Some("/logs/a-out.log".into()), error_file: Some("/logs/a-error.log".into()) }
    }

    #[test]
    fn as_pm2_prints_it() {
        insta::assert_json_snapshot!(document(&[definition(app("a", 0)), definition(errored("b", 4))]));
    }

    #[test]
    fn a_path_only_where_one_was_told() {
        assert_eq!(exec_path("/srv", "./a.js"), "/srv/a.js");
        assert_eq!(exec_path("/srv", "/a.js"), "/a.js");
        assert_eq!(exec_path("/srv", "npm"), "npm");
    }
}
