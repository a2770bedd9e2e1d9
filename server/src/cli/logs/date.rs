//! Dates in the words of day.js, in which PM2's `log_date_format` is written (<https://day.js.org/docs/en/display/format>).

use app::model::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// Each word of day.js, a longer one before its beginnings, and what `strftime` calls it.
const WORDS: &[(&str, &str)] = &[
    ("YYYY", "%Y"),
    ("YY", "%y"),
    ("MMMM", "%B"),
    ("MMM", "%b"),
    ("MM", "%m"),
    ("M", "%-m"),
    ("dddd", "%A"),
    ("ddd", "%a"),
    ("d", "%w"),
    ("DD", "%d"),
    ("D", "%-d"),
    ("HH", "%H"),
    ("H", "%-H"),
    ("hh", "%I"),
    ("h", "%-I"),
    ("mm", "%M"),
    ("m", "%-M"),
    ("ss", "%S"),
    ("s", "%-S"),
    ("SSS", "%3f"),
    ("ZZ", "%z"),
    ("Z", "%:z"),
    ("A", "%p"),
    ("a", "%P"),
];

/// The time in this format, in the time zone of the caller.
pub(super) fn shown(time: Time, format: &str) -> String {
    let Ok(time) = Timestamp::from_millisecond(time.ms()) else { return time.to_string() };
    in_words(&time.to_zoned(TimeZone::system()), format)
}

fn in_words(time: &Zoned, format: &str) -> String {
    let mut shown = String::new();
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        // What stands in brackets is no word.
        if let Some((quoted, behind)) = rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            shown.push_str(quoted);
            rest = behind;
        } else if let Some((word, name)) = WORDS.iter().find(|(word, _)| rest.starts_with(word)) {
            shown.push_str(&time.strftime(name).to_string());
            rest = &rest[word.len()..];
        } else {
            shown.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_day_js() {
        let time: Zoned = "2026-01-31T09:05:07.042+05:30[+05:30]".parse().unwrap();
        for (format, wanted) in [
            ("YYYY-MM-DD HH:mm:ss Z", "2026-01-31 09:05:07 +05:30"),
            ("YY/M/D H:m:s.SSS ZZ", "26/1/31 9:5:7.042 +0530"),
            ("ddd MMM DD [at] hh A", "Sat Jan 31 at 09 AM"),
            ("[at] ü HH", "at ü 09"),
            ("", ""),
        ] {
            assert_eq!(in_words(&time, format), wanted, "{format}");
        }
    }
}
