//! From the keys of an app to its specification.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use app::model::{AppSpec, EnvBlock, ExecMode, LogFile, LogPolicy, Rotation, WaitReady, Watch};
use serde_json::{Map, Value};

use super::{
    entry::Entry,
    finding::Findings,
    keys, limits, paths,
    value::{
        self, args, dependency, duration,
        env::{self, Filter},
        exit_codes, health, instances, interpreter, listen, log_file, logs, metrics, name, number, schedule, script, signal,
        size, text, user, watch,
    },
};

/// What an app is read against.
pub(super) struct Surroundings<'a> {
    /// The file, as it is called in messages.
    pub(super) file: &'a str,
    /// The folder against which a relative `cwd` is resolved: an absolute path.
    pub(super) folder: &'a Path,
    /// The environment of the caller.
    pub(super) environment: &'a Arc<EnvBlock>,
    /// `--env`.
    pub(super) env_name: Option<&'a str>,
    /// `deploy.<env_name>.env`, which counts least.
    pub(super) deploy_env: Option<&'a Value>,
    /// Rotation of logs where the app says nothing.
    pub(super) rotation: Rotation,
    /// What comes of output that cannot be written, where the app says nothing.
    pub(super) log_policy: LogPolicy,
    /// How many processors there are.
    pub(super) processors: u32,
}

/// An app that was read.
pub(super) struct Read {
    /// What it is to be.
    pub(super) spec: AppSpec,
    /// Its name as it was written, before `name_prefix` and `append_env_to_name`.
    pub(super) written_name: String,
    /// Names of the `env_<name>` blocks that it has.
    pub(super) environments: BTreeSet<String>,
}

impl Surroundings<'_> {
    fn home(&self) -> Option<&str> {
        self.environment.get("HOME").map(String::as_str)
    }

    /// Reads the app at `place` of the list. What is wrong goes to `findings`; the answer is of use only if nothing was.
    pub(super) fn read(&self, place: usize, written: Map<String, Value>, findings: &mut Findings) -> Read {
        let sound = written.get("name").and_then(|written| name::name(written).ok());
        let label = sound.unwrap_or_else(|| format!("apps[{place}]"));
        let mut entry = Entry::new(self.file, label, written, findings);
        let mut spec = AppSpec { rotation: self.rotation, log_policy: self.log_policy, ..AppSpec::default() };
        let given_name = entry.read("name", name::name);
        let cwd = self.read_cwd(&mut entry, &mut spec);
        let name_of_script = self.read_command(&mut entry, &mut spec, &cwd);
        let written_name = given_name.or(name_of_script).unwrap_or_default();
        self.read_name(&mut entry, &mut spec, &written_name);
        let environments = self.read_env(&mut entry, &mut spec);
        self.read_instances(&mut entry, &mut spec);
        read_life(&mut entry, &mut spec);
        limits::read(&mut entry, &mut spec);
        self.read_files(&mut entry, &mut spec, &cwd);
        check_together(&mut entry, &spec);
        read_rest(&mut entry, &mut spec);
        Read { spec, written_name, environments }
    }

    /// Where it runs.
    fn read_cwd(&self, entry: &mut Entry, spec: &mut AppSpec) -> PathBuf {
        let written = entry.read("cwd", |value| {
            text::text(value).and_then(|cwd| if text::has_nul(&cwd) { value::wrong(value, "a path") } else { Ok(cwd) })
        });
        let cwd = written.map_or_else(|| self.folder.to_owned(), |cwd| paths::resolve(self.folder, &cwd, self.home()));
        if !cwd.is_dir() {
            entry.warn(Some("cwd"), format!("there is no folder {}; the app cannot be started without it", cwd.display()));
        }
        spec.cwd = paths::text(&cwd);
        cwd
    }

    /// What it runs. Answers with the name that stands for it.
    fn read_command(&self, entry: &mut Entry, spec: &mut AppSpec, cwd: &Path) -> Option<String> {
        spec.interpreter =
            entry.read("interpreter", |value| interpreter::interpreter(value, self.environment)).unwrap_or_default();
        spec.interpreter_args = entry.read("node_args", args::interpreter_args).unwrap_or_default();
        let more_args = entry.read("args", args::args).unwrap_or_default();
        if !entry.has("script") {
            entry.error(Some("script"), "it is missing; write the path of a script, a program or a command line".into());
        }
        let command = entry.read("script", |value| script::command(value, cwd, self.home()))?;
        if cwd.is_dir() && !command.shell && script::find(&command.script, cwd, self.environment).is_none() {
            let message = match command.script.contains('/') {
                true => format!(
                    "there is no file {}; the app cannot be started without it",
                    paths::resolve(cwd, &command.script, None).display()
                ),
                false => format!(
                    "{:?} is neither a file in {} nor a program in PATH; the app cannot be started without it",
                    command.script,
                    cwd.display()
                ),
            };
            entry.warn(Some("script"), message);
        }
        spec.shell = command.shell;
        spec.script = command.script;
        spec.args = command.args;
        spec.args.extend(more_args);
        Some(command.name)
    }

    /// Its full name.
    fn read_name(&self, entry: &mut Entry, spec: &mut AppSpec, written: &str) {
        let appended = entry.read("append_env_to_name", value::switch) == Some(true);
        let prefix = entry.read("name_prefix", text::text);
        // Without a name or a script the mistake was told.
        if written.is_empty() && spec.script.is_empty() {
            return;
        }
        written.clone_into(&mut spec.name);
        if let Some(env_name) = self.env_name.filter(|_| appended) {
            spec.name = format!("{written}-{env_name}");
        }
        if let Some(prefix) = prefix.filter(|prefix| !spec.name.contains(prefix.as_str())) {
            spec.name = format!("{prefix}:{}", spec.name);
        }
        match name::check(&spec.name) {
            Ok(()) => entry.rename(&spec.name),
            Err(message) => entry.error(Some("name"), message),
        }
    }

    fn read_env(&self, entry: &mut Entry, spec: &mut AppSpec) -> BTreeSet<String> {
        if let Some(block) = self.deploy_env {
            match env::env(block) {
                Ok(block) => spec.env.extend(block),
                Err(message) => entry.error(Some("deploy"), message),
            }
        }
        spec.env.extend(entry.read("env", env::env).unwrap_or_default());
        let mut environments = BTreeSet::new();
        if let Some(name) = self.env_name
            && let Some((key, block)) = entry.environment(name)
        {
            environments.insert(name.to_owned());
            match env::env(&block) {
                Ok(block) => spec.env.extend(block),
                Err(message) => entry.error(Some(&key), message),
            }
        }
        // A mistake in a block that is not used today would be one on the day of the release.
        for (name, (key, block)) in entry.other_environments() {
            if let Err(message) = env::env(&block) {
                entry.error(Some(&key), message);
            }
            environments.insert(name);
        }
        spec.port = entry.read("port", number::port);
        if let Some(port) = spec.port {
            spec.env.insert("PORT".into(), port.to_string());
        }
        let filter = entry.read("filter_env", |value| Filter::read(value).map(|_| value.clone()));
        spec.inherited_env = inherited(filter.as_ref(), self.environment);
        // So that the same holds when the app is given another environment.
        spec.other.extend(filter.map(|filter| ("filter_env".to_owned(), filter)));
        environments
    }

    fn read_instances(&self, entry: &mut Entry, spec: &mut AppSpec) {
        let given = entry.has("instances");
        let count = entry.read("instances", |value| instances::instances(value, self.processors));
        spec.instances = count.unwrap_or(1);
        let mode = entry.read("exec_mode", instances::exec_mode);
        let command = entry.read("execute_command", value::switch) == Some(true);
        let node = !spec.shell && interpreter::is_node(&spec.interpreter, &spec.script);
        spec.exec_mode = match mode {
            _ if command => ExecMode::Fork,
            Some(mode) => mode,
            None if given && node && !entry.has("listen") => ExecMode::Cluster,
            None => ExecMode::Fork,
        };
        if spec.exec_mode == ExecMode::Cluster && !node {
            entry.warn(Some("exec_mode"), "only Node can be run in cluster mode; the app is run in fork mode".into());
            spec.exec_mode = ExecMode::Fork;
        }
        let shared = mode != Some(ExecMode::Cluster) && !given;
        spec.merge_logs = entry.read("merge_logs", value::switch).unwrap_or(shared);
        spec.instance_var = entry.read("instance_var", variable).unwrap_or_else(|| AppSpec::default().instance_var);
        spec.increment_var = entry.read("increment_var", variable);
    }

    /// What it writes, and what is watched.
    fn read_files(&self, entry: &mut Entry, spec: &mut AppSpec, cwd: &Path) {
        let home = self.home();
        spec.out_file = entry.read("out_file", |value| log_file::log_file(value, cwd, home)).unwrap_or_default();
        spec.error_file = entry.read("error_file", |value| log_file::log_file(value, cwd, home)).unwrap_or_default();
        spec.log_file = entry
            .read("log_file", |value| if value.is_boolean() { Ok(None) } else { log_file::path(value, cwd, home) })
            .flatten();
        if entry.read("disable_logs", value::switch) == Some(true) {
            (spec.out_file, spec.error_file, spec.log_file) = (LogFile::Discard, LogFile::Discard, None);
        }
        spec.pid_file = entry.read("pid_file", |value| log_file::path(value, cwd, home)).flatten();
        spec.log_date_format = entry.read("log_date_format", text::text);
        if entry.read("time", value::switch) == Some(true) {
            spec.log_date_format = Some("YYYY-MM-DDTHH:mm:ss".into());
        }
        spec.rotation = rotation(entry, spec.rotation);
        set(&mut spec.log_policy, entry.read("log_policy", logs::policy));
        let watched = entry.read("watch", |value| watch::watch(value, cwd, home)).unwrap_or_default();
        let ignore = entry.read("ignore_watch", watch::ignore);
        let delay_ms = entry.read("watch_delay", duration::ms).unwrap_or(0);
        if !watched.is_empty() {
            spec.watch = Some(Watch { paths: watched, ignore: ignore.unwrap_or_default(), delay_ms });
        }
    }
}

/// When it is started, restarted and stopped.
fn read_life(entry: &mut Entry, spec: &mut AppSpec) {
    spec.uid = entry.read("uid", user::user);
    spec.gid = entry.read("gid", user::user);
    spec.depends_on = entry.read("depends_on", dependency::dependencies).unwrap_or_default();
    spec.listen = entry.read("listen", listen::addresses).unwrap_or_default();
    set(&mut spec.wait_ready, entry.read("wait_ready", listen::wait_ready));
    spec.stop_exit_codes = entry.read("stop_exit_codes", exit_codes::exit_codes).unwrap_or_default();
    spec.max_memory_restart = entry.read("max_memory_restart", size::limit).flatten();
    spec.cron_restart = entry.read("cron_restart", schedule::schedule).flatten();
    set(&mut spec.stop_signal, entry.read("stop_signal", signal::signal));
    set(&mut spec.max_restarts, entry.read("max_restarts", number::count));
    for (key, field) in [
        ("min_uptime", &mut spec.min_uptime_ms),
        ("restart_delay", &mut spec.restart_delay_ms),
        ("exp_backoff_restart_delay", &mut spec.exp_backoff_restart_delay_ms),
        ("kill_timeout", &mut spec.kill_timeout_ms),
        ("listen_timeout", &mut spec.listen_timeout_ms),
    ] {
        set(field, entry.read(key, duration::ms));
    }
    for (key, field) in [
        ("autostart", &mut spec.autostart),
        ("autorestart", &mut spec.autorestart),
        ("treekill", &mut spec.treekill),
        ("shutdown_with_message", &mut spec.shutdown_with_message),
    ] {
        set(field, entry.read(key, value::switch));
    }
}

/// What is right by itself may not go together.
fn check_together(entry: &mut Entry, spec: &AppSpec) {
    if spec.wait_ready == WaitReady::Port && spec.env_port().is_none() {
        entry.error(Some("wait_ready"), "\"port\" needs to know which: set `port`".into());
    }
    let node = !spec.shell && interpreter::is_node(&spec.interpreter, &spec.script);
    if !spec.listen.is_empty() && node && spec.exec_mode == ExecMode::Cluster {
        let message = "the workers of a cluster share what they listen on already; leave it out, or set exec_mode to \"fork\"";
        entry.error(Some("listen"), message.into());
    }
}

/// How it is shown, and what is only kept.
fn read_rest(entry: &mut Entry, spec: &mut AppSpec) {
    set(&mut spec.namespace, entry.read("namespace", name::label));
    spec.layer = entry.read("layer", name::label);
    set(&mut spec.critical, entry.read("critical", value::switch));
    spec.availability_target = entry.read("availability_target", number::percent);
    if let Some((health, signs, warnings)) = entry.read("health", health::health) {
        (spec.health, spec.signs) = (health, signs);
        for warning in warnings {
            entry.warn(Some("health"), warning);
        }
    }
    for key in keys::OBJECTS {
        if let Some(value) = entry.read(key, value::object) {
            entry.warn(Some(key), "is kept, but nothing acts on it in this version".into());
            spec.other.insert((*key).to_owned(), value);
        }
    }
    for key in keys::KEPT {
        spec.other.extend(entry.read(key, |value| Ok(value.clone())).map(|value| ((*key).to_owned(), value)));
    }
    spec.metrics = entry.read("metrics", metrics::metrics);
    // PM2's word for the same.
    let pmx = spec.other.get("pmx") != Some(&Value::Bool(false));
    spec.node_probe = entry.read("node_probe", value::switch).unwrap_or(pmx);
}

fn rotation(entry: &mut Entry, default: Rotation) -> Rotation {
    Rotation {
        max_bytes: entry.read("max_size", size::positive).unwrap_or(default.max_bytes),
        keep: entry.read("retain", number::count_or_all).unwrap_or(default.keep),
        compress: entry.read("compress", value::switch).unwrap_or(default.compress),
        every_ms: entry.read("rotate_every", logs::rotate_every).unwrap_or(default.every_ms),
    }
}

/// What an app gets of the environment of its caller, by the value of its `filter_env`.
#[must_use]
pub fn inherited(filter: Option<&Value>, environment: &Arc<EnvBlock>) -> Arc<EnvBlock> {
    match filter.and_then(|filter| Filter::read(filter).ok()) {
        Some(filter) => filter.apply(environment).into(),
        None => environment.clone(),
    }
}

/// The name of a variable.
fn variable(value: &Value) -> value::Read<String> {
    let name = text::text(value)?;
    if name.contains('=') || text::has_nul(&name) { value::wrong(value, "a name of a variable") } else { Ok(name) }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}
