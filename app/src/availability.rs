//! Availability in words, for the page and for the command line.

use crate::format;
use crate::model::{AvailabilitySpan, ErrorBudget, Outage, Time};

/// `99.93 %`. Rounded down: what was down for a moment was not there all the time.
#[must_use]
pub fn percent(percent: f64) -> String {
    [&format::hundredths((percent * 100.0).floor() / 100.0), " %"].concat()
}

/// `last 24 hours`, `last 7 days`.
#[must_use]
pub fn span_name(hours: u32) -> String {
    let (number, unit) = if hours <= 24 { (hours, " hours") } else { (hours / 24, " days") };
    ["last ", &number.to_string(), unit].concat()
}

/// `99.93 %, down for 1 m`.
#[must_use]
pub fn span(span: &AvailabilitySpan) -> String {
    match span.percent {
        None => "not wanted".to_owned(),
        Some(value) if span.down_ms == 0 => percent(value),
        Some(value) => [&percent(value), ", down for ", &lasted(span.down_ms)].concat(),
    }
}

/// `99.9 %: 21 m of 43 m left these 30 days`.
#[must_use]
pub fn budget(budget: &ErrorBudget) -> String {
    let left = match budget.left_ms {
        0 => [&format::span(budget.allowed_ms), " these 30 days are used up"].concat(),
        left => [&format::span(left), " of ", &format::span(budget.allowed_ms), " left these 30 days"].concat(),
    };
    [&target(budget.target_percent), " %: ", &left].concat()
}

/// As it was written, up to three decimals.
fn target(percent: f64) -> String {
    let thousandths = format::round(percent * 1000.0);
    let decimals = (1000 + thousandths % 1000).to_string();
    let text = [&(thousandths / 1000).to_string(), ".", decimals.get(1..).unwrap_or_default()].concat();
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Most are over before a figure would say something.
fn lasted(ms: u64) -> String {
    if ms < 100 { "a moment".into() } else { format::span(ms) }
}

/// `3 m: crash, exit 1`, `3 m so far: crash, exit 1`.
#[must_use]
pub fn outage(outage: &Outage, now: Time) -> String {
    let so_far = if outage.to.is_none() { " so far: " } else { ": " };
    [&lasted(outage.to.unwrap_or(now).since(outage.from)), so_far, &outage.message].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Cause;

    #[test]
    fn in_words() {
        let told = |percent, down_ms| span(&AvailabilitySpan { hours: 24, wanted_ms: 1, down_ms, percent });
        assert_eq!(told(Some(99.999), 800), "99.99 %, down for 0.8 s");
        assert_eq!(told(Some(99.999), 3), "99.99 %, down for a moment");
        assert_eq!(told(Some(100.0), 0), "100.00 %");
        assert_eq!(told(None, 0), "not wanted");
        assert_eq!([24, 168, 720].map(span_name), ["last 24 hours", "last 7 days", "last 30 days"]);
    }

    #[test]
    fn budgets() {
        let told = |target_percent, left_ms| budget(&ErrorBudget { target_percent, allowed_ms: 2_592_000, left_ms });
        assert_eq!(told(99.9, 1_260_000), "99.9 %: 21 m of 43 m left these 30 days");
        assert_eq!(told(99.95, 0), "99.95 %: 43 m these 30 days are used up");
        assert_eq!([99.0, 99.999, 50.05].map(target), ["99", "99.999", "50.05"]);
    }

    #[test]
    fn outages() {
        let one = |to| Outage { from: Time(0), to, cause: Cause::Crash, message: "crash, exit 1".into() };
        assert_eq!(outage(&one(Some(Time(180_000))), Time(900_000)), "3 m: crash, exit 1");
        assert_eq!(outage(&one(None), Time(900_000)), "15 m so far: crash, exit 1");
    }
}
