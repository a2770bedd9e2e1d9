//! The keys of an app, and the other names that PM2 knows them by.

/// Each key with its other names (`lib/API/schema.json` of PM2 7). The camelCase form of each is accepted too.
const KEYS: &[(&str, &[&str])] = &[
    ("append_env_to_name", &[]),
    ("args", &[]),
    ("autorestart", &[]),
    ("autostart", &[]),
    ("cron_restart", &["cron"]),
    ("cwd", &[]),
    ("disable_logs", &[]),
    ("env", &[]),
    ("error_file", &["error", "err", "err_file", "err_log"]),
    ("exec_mode", &[]),
    ("execute_command", &[]),
    ("exp_backoff_restart_delay", &[]),
    ("filter_env", &[]),
    ("gid", &[]),
    ("ignore_watch", &[]),
    ("increment_var", &[]),
    ("instance_var", &[]),
    ("instances", &[]),
    ("interpreter", &["exec_interpreter"]),
    ("kill_timeout", &[]),
    ("listen_timeout", &[]),
    ("log_date_format", &[]),
    ("log_file", &["log"]),
    ("max_memory_restart", &[]),
    ("max_restarts", &[]),
    ("merge_logs", &["combine_logs"]),
    ("min_uptime", &[]),
    ("name", &[]),
    ("name_prefix", &[]),
    ("namespace", &[]),
    ("node_args", &["interpreter_args"]),
    ("out_file", &["out", "output", "out_log"]),
    ("pid_file", &["pid"]),
    ("port", &[]),
    ("restart_delay", &[]),
    ("script", &["exec", "cmd", "command"]),
    ("shutdown_with_message", &[]),
    ("stop_exit_codes", &[]),
    ("time", &[]),
    ("treekill", &[]),
    ("uid", &["user"]),
    ("wait_ready", &[]),
    ("watch", &[]),
    ("watch_delay", &[]),
    // Our own.
    ("compress", &[]),
    ("critical", &[]),
    ("availability_target", &[]),
    ("depends_on", &[]),
    ("health", &[]),
    ("layer", &[]),
    ("limits", &[]),
    ("listen", &[]),
    ("log_policy", &[]),
    ("max_size", &[]),
    ("metrics", &[]),
    ("nice", &[]),
    ("no_new_privs", &[]),
    ("node_probe", &[]),
    ("retain", &[]),
    ("rotate_every", &[]),
    ("stop_signal", &[]),
    ("umask", &[]),
];

/// Our own keys whose values are objects that others read.
pub(super) const OBJECTS: &[&str] = &["alerts"];

/// Options of PM2 that need nothing of us. They are kept as they are.
pub(super) const KEPT: &[&str] = &[
    "automation",
    "deep_monitoring",
    "disable_source_map_support",
    "disable_trace",
    "event_loop_inspector",
    "force",
    "install_url",
    "io",
    "kill_retry_time",
    "log_type",
    "pmx",
    "post_update",
    "source_map_support",
    "trace",
    "username",
    "v8",
    "vizion",
    "watch_options",
    "windowsHide",
    "write",
];

/// What a key of an app means to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key<'a> {
    /// A key that we read, by its first name, and which of its names this is: 0 for the first.
    Known(&'static str, usize),
    /// `env_<name>`.
    Environment(&'a str),
    /// None that we know; this one is nearest.
    Unknown(Option<&'static str>),
}

/// What this key of an app is.
pub(super) fn of_app(written: &str) -> Key<'_> {
    if let Some(known) = exact(written).or_else(|| exact(&snake_case(written))) {
        return Key::Known(known.0, known.1);
    }
    match written.strip_prefix("env_") {
        Some(name) if !name.is_empty() => Key::Environment(name),
        _ => Key::Unknown(nearest(written, names())),
    }
}

/// The word among `known` that was probably meant.
pub(super) fn nearest(written: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    // Such a comparison takes the square of the length.
    if written.len() > 64 {
        return None;
    }
    let written = snake_case(written);
    known
        .map(|one| (strsim::jaro_winkler(&written, one), one))
        .filter(|(near, _)| *near > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, one)| one)
}

fn names() -> impl Iterator<Item = &'static str> {
    KEYS.iter()
        .flat_map(|(first, others)| std::iter::once(*first).chain(others.iter().copied()))
        .chain(OBJECTS.iter().copied())
        .chain(KEPT.iter().copied())
}

fn exact(written: &str) -> Option<(&'static str, usize)> {
    if let Some(one) = OBJECTS.iter().chain(KEPT).find(|one| **one == written) {
        return Some((one, 0));
    }
    KEYS.iter().find_map(|(first, others)| {
        if *first == written {
            return Some((*first, 0));
        }
        others.iter().position(|other| *other == written).map(|place| (*first, place + 1))
    })
}

fn snake_case(written: &str) -> String {
    let mut snake = String::with_capacity(written.len() + 4);
    for c in written.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_any_name() {
        for (written, first) in [
            ("script", "script"),
            ("exec", "script"),
            ("cmd", "script"),
            ("maxMemoryRestart", "max_memory_restart"),
            ("errLog", "error_file"),
            ("interpreterArgs", "node_args"),
            ("user", "uid"),
            ("cron", "cron_restart"),
            ("windowsHide", "windowsHide"),
            ("killRetryTime", "kill_retry_time"),
            ("health", "health"),
            ("noNewPrivs", "no_new_privs"),
        ] {
            assert!(matches!(of_app(written), Key::Known(name, _) if name == first), "{written}");
        }
    }

    #[test]
    fn environments() {
        assert_eq!(of_app("env_production"), Key::Environment("production"));
        assert_eq!(of_app("env"), Key::Known("env", 0));
        assert!(matches!(of_app("env_"), Key::Unknown(_)));
    }

    #[test]
    fn unknown_with_the_nearest() {
        for (written, near) in [
            ("max_memory_restrat", Some("max_memory_restart")),
            ("instance", Some("instances")),
            ("maxMemoryRestar", Some("max_memory_restart")),
            ("scrpt", Some("script")),
            ("depend_on", Some("depends_on")),
            ("quux", None),
            ("", None),
        ] {
            assert_eq!(of_app(written), Key::Unknown(near), "{written}");
        }
        assert_eq!(of_app(&"a".repeat(1_000_000)), Key::Unknown(None));
    }
}
