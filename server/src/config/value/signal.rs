//! Names of signals.

use serde_json::Value;

use super::{Read, number, wrong};

/// Signals that an app can be told to stop with, by their numbers on Linux (`signal(7)`; the same on x86 and ARM).
const SIGNALS: &[(&str, i64)] = &[
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ABRT", 6),
    ("KILL", 9),
    ("USR1", 10),
    ("USR2", 12),
    ("ALRM", 14),
    ("TERM", 15),
    ("WINCH", 28),
    ("PWR", 30),
];

/// A signal by its name, with or without `SIG`, or its number; answers with its full name.
pub(in crate::config) fn signal(value: &Value) -> Read<String> {
    let upper = value.as_str().map(|text| text.trim().to_ascii_uppercase());
    let short = upper.as_deref().map(|name| name.strip_prefix("SIG").unwrap_or(name));
    let found = SIGNALS.iter().find(|(name, code)| short == Some(*name) || number::whole(value) == Some(*code));
    found.map_or_else(
        || wrong(value, "a signal to stop an app with; write SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2 or SIGKILL"),
        |(name, _)| Ok(format!("SIG{name}")),
    )
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};
    use serde_json::json;

    #[test]
    fn signals() {
        check(
            signal,
            [
                (json!("SIGTERM"), Some("SIGTERM".into())),
                (json!("term"), Some("SIGTERM".into())),
                (json!("sigusr2"), Some("SIGUSR2".into())),
                (json!(15), Some("SIGTERM".into())),
                (json!("2"), Some("SIGINT".into())),
                (json!("SIGSTOP"), None),
                (json!("SIGSIGINT"), None),
                (json!("SIGFOO"), None),
                (json!(0), None),
                (json!(""), None),
                (json!(true), None),
            ],
        );
    }
}
