//! An instant as the API writes it. Own code because a date library would weigh more in the browser than the rest of the model.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const DAY_MS: i64 = 86_400_000;

/// An instant in milliseconds since 1970-01-01T00:00:00Z, written as RFC 3339 in UTC with milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

/// A text that is no RFC 3339 time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseTimeError;

impl fmt::Display for ParseTimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a time like 2026-01-31T12:00:00.000Z")
    }
}

impl std::error::Error for ParseTimeError {}

impl Time {
    /// The instant so many milliseconds after the epoch.
    #[must_use]
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn ms(self) -> i64 {
        self.0
    }

    /// Milliseconds from `earlier` to this instant, 0 if the clock went back.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        u64::try_from(self.0 - earlier.0).unwrap_or(0)
    }

    /// Year, month (1–12) and day of the month in UTC (days-from-civil by Howard Hinnant, public domain).
    #[must_use]
    pub fn date(self) -> (i64, u32, u32) {
        let days = self.0.div_euclid(DAY_MS) + 719_468;
        let era = days.div_euclid(146_097);
        let doe = days.rem_euclid(146_097);
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = doy - (153 * mp + 2) / 5 + 1;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        let year = yoe + era * 400 + i64::from(month <= 2);
        (year, month as u32, day as u32)
    }

    /// Hour, minute, second and millisecond of the day in UTC.
    #[must_use]
    pub fn clock(self) -> (u32, u32, u32, u32) {
        let ms = self.0.rem_euclid(DAY_MS) as u32;
        (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000)
    }
}

impl Add<i64> for Time {
    type Output = Self;
    /// The instant so many milliseconds later.
    fn add(self, ms: i64) -> Self {
        Self(self.0 + ms)
    }
}

impl Sub<i64> for Time {
    type Output = Self;
    /// The instant so many milliseconds earlier.
    fn sub(self, ms: i64) -> Self {
        Self(self.0 - ms)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        let (h, m, s, ms) = self.clock();
        write!(f, "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{ms:03}Z")
    }
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    era * 146_097 + doe - 719_468
}

impl FromStr for Time {
    type Err = ParseTimeError;

    fn from_str(text: &str) -> Result<Self, ParseTimeError> {
        let b = text.as_bytes();
        if b.len() < 20 || !text.is_ascii() {
            return Err(ParseTimeError);
        }
        let number = |from: usize, to: usize| -> Result<i64, ParseTimeError> {
            let part = &text[from..to];
            if part.bytes().all(|c| c.is_ascii_digit()) { part.parse().map_err(|_| ParseTimeError) } else { Err(ParseTimeError) }
        };
        let separators = b[4] == b'-' && b[7] == b'-' && matches!(b[10], b'T' | b't' | b' ') && b[13] == b':' && b[16] == b':';
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        if !separators || !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
            return Err(ParseTimeError);
        }
        let mut rest = &text[19..];
        let mut ms = 0;
        if let Some(fraction) = rest.strip_prefix('.') {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 {
                return Err(ParseTimeError);
            }
            ms = format!("{:0<3}", &fraction[..digits.min(3)]).parse().map_err(|_| ParseTimeError)?;
            rest = &fraction[digits..];
        }
        let offset_minutes = match rest.as_bytes() {
            [b'Z' | b'z'] => 0,
            [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] if [h1, h2, m1, m2].iter().all(|c| c.is_ascii_digit()) => {
                let digit = |c: &u8| i64::from(c - b'0');
                let minutes = (digit(h1) * 10 + digit(h2)) * 60 + digit(m1) * 10 + digit(m2);
                if *sign == b'-' { -minutes } else { minutes }
            }
            _ => return Err(ParseTimeError),
        };
        let days = days_from_civil(year, month, day);
        Ok(Self(days * DAY_MS + ((hour * 60 + minute - offset_minutes) * 60 + second) * 1000 + ms))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "ssr")]
impl utoipa::PartialSchema for Time {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::DateTime)))
            .description(Some("RFC 3339, UTC, milliseconds"))
            .into()
    }
}

#[cfg(feature = "ssr")]
impl utoipa::ToSchema for Time {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_instants() {
        assert_eq!(Time(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Time(1_765_473_224_408).to_string(), "2025-12-11T17:13:44.408Z");
        assert_eq!("2025-12-11T18:13:44.4+01:00".parse(), Ok(Time(1_765_473_224_400)));
        for bad in ["", "yesterday", "2025-12-11", "2025-13-11T17:13:44Z", "2025-12-11T17:13:44", "2025-12-11T17:13:44.Z"] {
            assert_eq!(bad.parse::<Time>(), Err(ParseTimeError), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn text_and_back(ms in -62_000_000_000_000_i64..253_000_000_000_000) {
            prop_assert_eq!(Time(ms).to_string().parse(), Ok(Time(ms)));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _ = text.parse::<Time>();
        }
    }
}
