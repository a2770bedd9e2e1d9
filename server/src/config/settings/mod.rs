//! `quarterdeck.toml` in the home folder: what counts for the whole node.
//!
//! ```toml
//! listen = "127.0.0.1:9615"      # QD_LISTEN and --listen win
//! hosts = ["status.example.org"] # names, beside the loopback ones, by which browsers may call the node
//! sample_every = "2s"
//!
//! [logs]                         # for apps that say nothing of it
//! max_size = "10M"
//! retain = 7
//! compress = true
//! rotate_every = 0               # an age such as "1d" at which a file is put aside too; 0 for never
//! policy = "block"               # when a file cannot be written: the app waits; "drop" and "newest" lose lines instead
//! total_max_size = 0             # of the logs of all apps together; 0 for no limit
//! min_free = "256M"              # below this older parts of logs are deleted; 0 for never
//!
//! [history]
//! raw = "24h"
//! minutes = "30d"
//! quarter_hours = "365d"
//! hours = "1825d"
//! max_size = "512M"
//!
//! [control]
//! burst = 20
//! per_minute = 60
//!
//! [stream]
//! max_clients = 10000
//!
//! [heartbeat]                    # asked for while qd works, so that a monitor elsewhere raises the alarm when it does not
//! url = "https://monitor.example.org/ping/KEY"
//! every = "1m"
//! ```

mod address;
mod heartbeat;
mod hosts;
mod table;

use std::{net::SocketAddr, path::Path, time::Duration};

use app::model::{LogPolicy, Rotation};
use hyper::Uri;

pub use address::address;

use self::table::Table;
use super::{
    finding::{ConfigErrors, Finding, Findings},
    load::problem,
    paths,
    value::{self, duration, logs, number, size},
};

/// Name of the file in the home folder.
pub const FILE: &str = "quarterdeck.toml";

/// What counts for the whole node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `listen`: where HTTP is served.
    pub listen: SocketAddr,
    /// `hosts`: values of the `Host` header that are accepted beside the loopback names; in lower case.
    pub hosts: Vec<String>,
    /// `sample_every`: time between two readings of all processes.
    pub sample_every: Duration,
    /// `[logs]`.
    pub logs: Logs,
    /// `[history]`.
    pub history: History,
    /// `[control]`.
    pub control: Control,
    /// `[stream]`.
    pub stream: Stream,
    /// `[heartbeat]`.
    pub heartbeat: Heartbeat,
}

/// How logs are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logs {
    /// `max_size`, `retain`, `compress` and `rotate_every`, for apps that say nothing of them.
    pub rotation: Rotation,
    /// `policy`: what comes of output that cannot be written, for apps that say nothing of it.
    pub policy: LogPolicy,
    /// `total_max_size`: size of all logs in bytes at which the oldest parts go; 0 for no limit.
    pub total_max_bytes: u64,
    /// `min_free`: free space in bytes below which the oldest parts go; 0 for no floor.
    pub min_free_bytes: u64,
}

/// How much of the past is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// `raw`: how long every sample is kept.
    pub raw: Duration,
    /// `minutes`: how long minutes are kept.
    pub minutes: Duration,
    /// `quarter_hours`: how long quarters of an hour are kept.
    pub quarter_hours: Duration,
    /// `hours`: how long hours are kept.
    pub hours: Duration,
    /// `max_size`: size of the database in bytes at which the oldest goes, whatever its age.
    pub max_bytes: u64,
}

/// The rate limit of requests that change something, for each who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// `burst`: so many at once.
    pub burst: u32,
    /// `per_minute`: so many in the long run.
    pub per_minute: u32,
}

/// The live stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// `max_clients`: so many connections at a time.
    pub max_clients: u32,
}

/// What is asked for while the node works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// `url`: the address of a monitor; none for none.
    pub url: Option<Uri>,
    /// `every`: time between two questions.
    pub every: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 9615)),
            hosts: Vec::new(),
            sample_every: Duration::from_secs(2),
            logs: Logs::default(),
            history: History::default(),
            control: Control::default(),
            stream: Stream::default(),
            heartbeat: Heartbeat::default(),
        }
    }
}

impl Default for Logs {
    fn default() -> Self {
        // No budget by default: `retain` bounds each app, and a sum that fits every host is not known.
        Self { rotation: Rotation::default(), policy: LogPolicy::Block, total_max_bytes: 0, min_free_bytes: 256 << 20 }
    }
}

impl Default for History {
    fn default() -> Self {
        let days = |days: u64| Duration::from_hours(days * 24);
        Self { raw: days(1), minutes: days(30), quarter_hours: days(365), hours: days(5 * 365), max_bytes: 512 << 20 }
    }
}

impl Default for Control {
    fn default() -> Self {
        Self { burst: 20, per_minute: 60 }
    }
}

impl Default for Stream {
    fn default() -> Self {
        Self { max_clients: 10_000 }
    }
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self { url: None, every: Duration::from_mins(1) }
    }
}

impl Settings {
    /// Reads the file in the home folder; without one all is as by default. Answers with what is odd in it too.
    ///
    /// # Errors
    /// Every mistake in the file, with its key.
    pub fn load(home: &Path) -> Result<(Self, Vec<Finding>), ConfigErrors> {
        let path = home.join(FILE);
        let file = paths::text(&path);
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&file, &text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok((Self::default(), Vec::new())),
            Err(error) => Err(problem(&file, format!("cannot be read: {error}")).into()),
        }
    }

    fn parse(file: &str, text: &str) -> Result<(Self, Vec<Finding>), ConfigErrors> {
        let mut findings = Findings::default();
        let mut settings = Self::default();
        let mut table = Table::parse(file, text, &mut findings)?;
        table.read("listen", &mut settings.listen, address::read);
        table.read("hosts", &mut settings.hosts, hosts::read);
        table.read("sample_every", &mut settings.sample_every, sample_every);
        table.read("logs.max_size", &mut settings.logs.rotation.max_bytes, size::positive);
        table.read("logs.retain", &mut settings.logs.rotation.keep, number::count_or_all);
        table.read("logs.compress", &mut settings.logs.rotation.compress, value::switch);
        table.read("logs.rotate_every", &mut settings.logs.rotation.every_ms, logs::rotate_every);
        table.read("logs.policy", &mut settings.logs.policy, logs::policy);
        table.read("logs.total_max_size", &mut settings.logs.total_max_bytes, size::bytes);
        table.read("logs.min_free", &mut settings.logs.min_free_bytes, size::bytes);
        table.read("history.raw", &mut settings.history.raw, duration::positive);
        table.read("history.minutes", &mut settings.history.minutes, duration::positive);
        table.read("history.quarter_hours", &mut settings.history.quarter_hours, duration::positive);
        table.read("history.hours", &mut settings.history.hours, duration::positive);
        table.read("history.max_size", &mut settings.history.max_bytes, size::positive);
        table.read("control.burst", &mut settings.control.burst, number::at_least_one);
        table.read("control.per_minute", &mut settings.control.per_minute, number::at_least_one);
        table.read("stream.max_clients", &mut settings.stream.max_clients, number::at_least_one);
        table.read("heartbeat.url", &mut settings.heartbeat.url, heartbeat::url);
        table.read("heartbeat.every", &mut settings.heartbeat.every, heartbeat::every);
        table.finish();
        findings.finish(settings)
    }
}

/// Readings more often than this would cost more than the apps.
fn sample_every(written: &serde_json::Value) -> value::Read<Duration> {
    let every = duration::positive(written)?;
    match (Duration::from_millis(100)..=Duration::from_mins(1)).contains(&every) {
        true => Ok(every),
        false => value::wrong(written, "a time between 100ms and 1m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(text: &str) -> String {
        Settings::parse("q.toml", text).unwrap_err().to_string()
    }

    #[test]
    fn no_file_and_an_empty_one_are_the_defaults() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(Settings::load(home.path()), Ok((Settings::default(), vec![])));
        std::fs::write(home.path().join(FILE), "# nothing\n").unwrap();
        assert_eq!(Settings::load(home.path()), Ok((Settings::default(), vec![])));
    }

    #[test]
    fn every_key() {
        let text = r#"
            listen = "0.0.0.0:80"
            hosts = ["Status.Example.org"]
            sample_every = "5s"
            [logs]
            max_size = "1M"
            retain = 2
            compress = false
            rotate_every = "1d"
            policy = "newest"
            total_max_size = "2G"
            min_free = 0
            [history]
            raw = "1h"
            minutes = "7d"
            quarter_hours = "90d"
            hours = "720d"
            max_size = "1G"
            [control]
            burst = 3
            per_minute = 4
            [stream]
            max_clients = 5
            [heartbeat]
            url = "http://localhost:8080/up"
            every = "10s"
        "#;
        let wanted = Settings {
            listen: SocketAddr::from(([0, 0, 0, 0], 80)),
            hosts: vec!["status.example.org".into()],
            sample_every: Duration::from_secs(5),
            logs: Logs {
                rotation: Rotation { max_bytes: 1 << 20, keep: 2, compress: false, every_ms: Some(86_400_000) },
                policy: LogPolicy::Newest,
                total_max_bytes: 2 << 30,
                min_free_bytes: 0,
            },
            history: History {
                raw: Duration::from_hours(1),
                minutes: Duration::from_hours(7 * 24),
                quarter_hours: Duration::from_hours(90 * 24),
                hours: Duration::from_hours(720 * 24),
                max_bytes: 1 << 30,
            },
            control: Control { burst: 3, per_minute: 4 },
            stream: Stream { max_clients: 5 },
            heartbeat: Heartbeat { url: Some(Uri::from_static("http://localhost:8080/up")), every: Duration::from_secs(10) },
        };
        assert_eq!(Settings::parse("q.toml", text), Ok((wanted, vec![])));
    }

    #[test]
    fn the_example_above_is_read_without_a_word() {
        let example: String = include_str!("mod.rs")
            .lines()
            .skip_while(|line| *line != "//! ```toml")
            .skip(1)
            .take_while(|line| *line != "//! ```")
            .fold(String::new(), |text, line| text + line.trim_start_matches("//!").trim_start() + "\n");
        let (settings, warnings) = Settings::parse("q.toml", &example).unwrap();
        let url = Some(Uri::from_static("https://monitor.example.org/ping/KEY"));
        let heartbeat = Heartbeat { url, ..Heartbeat::default() };
        assert_eq!(settings, Settings { hosts: vec!["status.example.org".into()], heartbeat, ..Settings::default() });
        assert!(warnings.is_empty() && example.contains("[stream]"));
    }

    #[test]
    fn all_mistakes_at_once() {
        let told = refused(
            "listen = 'here'\nsample_every = '1ms'\nlogs = 3\n[control]\nburst = 0\n[heartbeat]\nurl = '/up'\nevery = '1ms'\n",
        );
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines.len(), 6, "{told}");
        for key in ["listen", "sample_every", "logs", "control.burst", "heartbeat.url", "heartbeat.every"] {
            assert!(lines.iter().any(|line| line.starts_with(&format!("q.toml: {key}: "))), "{key} in {told}");
        }
        assert!(refused("listen = [\n").starts_with("q.toml:"), "a line is told");
    }

    #[test]
    fn unknown_keys_are_warnings() {
        let (settings, warnings) = Settings::parse("q.toml", "lisen = 1\n[logs]\nretian = 2\n[colours]\na = 1\n").unwrap();
        assert_eq!(settings, Settings::default());
        let told: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told.iter().any(|line| line.contains("lisen") && line.contains("listen")), "{told:?}");
        assert!(told.iter().any(|line| line.contains("logs.retian") && line.contains("logs.retain")), "{told:?}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(listen|hosts|logs|\\[logs\\]|control.burst|[a-z]{1,4}) ?= ?.{0,20}\n") {
            let _ = Settings::parse("q.toml", &text);
        }
    }
}
