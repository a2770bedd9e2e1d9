//! Places in all files of an app, as clients hold them: without meaning to them, and good even after a rotation.

use std::collections::HashMap;
use std::fmt::Write as _;

use app::model::Time;

use super::walk::Position;

const FORM: &str = "c1";

/// What `before` and `after` of a query may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    /// A time.
    Time(Time),
    /// Places by the mark of their file.
    Places(HashMap<String, Position>),
}

impl Edge {
    /// Reads a time or a cursor; none if it is neither.
    pub(super) fn read(text: &str) -> Option<Self> {
        if let Ok(time) = text.parse() {
            return Some(Self::Time(time));
        }
        let mut parts = text.split('.');
        if parts.next() != Some(FORM) {
            return None;
        }
        parts.map(place).collect::<Option<_>>().map(Self::Places)
    }
}

fn place(text: &str) -> Option<(String, Position)> {
    let (mark, rest) = text.split_once('-')?;
    let (sequence, offset) = rest.split_once('-')?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    Some((mark.to_owned(), Position { sequence: number(sequence)?, offset: number(offset)? }))
}

/// Writes a cursor, with nothing in it that a URL would have to escape.
pub(super) fn write(places: impl IntoIterator<Item = (String, Position)>) -> String {
    places.into_iter().fold(FORM.to_owned(), |mut text, (mark, at)| {
        let _ = write!(text, ".{mark}-{:x}-{:x}", at.sequence, at.offset);
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn there_and_back(places in prop::collection::hash_map("[0-9a-f]{10}", (any::<u64>(), any::<u64>()), 0..5)) {
            let places: HashMap<_, _> = places.into_iter().map(|(mark, (sequence, offset))| (mark, Position { sequence, offset })).collect();
            prop_assert_eq!(Edge::read(&write(places.clone())), Some(Edge::Places(places)));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(c1)?[.0-9a-f-]{0,40}|.{0,40}") {
            let _ = Edge::read(&text);
        }
    }

    #[test]
    fn times_are_edges() {
        assert_eq!(Edge::read("1970-01-01T00:00:01Z"), Some(Edge::Time(Time(1000))));
        assert_eq!(Edge::read("tomorrow"), None);
        assert_eq!(Edge::read("c1.xyz-1"), None);
    }
}
