//! An app as it is shown: its definition in brief, without its secrets.

use std::collections::BTreeMap;

use app::model::{App, AppSpec, ExecMode, Instance, Interpreter, Limits, State, Time};

use crate::config::interpreter;

/// What stands in the place of a value that looks like a secret.
const MASK: &str = "••••••";
const SECRET_WORDS: [&str; 10] =
    ["PASS", "SECRET", "TOKEN", "KEY", "CREDENTIAL", "AUTH", "PRIVATE", "COOKIE", "DSN", "SIGNATURE"];

/// An app that does not run yet.
pub(super) fn new_app(spec: &AppSpec, wanted: bool, created_at: Time, instances: Vec<Instance>) -> App {
    let mut app = App {
        name: spec.name.clone(),
        namespace: String::new(),
        layer: String::new(),
        critical: false,
        state: State::Stopped,
        reason: None,
        wanted,
        changed: false,
        script: String::new(),
        args: Vec::new(),
        interpreter: None,
        cwd: String::new(),
        exec_mode: ExecMode::Fork,
        autorestart: true,
        watch: false,
        env_port: None,
        depends_on: Vec::new(),
        probe: None,
        findings: Vec::new(),
        metrics: BTreeMap::new(),
        env: BTreeMap::new(),
        limits: Limits::default(),
        created_at,
        instances,
    };
    describe(&mut app, spec);
    app
}

/// Takes over what a definition says.
pub(super) fn describe(app: &mut App, spec: &AppSpec) {
    app.namespace.clone_from(&spec.namespace);
    app.layer = spec.layer().to_owned();
    app.critical = spec.critical;
    app.changed = false;
    app.script.clone_from(&spec.script);
    app.args.clone_from(&spec.args);
    app.interpreter = match &spec.interpreter {
        Interpreter::Program(name) => Some(name.clone()),
        Interpreter::ByEnding => interpreter::by_ending(&spec.script).filter(|_| !spec.shell).map(str::to_owned),
        Interpreter::None => None,
    };
    app.cwd.clone_from(&spec.cwd);
    app.exec_mode = spec.exec_mode;
    app.autorestart = spec.autorestart;
    app.watch = spec.watch.is_some();
    app.env_port = spec.env_port();
    app.depends_on.clone_from(&spec.depends_on);
    app.env = spec.env.iter().map(|(name, value)| (name.clone(), masked(name, value))).collect();
    app.limits = Limits {
        memory_bytes: spec.max_memory_restart,
        max_restarts: spec.max_restarts,
        min_uptime_ms: spec.min_uptime_ms,
        kill_timeout_ms: spec.kill_timeout_ms,
    };
}

/// An instance that does not run yet.
pub(super) fn new_instance(pm_id: u32, index: u32, restarts: u32, now: Time) -> Instance {
    Instance {
        pm_id,
        index,
        state: State::Stopped,
        since: now,
        reason: None,
        pid: None,
        started_at: None,
        retry_at: None,
        restarts,
        unstable_restarts: 0,
        cpu_percent: 0.0,
        memory_bytes: 0,
        port: None,
        inside: None,
        last_exit: None,
    }
}

fn masked(name: &str, value: &str) -> String {
    let upper = name.to_ascii_uppercase();
    let credentials =
        value.split_once("://").is_some_and(|(_, rest)| rest.split('/').next().is_some_and(|host| host.contains('@')));
    if credentials || SECRET_WORDS.iter().any(|word| upper.contains(word)) { MASK.into() } else { value.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_and_the_rest_is_shown() {
        for (name, value) in [("DB_PASSWORD", "x"), ("apiKey", "x"), ("URL", "postgres://me:secret@db/x")] {
            assert_eq!(masked(name, value), MASK, "{name}");
        }
        for (name, value) in [("PORT", "80"), ("URL", "http://localhost/a@b"), ("NODE_ENV", "production")] {
            assert_eq!(masked(name, value), value, "{name}");
        }
    }
}
