//! What an app is to be: the validated form of an entry of an ecosystem file.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Dependency, Health, ListenAddress, Scrape, Signs, WaitReady};

/// Names and values of an environment.
pub type EnvBlock = BTreeMap<String, String>;

/// How instances share their work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ExecMode {
    /// Each instance is a process of its own.
    #[default]
    Fork,
    /// Node's cluster: instances share listening sockets.
    Cluster,
}

/// What runs the script.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Interpreter {
    /// By the ending of the script, as PM2 chooses; a program itself if none fits.
    #[default]
    ByEnding,
    /// The script is a program itself.
    None,
    /// This program, looked up in `PATH` if it has no slash.
    Program(String),
}

/// Where a stream of an app is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum LogFile {
    /// A file in the log folder of the home, named after the app.
    #[default]
    Home,
    /// This file, an absolute path.
    Path(String),
    /// Nowhere.
    Discard,
}

/// When a log file is put aside, and how many are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Rotation {
    /// Size in bytes at which a file is put aside (`max_size`).
    pub max_bytes: u64,
    /// How many old files are kept beside the current one (`retain`).
    pub keep: u32,
    /// Are old files compressed with gzip (`compress`)?
    pub compress: bool,
    /// Age in ms at which a file is put aside, whatever its size (`rotate_every`); none for never.
    pub every_ms: Option<u64>,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { max_bytes: 10 << 20, keep: 7, compress: true, every_ms: None }
    }
}

/// What comes of output when its log file cannot be written, or not fast enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum LogPolicy {
    /// It waits in the pipe, and when the pipe is full the app waits. Nothing is lost.
    #[default]
    Block,
    /// When the pipe is nearly full, all whole lines in it are dropped: the most room for the app.
    Drop,
    /// When the pipe is nearly full, the older half of it is dropped: the newest lines are kept.
    Newest,
}

/// Folders whose changes restart the app.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Watch {
    /// Absolute paths of files and folders.
    pub paths: Vec<String>,
    /// What is not looked at: globs or fragments of paths, as `ignore_watch`.
    pub ignore: Vec<String>,
    /// How long to wait after a change, in ms.
    pub delay_ms: u64,
}

/// What the tree of an instance may use (`limits`). Nothing is limited where nothing stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct TreeLimits {
    /// Memory in bytes: above it the kernel ends processes of the tree (`limits.memory`).
    pub memory_bytes: Option<u64>,
    /// CPU in percent of one core: above it the tree is slowed down (`limits.cpu`).
    pub cpu_percent: Option<u32>,
    /// Processes and threads together: above it no more can be made (`limits.pids`).
    pub pids: Option<u32>,
    /// Open files of each process (`limits.nofile`).
    pub nofile: Option<u32>,
}

impl TreeLimits {
    /// Is there any that holds for the tree as a whole, which takes a cgroup? `nofile` is one of each process.
    #[must_use]
    pub const fn need_cgroup(&self) -> bool {
        self.memory_bytes.is_some() || self.cpu_percent.is_some() || self.pids.is_some()
    }
}

/// An app as it is to be run. Paths are absolute, units are bytes and ms, aliases are resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct AppSpec {
    /// Name, unique on the node, after `name_prefix` and `append_env_to_name`.
    pub name: String,
    /// `namespace`, `default` if none was told.
    pub namespace: String,
    /// `layer`; the namespace stands in for it.
    pub layer: Option<String>,
    /// Does the system count as down without it?
    pub critical: bool,
    /// `availability_target`: percent of the time in which it is to be there; none for no target.
    pub availability_target: Option<f64>,
    /// `port`: where it is expected to listen.
    pub port: Option<u16>,
    /// The script: a path (absolute or relative to `cwd`), or a word to look up in `PATH` when the app is started.
    pub script: String,
    /// Is `script` a line for `/bin/sh -c`, because it needs a shell?
    pub shell: bool,
    /// Arguments for the script.
    pub args: Vec<String>,
    /// What runs it.
    pub interpreter: Interpreter,
    /// Arguments for the interpreter (`node_args`, `interpreter_args`).
    pub interpreter_args: Vec<String>,
    /// Working directory, absolute.
    pub cwd: String,
    /// Environment that was configured: `env`, with the chosen `env_<name>` over it.
    pub env: EnvBlock,
    /// Environment of the caller, of which the app gets what `env` does not set. Already filtered by `filter_env`.
    #[cfg_attr(feature = "ssr", schema(value_type = EnvBlock))]
    pub inherited_env: Arc<EnvBlock>,
    /// Fork or cluster.
    pub exec_mode: ExecMode,
    /// How many instances, at least 1, after `max` and negative numbers were resolved.
    pub instances: u32,
    /// Name of the variable that tells an instance its number.
    pub instance_var: String,
    /// Name of a variable that is raised by one for each further instance.
    pub increment_var: Option<String>,
    /// Is it started with the node, or only on request?
    pub autostart: bool,
    /// Is it started again when it ends?
    pub autorestart: bool,
    /// Exit codes after which it is not started again. A signal is never one of them.
    pub stop_exit_codes: Vec<i32>,
    /// A shorter life is a failure; ms.
    pub min_uptime_ms: u64,
    /// Failures in a row after which it is given up.
    pub max_restarts: u32,
    /// Wait before each restart; ms.
    pub restart_delay_ms: u64,
    /// First wait of a growing delay; 0 for none; ms.
    pub exp_backoff_restart_delay_ms: u64,
    /// Memory of one instance's tree above which it is restarted; bytes.
    pub max_memory_restart: Option<u64>,
    /// First signal of a stop, such as `SIGINT`.
    pub stop_signal: String,
    /// Time between the first signal and SIGKILL; ms.
    pub kill_timeout_ms: u64,
    /// Is the whole tree stopped, or the first process alone?
    pub treekill: bool,
    /// When it counts as ready.
    #[cfg_attr(feature = "ssr", schema(value_type = serde_json::Value))]
    pub wait_ready: WaitReady,
    /// How long it may take until ready; ms.
    pub listen_timeout_ms: u64,
    /// Is it told to stop by a message of Node's IPC instead of a signal?
    pub shutdown_with_message: bool,
    /// Cron expression of scheduled restarts.
    pub cron_restart: Option<String>,
    /// What is watched, if anything is.
    pub watch: Option<Watch>,
    /// Where stdout goes.
    pub out_file: LogFile,
    /// Where stderr goes.
    pub error_file: LogFile,
    /// Where both go as well (`log_file`).
    pub log_file: Option<String>,
    /// Do instances share their log files?
    pub merge_logs: bool,
    /// Format of the date that PM2 would put before each line (`log_date_format`, `time`); shown by `qd logs`.
    pub log_date_format: Option<String>,
    /// Rotation of both files.
    pub rotation: Rotation,
    /// What comes of output that cannot be written.
    pub log_policy: LogPolicy,
    /// File that gets the process id.
    pub pid_file: Option<String>,
    /// User to run as: a name or a number.
    pub uid: Option<String>,
    /// Group to run as: a name or a number.
    pub gid: Option<String>,
    /// Its nice value, from -20 (first) to 19 (last); that of `qd` where none was told.
    pub nice: Option<i32>,
    /// Permissions that new files do not get (umask(2)); those of `qd` where none were told.
    pub umask: Option<u32>,
    /// May neither it nor what it starts gain rights by setuid programs and the like?
    pub no_new_privs: bool,
    /// What its tree may use.
    pub limits: TreeLimits,
    /// How it is found out whether it is healthy.
    pub health: Health,
    /// What counts as trouble beyond that.
    #[serde(default)]
    pub signs: Signs,
    /// Does it load the probe that tells of its inside, if it is run by Node?
    pub node_probe: bool,
    /// What of its own `/metrics` is kept.
    pub metrics: Option<Scrape>,
    /// Where `qd` listens for it.
    #[cfg_attr(feature = "ssr", schema(value_type = Vec<String>))]
    pub listen: Vec<ListenAddress>,
    /// Apps that it waits for at its start.
    pub depends_on: Vec<Dependency>,
    /// PM2 options that were accepted, and are told by `jlist`, but need nothing of the engine.
    pub other: BTreeMap<String, serde_json::Value>,
}

impl Default for AppSpec {
    /// PM2's defaults (schema.json and constants.js of PM2 7).
    fn default() -> Self {
        Self {
            name: String::new(),
            namespace: "default".into(),
            layer: None,
            critical: false,
            availability_target: None,
            port: None,
            script: String::new(),
            shell: false,
            args: Vec::new(),
            interpreter: Interpreter::ByEnding,
            interpreter_args: Vec::new(),
            cwd: "/".into(),
            env: EnvBlock::new(),
            inherited_env: Arc::default(),
            exec_mode: ExecMode::Fork,
            instances: 1,
            instance_var: "NODE_APP_INSTANCE".into(),
            increment_var: None,
            autostart: true,
            autorestart: true,
            stop_exit_codes: Vec::new(),
            min_uptime_ms: 1000,
            max_restarts: 16,
            restart_delay_ms: 0,
            exp_backoff_restart_delay_ms: 0,
            max_memory_restart: None,
            stop_signal: "SIGINT".into(),
            kill_timeout_ms: 1600,
            treekill: true,
            wait_ready: WaitReady::No,
            listen_timeout_ms: 30_000,
            shutdown_with_message: false,
            cron_restart: None,
            watch: None,
            out_file: LogFile::Home,
            error_file: LogFile::Home,
            log_file: None,
            merge_logs: false,
            log_date_format: None,
            rotation: Rotation::default(),
            log_policy: LogPolicy::default(),
            pid_file: None,
            uid: None,
            gid: None,
            nice: None,
            umask: None,
            no_new_privs: false,
            limits: TreeLimits::default(),
            health: Health::Automatic,
            signs: Signs::default(),
            node_probe: true,
            metrics: None,
            listen: Vec::new(),
            depends_on: Vec::new(),
            other: BTreeMap::new(),
        }
    }
}

impl AppSpec {
    /// The layer it is shown in.
    #[must_use]
    pub fn layer(&self) -> &str {
        self.layer.as_deref().unwrap_or(&self.namespace)
    }

    /// `PORT` of its environment, else `port`.
    #[must_use]
    pub fn env_port(&self) -> Option<u16> {
        self.env.get("PORT").and_then(|text| text.trim().parse().ok()).or(self.port)
    }

    /// The same of one of its instances: with `increment_var: "PORT"` each has its own.
    #[must_use]
    pub fn port_of(&self, index: u32) -> Option<u16> {
        let counts_up = self.increment_var.as_deref() == Some("PORT") && self.env.contains_key("PORT");
        let more = if counts_up { index } else { 0 };
        u16::try_from(u32::from(self.env_port()?).checked_add(more)?).ok()
    }
}

/// An app with all that it was told: for the command line of the one who owns the node, since it holds secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Definition {
    /// How it is.
    pub app: super::App,
    /// What it was told.
    pub spec: AppSpec,
    /// Path of the file of its stdout, if there is one.
    pub out_file: Option<String>,
    /// Path of the file of its stderr, if there is one.
    pub error_file: Option<String>,
}
