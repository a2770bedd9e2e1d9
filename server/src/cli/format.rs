//! Figures for people: with units, rounded to what matters.

use app::model::{App, Exit, State, Time};

/// A span in its two greatest units: `2 d 19 h`, `3 min 12 s`, `0.8 s`.
pub(super) fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    let two = |great: u64, unit: &str, small: u64, of: &str| {
        if small == 0 { format!("{great} {unit}") } else { format!("{great} {unit} {small} {of}") }
    };
    match seconds {
        0..10 => format!("{}.{} s", seconds, ms % 1000 / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => two(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => two(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

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

/// An amount of memory: `72 MB`, `1.4 GB`. As PM2 and `top` do, a MB is 1024 kB.
pub(super) fn bytes(bytes: u64) -> String {
    let (unit, size) = match bytes {
        0..1024 => return format!("{bytes} B"),
        1024..0x10_0000 => ("kB", 1024.0),
        0x10_0000..0x4000_0000 => ("MB", 1_048_576.0),
        _ => ("GB", 1_073_741_824.0),
    };
    let amount = bytes as f64 / size;
    if amount < 10.0 { format!("{amount:.1} {unit}") } else { format!("{amount:.0} {unit}") }
}

/// `3.2 %`, `140 %`.
pub(super) fn percent(percent: f32) -> String {
    if percent < 99.95 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
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
    let because = || app.reason.as_deref().map(|why| format!(": {}", plain(why))).unwrap_or_default();
    let name = plain(&app.name);
    match app.state {
        State::Errored => Some(format!("{name} is down{}.", because())),
        State::Unkillable => Some(format!("{name} cannot be ended{}.", because())),
        State::BackingOff => {
            let retry = app.instances.iter().filter_map(|instance| instance.retry_at).min();
            let next = retry.map(|time| format!(", and is started again in {}", span(time.since(now)))).unwrap_or_default();
            Some(format!("{name} is down{next}{}.", because()))
        }
        _ if app.changed => Some(format!("{name} has a changed definition, which counts from its next start.")),
        _ => None,
    }
}

/// Text of others, fit for a terminal: no control characters, so nothing that moves, colours or breaks a line.
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|c| *c == '\t' || !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::samples::{NOW, app, errored};
    use super::*;

    #[test]
    fn spans() {
        for (ms, long, short) in [
            (0, "0.0 s", "0s"),
            (840, "0.8 s", "0s"),
            (59_999, "59 s", "59s"),
            (60_000, "1 min", "1m"),
            (192_000, "3 min 12 s", "3m"),
            (3_600_000, "1 h", "1h"),
            (67 * 3_600_000, "2 d 19 h", "2d"),
        ] {
            assert_eq!((span(ms).as_str(), short_span(ms).as_str()), (long, short), "{ms}");
        }
        assert!(!span(u64::MAX).is_empty());
    }

    #[test]
    fn amounts() {
        for (amount, text) in [(0, "0 B"), (2048, "2.0 kB"), (72 << 20, "72 MB"), (1500 << 20, "1.5 GB"), (40 << 30, "40 GB")] {
            assert_eq!(bytes(amount), text);
        }
        assert_eq!((percent(0.04), percent(3.24), percent(140.4)), ("0.0 %".into(), "3.2 %".into(), "140 %".into()));
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
        assert_eq!(trouble(&waiting, NOW).unwrap(), "a is down, and is started again in 4.0 s.");
    }
}
