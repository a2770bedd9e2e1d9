//! Figures for people: with units, rounded to what matters.

use app::format::decimal;
pub(super) use app::format::{size, span};
use app::model::{App, Exit, Sign, State, Time};

use crate::config;

/// A span in its greatest unit, for tables: `2d`, `3m`.
pub(super) fn short_span(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// `3.2 %`, `140 %`.
pub(super) fn percent(percent: f32) -> String {
    format!("{} %", decimal(f64::from(percent)))
}

/// How a process ended: `exit code 1 after 3.0 s`.
pub(super) fn exit(exit: &Exit) -> String {
    let how = match (exit.exit_code, &exit.signal) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => signal.clone(),
        (None, None) => "an end that nobody saw".into(),
    };
    format!("{how} after {}", span(exit.ran_ms))
}

/// A sentence about an app that needs a person to look at it, without line breaks.
pub(super) fn trouble(app: &App, now: Time) -> Option<String> {
    // Who took its port says more than that it ended.
    let taken = app.findings.iter().find(|one| one.sign == Sign::PortTaken).map(|one| one.message.as_str());
    let because = || taken.or(app.reason.as_deref()).map(|why| format!(": {}", plain(why))).unwrap_or_default();
    let name = plain(&app.name);
    match app.state {
        State::Errored => Some(format!("{name} is down{}.", because())),
        State::Unkillable => Some(format!("{name} cannot be ended{}.", because())),
        State::BackingOff => {
            let retry = app.instances.iter().filter_map(|instance| instance.retry_at).min();
            let next = retry.map(|time| format!(", and is started again in {}", span(time.since(now)))).unwrap_or_default();
            Some(format!("{name} is down{next}{}.", because()))
        }
        State::Online if app.is_unhealthy() => {
            let why = app.probe.as_ref().and_then(|probe| probe.message.as_deref()).map(|why| format!(": {}", plain(why)));
            Some(format!("{name} runs, but does not pass its health check{}.", why.unwrap_or_default()))
        }
        State::Starting if app.reason.is_some() => Some(format!("{name} is not started yet{}.", because())),
        State::Online if let Some(found) = app.findings.first() => Some(format!("{name}: {}.", plain(&found.message))),
        _ if app.changed => Some(format!("{name} has a changed definition, which counts from its next start.")),
        _ => None,
    }
}

/// Text of others, fit for a terminal: no control characters, so nothing that moves, colours or breaks a line.
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|c| *c == '\t' || !(c.is_control() || config::is_direction(*c))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::samples::{NOW, app, errored};
    use super::*;

    #[test]
    fn short_spans() {
        for (ms, short) in [(0, "0s"), (59_999, "59s"), (60_000, "1m"), (3_600_000, "1h"), (67 * 3_600_000, "2d")] {
            assert_eq!(short_span(ms), short, "{ms}");
        }
    }

    #[test]
    fn trouble_says_why() {
        assert_eq!(trouble(&app("a", 0), NOW), None);
        assert_eq!(
            trouble(&errored("a\u{1b}[31m", 0), NOW).unwrap(),
            "a[31m is down: it came down 16 times in a row, the last time with exit code 1 after 0.3 s."
        );
        let mut waiting = errored("a", 0);
        waiting.state = State::BackingOff;
        waiting.reason = None;
        waiting.instances[0].retry_at = Some(NOW + 4000);
        assert_eq!(trouble(&waiting, NOW).unwrap(), "a is down, and is started again in 4 s.");
    }
}
