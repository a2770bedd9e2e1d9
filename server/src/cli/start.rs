//! `qd start`: starts the daemon if none runs, then apps of an ecosystem file, a script, or apps that are known.

use std::path::PathBuf;

use clap::Args;

/// The words of `qd start`.
#[derive(Args, Clone, Debug)]
pub struct Start {
    /// Ecosystem file, script or program, or name, id, namespace, `all` or /regex/ of known apps [default: the ecosystem file of this folder]
    #[arg(value_name = "CONFIG|SCRIPT|SELECTOR")]
    pub targets: Vec<String>,
    /// Of an ecosystem file, start these apps alone
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Of an ecosystem file, lay env_NAME over env
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
    /// Give known apps the environment of this shell
    #[arg(long, short = 'a')]
    pub update_env: bool,
    #[command(flatten)]
    pub script: ScriptWords,
    /// Arguments for the script
    #[arg(last = true, value_name = "ARGS")]
    pub args: Vec<String>,
}

/// Settings of a script that is started without an ecosystem file, in PM2's words.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Settings of a script")]
pub struct ScriptWords {
    /// Name of the app [default: name of the file without its ending]
    #[arg(long, short, value_name = "NAME")]
    pub name: Option<String>,
    /// How many instances: a number, `max`, or a negative number to leave so many processors free
    #[arg(long, short, value_name = "N", allow_negative_numbers = true)]
    pub instances: Option<String>,
    /// Namespace of the app
    #[arg(long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Working directory [default: this folder]
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<String>,
    /// What runs the script, or `none` [default: by its ending]
    #[arg(long, value_name = "PROGRAM")]
    pub interpreter: Option<String>,
    /// Arguments for the interpreter
    #[arg(long, visible_alias = "node-args", value_name = "ARGS", allow_hyphen_values = true)]
    pub interpreter_args: Option<String>,
    /// Restart when files change, in the working directory or in --watch=DIR
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub watch: Vec<String>,
    /// What is not watched
    #[arg(long, value_name = "GLOB")]
    pub ignore_watch: Vec<String>,
    /// Wait so long after a change, in seconds or as `500ms`
    #[arg(long, value_name = "DELAY")]
    pub watch_delay: Option<String>,
    /// Restart above so much memory, such as 300M
    #[arg(long, value_name = "SIZE")]
    pub max_memory_restart: Option<String>,
    /// Give up after so many failures in a row
    #[arg(long, value_name = "N")]
    pub max_restarts: Option<u32>,
    /// A shorter life is a failure, such as 10s
    #[arg(long, value_name = "TIME")]
    pub min_uptime: Option<String>,
    /// Wait before each restart, in ms
    #[arg(long, value_name = "MS")]
    pub restart_delay: Option<String>,
    /// First wait of a delay that grows with each restart, in ms
    #[arg(long, value_name = "MS")]
    pub exp_backoff_restart_delay: Option<String>,
    /// Do not start it again when it ends
    #[arg(long)]
    pub no_autorestart: bool,
    /// Exit codes after which it is not started again
    #[arg(long, value_name = "CODES", value_delimiter = ',')]
    pub stop_exit_codes: Vec<i32>,
    /// Restart at these times, as a cron expression
    #[arg(long, short, visible_alias = "cron-restart", value_name = "PATTERN")]
    pub cron: Option<String>,
    /// Time between the first signal and SIGKILL, in ms
    #[arg(long, short, value_name = "MS")]
    pub kill_timeout: Option<String>,
    /// First signal of a stop [default: SIGINT]
    #[arg(long, value_name = "SIGNAL")]
    pub stop_signal: Option<String>,
    /// Stop the first process alone, not its tree
    #[arg(long)]
    pub no_treekill: bool,
    /// It tells when it is ready
    #[arg(long)]
    pub wait_ready: bool,
    /// How long it may take until ready, in ms
    #[arg(long, value_name = "MS")]
    pub listen_timeout: Option<String>,
    /// Tell it to stop by a message of Node's IPC
    #[arg(long)]
    pub shutdown_with_message: bool,
    /// File for its stdout
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// File for its stderr
    #[arg(long, short, value_name = "FILE")]
    pub error: Option<PathBuf>,
    /// File for both
    #[arg(long, short, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// File that gets the process id
    #[arg(long, short, value_name = "FILE")]
    pub pid: Option<PathBuf>,
    /// Format of the date before each line, shown by `qd logs`
    #[arg(long, value_name = "FORMAT")]
    pub log_date_format: Option<String>,
    /// Show the time before each line
    #[arg(long)]
    pub time: bool,
    /// Instances share their log files
    #[arg(long)]
    pub merge_logs: bool,
    /// Keep no logs
    #[arg(long)]
    pub disable_logs: bool,
    /// Leave these variables of the shell out of its environment
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub filter_env: Vec<String>,
    /// User to run as
    #[arg(long, value_name = "USER")]
    pub uid: Option<String>,
    /// Group to run as
    #[arg(long, value_name = "GROUP")]
    pub gid: Option<String>,
    /// Take the name of an app that runs another script
    #[arg(long, short)]
    pub force: bool,
}
