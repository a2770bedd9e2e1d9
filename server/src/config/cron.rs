//! Cron expressions: 5 fields, or 6 with seconds first, in the local time zone, as croner reads them for PM2.

use app::model::Time;
use croner::{
    Cron,
    parser::{CronParser, Year},
};
use jiff::{Timestamp, tz::TimeZone};

/// The next time after `after` that the expression names. None if there is none, or the expression is wrong.
#[must_use]
pub fn next_run(expression: &str, after: Time) -> Option<Time> {
    next_run_in(expression, after, TimeZone::system())
}

fn next_run_in(expression: &str, after: Time, zone: TimeZone) -> Option<Time> {
    let after = Timestamp::from_millisecond(after.0).ok()?.to_zoned(zone);
    let next = parse(expression).ok()?.find_next_occurrence(&after, false).ok()?;
    Some(Time(next.timestamp().as_millisecond()))
}

/// Is it one? The error says why not.
pub(super) fn check(expression: &str) -> Result<(), String> {
    parse(expression).map(drop)
}

fn parse(expression: &str) -> Result<Cron, String> {
    // Only so much can be meant, and the parser takes what it is given.
    if expression.len() > 200 {
        return Err("it is longer than 200 characters".into());
    }
    CronParser::builder().year(Year::Disallowed).build().parse(expression).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn next(expression: &str, after: &str) -> Option<String> {
        next_run_in(expression, after.parse().unwrap(), TimeZone::get("Europe/Berlin").unwrap()).map(|time| time.to_string())
    }

    #[test]
    fn next_runs() {
        for (expression, after, want) in [
            ("0 3 * * *", "2025-06-01T12:00:00Z", "2025-06-02T01:00:00.000Z"),
            ("*/3 * * * * *", "2025-06-01T12:00:00Z", "2025-06-01T12:00:03.000Z"),
            ("*/3 * * * * *", "2025-06-01T12:00:02.999Z", "2025-06-01T12:00:03.000Z"),
            ("0 0 * * SUN", "2025-06-02T00:00:00Z", "2025-06-07T22:00:00.000Z"),
            ("@daily", "2025-01-01T12:00:00Z", "2025-01-01T23:00:00.000Z"),
            // In the night of the change to summer time there is no half past two.
            ("30 2 * * *", "2025-03-29T12:00:00Z", "2025-03-30T01:00:00.000Z"),
        ] {
            assert_eq!(next(expression, after).as_deref(), Some(want), "{expression} after {after}");
        }
        assert_eq!(next("0 0 30 2 *", "2025-06-01T12:00:00Z"), None);
        assert_eq!(next("soon", "2025-06-01T12:00:00Z"), None);
    }

    #[test]
    fn wrong_ones() {
        for bad in ["", "soon", "* * * *", "61 * * * *", "* * * * * * *", "0 25 * * *", "0 0 * * 9", &"* ".repeat(1000)] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}", ms in -1_000_000_000_000_i64..100_000_000_000_000) {
            if let Some(next) = next_run(&text, Time(ms)) {
                prop_assert!(next > Time(ms));
            }
        }

        #[test]
        fn what_looks_like_one_is_read_or_refused(text in "([0-9*/,#LW?+@-]{1,4} ){4,6}[0-9*MON-]{1,3}") {
            let _ = next_run(&text, Time(1_765_473_224_408));
        }
    }
}
