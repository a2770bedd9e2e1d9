//! Figures as people read them. Integer arithmetic throughout: the float formatting of `core` would cost the browser 15 kB.

use crate::model::Time;

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// What stands where there is no figure.
pub const NOTHING: &str = "–";

/// `1,891`.
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// One decimal: `3.2`; whole from 100 on: `187`. What is below zero or no number counts as 0.
#[must_use]
pub fn decimal(value: f64) -> String {
    if value >= 99.95 {
        return thousands(round(value));
    }
    let tenths = round(value * 10.0);
    let mut text = (tenths / 10).to_string();
    text.push('.');
    text.push(char::from(b'0' + (tenths % 10) as u8));
    text
}

/// Two decimals, as load averages are told: `0.42`.
#[must_use]
pub fn hundredths(value: f64) -> String {
    let all = round(value * 100.0);
    let mut text = (all / 100).to_string();
    text.push('.');
    text.push(char::from(b'0' + (all / 10 % 10) as u8));
    text.push(char::from(b'0' + (all % 10) as u8));
    text
}

/// The nearest whole number that is not below 0.
#[must_use]
pub fn round(value: f64) -> u64 {
    (value + 0.5) as u64
}

/// A size in two parts, so that the unit may be set smaller: `("72", "MB")`, `("12.5", "GB")`. MiB, as PM2 counts.
#[must_use]
pub fn size_parts(mebibytes: f64) -> (String, &'static str) {
    match mebibytes {
        m if m >= 10_000.0 => (decimal(m / 1024.0), "GB"),
        m if m >= 1.0 || m <= 0.0 => (thousands(round(m)), "MB"),
        m => (round(m * 1024.0).to_string(), "kB"),
    }
}

/// `72 MB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    let (number, unit) = size_parts(bytes as f64 / 1_048_576.0);
    [number.as_str(), unit].join(" ")
}

/// How long, in at most two units: `0.4 s`, `41 s`, `3 m`, `6 h 12 m`, `2 d 19 h`.
#[must_use]
pub fn span(ms: u64) -> String {
    let (first, second) = match ms {
        0..10_000 if !ms.is_multiple_of(SECOND) => return decimal(ms as f64 / 1000.0) + " s",
        0..MINUTE => return (ms / SECOND).to_string() + " s",
        MINUTE..HOUR => return (ms / MINUTE).to_string() + " m",
        HOUR..DAY => ((ms / HOUR, " h"), (ms / MINUTE % 60, " m")),
        _ => ((ms / DAY, " d"), (ms / HOUR % 24, " h")),
    };
    let mut text = first.0.to_string() + first.1;
    if second.0 > 0 {
        text = text + " " + &second.0.to_string() + second.1;
    }
    text
}

/// How long, in words and one unit: `41 seconds`, `3 minutes`, `1 hour`, `2 days`.
#[must_use]
pub fn span_words(ms: u64) -> String {
    match ms {
        0..MINUTE => count(ms / SECOND, "second"),
        MINUTE..HOUR => count(ms / MINUTE, "minute"),
        HOUR..DAY => count(ms / HOUR, "hour"),
        _ => count(ms / DAY, "day"),
    }
}

/// `1 restart`, `6 restarts`.
#[must_use]
pub fn count(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    [thousands(number).as_str(), " ", noun, ending].concat()
}

/// `20:41:07`; the time was moved into its zone before.
#[must_use]
pub fn clock(local: Time) -> String {
    let (h, m, s, _) = local.clock();
    [two(h).as_str(), ":", &two(m), ":", &two(s)].concat()
}

/// `20:41`.
#[must_use]
pub fn clock_short(local: Time) -> String {
    let (h, m, _, _) = local.clock();
    [two(h).as_str(), ":", &two(m)].concat()
}

/// `20:41:07.201`.
#[must_use]
pub fn clock_exact(local: Time) -> String {
    let ms = 1000 + local.clock().3;
    [clock(local).as_str(), ".", &ms.to_string()[1..]].concat()
}

/// `today`, `yesterday`, `21 Nov`, `21 Nov 2024`; both times in the zone of the reader.
#[must_use]
pub fn day(local: Time, local_now: Time) -> String {
    let date = local.date();
    if date == local_now.date() {
        return "today".into();
    }
    if date == (local_now - DAY as i64).date() {
        return "yesterday".into();
    }
    if date.0 == local_now.date().0 { day_of_year(local) } else { date_and_year(local) }
}

/// `21 Nov 2024`.
#[must_use]
pub fn date_and_year(local: Time) -> String {
    [day_of_year(local).as_str(), " ", &local.date().0.to_string()].concat()
}

fn day_of_year(local: Time) -> String {
    let (_, month, day) = local.date();
    let name = MONTHS.get(month as usize - 1).copied().unwrap_or_default();
    [day.to_string().as_str(), " ", name].concat()
}

/// The clock alone for today, else the day before it: `20:41:07`, `yesterday 20:41`, `21 Nov 20:41`.
#[must_use]
pub fn moment(local: Time, local_now: Time) -> String {
    match day(local, local_now) {
        today if today == "today" => clock(local),
        day => [day.as_str(), " ", &clock_short(local)].concat(),
    }
}

/// The clock for today, else the day: `20:41:07`, `yesterday`, `21 Nov`.
#[must_use]
pub fn clock_or_day(local: Time, local_now: Time) -> String {
    match day(local, local_now) {
        today if today == "today" => clock(local),
        day => day,
    }
}

/// Two hexadecimal digits for each byte.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| DIGITS[usize::from(digit)]).collect()
}

fn two(number: u32) -> String {
    (100 + number).to_string()[1..].into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers() {
        assert_eq!([0, 999, 1891, 1_234_567].map(thousands), ["0", "999", "1,891", "1,234,567"]);
        assert_eq!(
            [0.0, 0.04, 3.24, 9.96, 99.94, 99.96, 1234.5].map(decimal),
            ["0.0", "0.0", "3.2", "10.0", "99.9", "100", "1,235"]
        );
        assert_eq!([f64::NAN, -3.0].map(decimal), ["0.0", "0.0"]);
        assert_eq!([0.42, 0.5, 12.345].map(hundredths), ["0.42", "0.50", "12.35"]);
        assert_eq!(hex(&[0, 10, 255]), "000aff");
    }

    #[test]
    fn sizes() {
        let mb = 1_048_576;
        assert_eq!(
            [0, 300 * 1024, 72 * mb, 3868 * mb, 12_800 * mb].map(size),
            ["0 MB", "300 kB", "72 MB", "3,868 MB", "12.5 GB"]
        );
    }

    #[test]
    fn spans() {
        let told = [0, 400, 3000, 41_000, 9 * MINUTE, 22_320_000, HOUR, 2 * DAY + 19 * HOUR].map(span);
        assert_eq!(told, ["0 s", "0.4 s", "3 s", "41 s", "9 m", "6 h 12 m", "1 h", "2 d 19 h"]);
        let words = [1000, 3 * MINUTE, HOUR, 50 * HOUR].map(span_words);
        assert_eq!(words, ["1 second", "3 minutes", "1 hour", "2 days"]);
    }

    #[test]
    fn times() {
        let time = Time(1_765_473_224_048);
        assert_eq!((clock(time), clock_exact(time)), ("17:13:44".into(), "17:13:44.048".into()));
        let now = Time(1_765_490_000_000);
        assert_eq!(moment(time, now), "17:13:44");
        assert_eq!(moment(time, now + DAY as i64), "yesterday 17:13");
        assert_eq!(day(time, now + 5 * DAY as i64), "11 Dec");
        assert_eq!(day(time, now + 50 * DAY as i64), "11 Dec 2025");
    }

    proptest! {
        #[test]
        fn any_figure_is_written(value in any::<f64>(), ms in any::<u64>(), time in -62_000_000_000_000_i64..253_000_000_000_000) {
            for text in [decimal(value), hundredths(value), size_parts(value).0, span(ms), span_words(ms), clock_exact(Time(time))] {
                prop_assert!(!text.is_empty());
            }
        }
    }
}
