//! Which page an address names, and the address of a page. The same on the server and in the browser.

use serde::{Deserialize, Serialize};

use crate::model::Time;

/// How far back the charts of an app look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Range {
    /// 15 minutes.
    #[default]
    Quarter,
    /// 1 hour.
    Hour,
    /// 6 hours.
    Shift,
    /// 24 hours.
    Day,
    /// 7 days.
    Week,
    /// 30 days.
    Month,
}

impl Range {
    /// Every range, shortest first.
    pub const ALL: [Self; 6] = [Self::Quarter, Self::Hour, Self::Shift, Self::Day, Self::Week, Self::Month];

    /// The word in the address: `24h`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Quarter => "15m",
            Self::Hour => "1h",
            Self::Shift => "6h",
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }

    /// As it stands on its button: `24 h`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Quarter => "15 m",
            Self::Hour => "1 h",
            Self::Shift => "6 h",
            Self::Day => "24 h",
            Self::Week => "7 d",
            Self::Month => "30 d",
        }
    }

    /// Its length in ms.
    #[must_use]
    pub const fn ms(self) -> i64 {
        let minutes = match self {
            Self::Quarter => 15,
            Self::Hour => 60,
            Self::Shift => 360,
            Self::Day => 1440,
            Self::Week => 10_080,
            Self::Month => 43_200,
        };
        minutes * 60_000
    }

    /// The shortest that reaches from `now` back to `time` and a little further.
    #[must_use]
    pub fn reaching(time: Time, now: Time) -> Self {
        let needed = (now.0 - time.0).max(0) / 10 * 11;
        Self::ALL.into_iter().find(|range| range.ms() >= needed).unwrap_or(Self::Month)
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|range| range.word() == word)
    }
}

/// A page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Route {
    /// Everything at a glance.
    Overview,
    /// One app.
    App {
        /// Its name.
        name: String,
        /// How far back the charts look; as far as `at` needs if none was told.
        range: Option<Range>,
        /// The moment that is looked at.
        at: Option<Time>,
    },
    /// What happened.
    Events,
    /// No page.
    Unknown,
}

impl Route {
    /// Reads a path, and a query without its `?`.
    #[must_use]
    pub fn parse(path: &str, query: &str) -> Self {
        let path = path.trim_end_matches('/');
        match path {
            "" => Self::Overview,
            "/events" => Self::Events,
            _ => match path.strip_prefix("/apps/") {
                Some(name) if !name.contains('/') => {
                    let field = |wanted: &str| {
                        query
                            .split('&')
                            .filter_map(|pair| pair.split_once('='))
                            .find(|(key, _)| *key == wanted)
                            .map(|(_, value)| decode(value))
                    };
                    let range = field("range").and_then(|word| Range::from_word(&word));
                    let at = field("at").and_then(|text| text.parse().ok());
                    Self::App { name: decode(name), range, at }
                }
                _ => Self::Unknown,
            },
        }
    }

    /// Reads `path?query`, as it stands in a request.
    #[must_use]
    pub fn parse_target(target: &str) -> Self {
        let target = target.split('#').next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self::parse(path, query)
    }

    /// The page of an app.
    #[must_use]
    pub fn app(name: &str) -> Self {
        Self::App { name: name.into(), range: None, at: None }
    }

    /// Its address.
    #[must_use]
    pub fn href(&self) -> String {
        match self {
            Self::Overview | Self::Unknown => "/".into(),
            Self::Events => "/events".into(),
            Self::App { name, range, at } => {
                let mut text = "/apps/".to_owned() + &encode(name);
                let mut joint = '?';
                if let Some(range) = range {
                    text = text + "?range=" + range.word();
                    joint = '&';
                }
                if let Some(at) = at {
                    text.push(joint);
                    text = text + "at=" + &at.to_string();
                }
                text
            }
        }
    }

    /// How far back the charts look.
    #[must_use]
    pub fn range(&self, now: Time) -> Range {
        match self {
            Self::App { range: Some(range), .. } => *range,
            Self::App { at: Some(at), .. } => Range::reaching(*at, now),
            _ => Range::default(),
        }
    }
}

/// Text as a segment of a path (RFC 3986: everything but the unreserved characters becomes `%XX`).
#[must_use]
pub fn encode(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.extend(['%', char::from(HEX[usize::from(byte >> 4)]), char::from(HEX[usize::from(byte & 15)])]);
        }
    }
    encoded
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok()).filter(|_| *first == b'%');
        if let Some(byte) = digits.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            bytes.push(byte);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses() {
        assert_eq!(Route::parse_target("/"), Route::Overview);
        assert_eq!(Route::parse_target("/events/?x=1#y"), Route::Events);
        assert_eq!(Route::parse_target("/apps/a/b"), Route::Unknown);
        let at = Some(Time(1_765_473_224_408));
        let route = Route::App { name: "<a> /ü?".into(), range: Some(Range::Day), at };
        assert_eq!(route.href(), "/apps/%3Ca%3E%20%2F%C3%BC%3F?range=24h&at=2025-12-11T17:13:44.408Z");
        assert_eq!(Route::parse_target(&route.href()), route);
        assert_eq!(Route::parse_target("/apps/100%?range=2h&at=noon"), Route::app("100%"));
    }

    #[test]
    fn ranges() {
        let now = Time(10_000_000_000);
        let back = |minutes: i64| Range::reaching(now - minutes * 60_000, now);
        assert_eq!(
            [back(5), back(14), back(59), back(600), back(90_000)],
            [Range::Quarter, Range::Hour, Range::Shift, Range::Day, Range::Month]
        );
    }

    proptest! {
        #[test]
        fn an_address_leads_back(name in "[^/]{1,20}", range in proptest::option::of(0..6_usize), at in proptest::option::of(0..4_000_000_000_000_i64)) {
            let route = Route::App { name, range: range.map(|index| Range::ALL[index]), at: at.map(Time) };
            prop_assert_eq!(Route::parse_target(&route.href()), route);
        }

        #[test]
        fn any_address_is_read(target in ".{0,60}") {
            let _ = Route::parse_target(&target);
        }
    }
}
