//! An app from the command line: a script and flags, as `pm2 start`.

use std::path::Path;
use std::sync::Arc;

use app::model::AppSpec;
use serde_json::{Map, Value, json};

use super::{
    app::Surroundings,
    finding::{ConfigErrors, Findings},
    load::{LoadOptions, problem},
    value::{instances, script as script_file},
};

/// What stands beside a script on the command line. Values are text, and read as in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct ScriptFlags {
    /// Name of the app
    #[arg(long, short)]
    pub name: Option<String>,
    /// How many instances: a number, max, or -1 for one less than there are processors
    #[arg(long, short, allow_hyphen_values = true)]
    pub instances: Option<String>,
    /// Restart on changes, of the working directory or of these paths
    #[arg(long, num_args = 0..=1, value_name = "PATH", require_equals = true)]
    pub watch: Option<Option<String>>,
    /// Do not look at changes of these paths
    #[arg(long, num_args = 1, value_name = "PATH")]
    pub ignore_watch: Vec<String>,
    /// Wait so long after a change (500ms, 2s)
    #[arg(long, value_name = "TIME")]
    pub watch_delay: Option<String>,
    /// Working directory
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<String>,
    /// What runs the script; none for a program
    #[arg(long, value_name = "PROGRAM")]
    pub interpreter: Option<String>,
    /// Arguments for the interpreter
    #[arg(long, alias = "interpreter-args", value_name = "ARGS", allow_hyphen_values = true)]
    pub node_args: Option<String>,
    /// fork or cluster
    #[arg(long, value_name = "MODE")]
    pub exec_mode: Option<String>,
    /// Group of apps that it belongs to
    #[arg(long)]
    pub namespace: Option<String>,
    /// Restart above so much memory (300M, 1G)
    #[arg(long, value_name = "SIZE")]
    pub max_memory_restart: Option<String>,
    /// Restart at these times (cron expression)
    #[arg(long, alias = "cron-restart", short = 'c', value_name = "CRON")]
    pub cron: Option<String>,
    /// Do not start it again when it ends
    #[arg(long)]
    pub no_autorestart: bool,
    /// Exit codes after which it is not started again
    #[arg(long, value_delimiter = ',', value_name = "CODES")]
    pub stop_exit_codes: Vec<String>,
    /// Give up after so many failures in a row
    #[arg(long, value_name = "N")]
    pub max_restarts: Option<String>,
    /// A shorter life is a failure
    #[arg(long, value_name = "TIME")]
    pub min_uptime: Option<String>,
    /// Wait before each restart
    #[arg(long, value_name = "TIME")]
    pub restart_delay: Option<String>,
    /// First wait of a growing delay between restarts
    #[arg(long, value_name = "TIME")]
    pub exp_backoff_restart_delay: Option<String>,
    /// Time between the first signal and SIGKILL
    #[arg(long, short, value_name = "TIME")]
    pub kill_timeout: Option<String>,
    /// First signal of a stop
    #[arg(long, value_name = "SIGNAL")]
    pub stop_signal: Option<String>,
    /// Stop the first process only
    #[arg(long)]
    pub no_treekill: bool,
    /// It tells when it is ready
    #[arg(long)]
    pub wait_ready: bool,
    /// How long it may take until it is ready
    #[arg(long, value_name = "TIME")]
    pub listen_timeout: Option<String>,
    /// Tell it to stop by a message of Node instead of a signal
    #[arg(long)]
    pub shutdown_with_message: bool,
    /// File for stdout
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<String>,
    /// File for stderr
    #[arg(long, short, value_name = "FILE")]
    pub error: Option<String>,
    /// File for both
    #[arg(long, short, value_name = "FILE")]
    pub log: Option<String>,
    /// Instances share their log files
    #[arg(long)]
    pub merge_logs: bool,
    /// Show the time before each line
    #[arg(long)]
    pub time: bool,
    /// Format of that time
    #[arg(long, value_name = "FORMAT")]
    pub log_date_format: Option<String>,
    /// File that gets the process id
    #[arg(long, short, value_name = "FILE")]
    pub pid: Option<String>,
    /// User to run as
    #[arg(long, alias = "user", value_name = "USER")]
    pub uid: Option<String>,
    /// Group to run as
    #[arg(long, value_name = "GROUP")]
    pub gid: Option<String>,
    /// Port that it listens on; it gets it as PORT
    #[arg(long)]
    pub port: Option<String>,
    /// Variables with these in their names are not handed on
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub filter_env: Vec<String>,
}

impl ScriptFlags {
    /// The same as the keys of an entry of a file.
    fn keys(&self) -> Map<String, Value> {
        let mut keys = Map::new();
        for (key, value) in [
            ("name", &self.name),
            ("instances", &self.instances),
            ("watch_delay", &self.watch_delay),
            ("cwd", &self.cwd),
            ("interpreter", &self.interpreter),
            ("node_args", &self.node_args),
            ("exec_mode", &self.exec_mode),
            ("namespace", &self.namespace),
            ("max_memory_restart", &self.max_memory_restart),
            ("cron_restart", &self.cron),
            ("max_restarts", &self.max_restarts),
            ("min_uptime", &self.min_uptime),
            ("restart_delay", &self.restart_delay),
            ("exp_backoff_restart_delay", &self.exp_backoff_restart_delay),
            ("kill_timeout", &self.kill_timeout),
            ("stop_signal", &self.stop_signal),
            ("listen_timeout", &self.listen_timeout),
            ("out_file", &self.output),
            ("error_file", &self.error),
            ("log_file", &self.log),
            ("log_date_format", &self.log_date_format),
            ("pid_file", &self.pid),
            ("uid", &self.uid),
            ("gid", &self.gid),
            ("port", &self.port),
        ] {
            keys.extend(value.as_ref().map(|value| (key.to_owned(), json!(value))));
        }
        for (key, given, value) in [
            ("autorestart", self.no_autorestart, false),
            ("treekill", self.no_treekill, false),
            ("wait_ready", self.wait_ready, true),
            ("shutdown_with_message", self.shutdown_with_message, true),
            ("merge_logs", self.merge_logs, true),
            ("time", self.time, true),
        ] {
            keys.extend(given.then(|| (key.to_owned(), json!(value))));
        }
        for (key, list) in
            [("ignore_watch", &self.ignore_watch), ("stop_exit_codes", &self.stop_exit_codes), ("filter_env", &self.filter_env)]
        {
            keys.extend((!list.is_empty()).then(|| (key.to_owned(), json!(list))));
        }
        keys.extend(self.watch.as_ref().map(|path| ("watch".to_owned(), path.as_ref().map_or(json!(true), |path| json!(path)))));
        keys
    }
}

/// The app that `qd start SCRIPT FLAGS -- ARGS` names. Relative paths are resolved against `cwd`, the caller's folder.
///
/// # Errors
/// Every mistake in the flags; a script that is not there.
pub fn script(
    script: &str,
    args: &[String],
    flags: &ScriptFlags,
    cwd: &Path,
    options: &LoadOptions,
) -> Result<AppSpec, ConfigErrors> {
    const FILE: &str = "command line";
    let mut keys = flags.keys();
    keys.insert("script".into(), script.into());
    if !args.is_empty() {
        keys.insert("args".into(), json!(args));
    }
    let surroundings = Surroundings {
        file: FILE,
        folder: cwd,
        environment: &Arc::new(options.environment.clone()),
        env_name: None,
        deploy_env: None,
        rotation: options.rotation,
        log_policy: options.log_policy,
        processors: instances::processors(),
    };
    let mut findings = Findings::default();
    let read = surroundings.read(0, keys, &mut findings);
    // In a file it may come later. Somebody who waits at a terminal mistyped it.
    let absent =
        !read.spec.shell && script_file::find(&read.spec.script, Path::new(&read.spec.cwd), &options.environment).is_none();
    if findings.errors.is_empty() && absent {
        findings.errors.push(problem(FILE, format!("{script:?} is no app, no file in {} and no program in PATH", read.spec.cwd)));
    }
    findings.finish(read.spec).map(|(spec, _)| spec)
}

#[cfg(test)]
mod tests {
    use app::model::{EnvBlock, Interpreter, LogFile};
    use clap::{Args, FromArgMatches};

    use super::*;

    fn parse(words: &[&str]) -> ScriptFlags {
        let command = ScriptFlags::augment_args(clap::Command::new("start").no_binary_name(true));
        ScriptFlags::from_arg_matches(&command.try_get_matches_from(words).unwrap()).unwrap()
    }

    fn start(name: &str, args: &[&str], words: &[&str]) -> Result<AppSpec, ConfigErrors> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("mine.js"), "").unwrap();
        let environment = EnvBlock::from([("PATH".to_owned(), "/bin".to_owned())]);
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        script(name, &args, &parse(words), folder.path(), &LoadOptions { environment, ..LoadOptions::default() })
    }

    #[test]
    fn a_script_with_arguments() {
        let spec = start("mine.js", &["--one", "two words"], &["--name", "it", "-i", "-1", "--watch"]).unwrap();
        assert_eq!((spec.name.as_str(), spec.script.as_str()), ("it", "mine.js"));
        assert_eq!(spec.args, ["--one", "two words"]);
        assert_eq!(spec.watch.map(|watch| watch.paths), Some(vec![spec.cwd]));
        assert_eq!(start("./mine.js", &[], &[]).unwrap().name, "mine");
        assert_eq!(start("sh -c 'exit 3'", &[], &[]).unwrap().args, ["-c", "exit 3"]);
    }

    #[test]
    fn flags() {
        let words = [
            "--interpreter=none",
            "--max-memory-restart=300M",
            "--cron=0 3 * * *",
            "--no-autorestart",
            "--namespace=shop",
            "-o",
            "o.log",
            "-e",
            "/dev/null",
            "--node-args=--inspect --x",
            "--kill-timeout=5s",
            "--stop-exit-codes=0,3",
            "--no-treekill",
            "--time",
            "--watch=lib",
            "--ignore-watch=x",
            "--ignore-watch=y",
            "--max-restarts=3",
            "--stop-signal=TERM",
            "--port=80",
            "--filter-env=AWS",
        ];
        let spec = start("mine.js", &[], &words).unwrap();
        assert_eq!(spec.interpreter, Interpreter::None);
        assert_eq!((spec.max_memory_restart, spec.kill_timeout_ms, spec.max_restarts), (Some(300 << 20), 5000, 3));
        assert_eq!((spec.cron_restart.as_deref(), spec.autorestart, spec.treekill), (Some("0 3 * * *"), false, false));
        assert_eq!((spec.namespace.as_str(), spec.stop_signal.as_str(), spec.env_port()), ("shop", "SIGTERM", Some(80)));
        assert_eq!((spec.out_file, spec.error_file), (LogFile::Path(format!("{}/o.log", spec.cwd)), LogFile::Discard));
        assert_eq!((spec.interpreter_args, spec.stop_exit_codes), (vec!["--inspect".to_owned(), "--x".into()], vec![0, 3]));
        assert_eq!(spec.watch.map(|watch| watch.ignore), Some(vec!["x".to_owned(), "y".into()]));
        assert!(spec.log_date_format.is_some());
    }

    #[test]
    fn mistakes() {
        let told = start("mine.js", &[], &["--instances=many", "--kill-timeout=soon"]).unwrap_err();
        assert_eq!(told.errors.len(), 2, "{told}");
        for absent in ["./gone.js", "no-such-program-anywhere"] {
            let told = start(absent, &[], &[]).unwrap_err().to_string();
            assert!(told.contains(absent) && told.lines().count() == 1, "{told}");
        }
    }
}
