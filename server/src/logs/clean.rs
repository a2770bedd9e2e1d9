//! Makes a line fit to be shown: what an app wrote must not steer the terminal or mislead the eyes of the reader.

/// Where in an escape sequence we are (ECMA-48 §5.3, 5.4, 5.6).
#[derive(Clone, Copy, PartialEq)]
enum State {
    Text,
    /// After ESC.
    Escape,
    /// In a control sequence: up to a byte from `@` to `~`.
    Control,
    /// In a control string (OSC, DCS, APC, PM, SOS): up to BEL or ST.
    String,
    /// After ESC in a control string.
    StringEscape,
}

/// The text of a line: invalid UTF-8 becomes U+FFFD; terminal escapes, other controls but TAB, and marks that change the
/// direction of writing are left out. A control string without its end stays as text, so that it hides nothing.
pub(super) fn clean(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = String::from_utf8_lossy(line);
    if !text.chars().any(is_control) {
        return text.into_owned();
    }
    let mut shown = String::with_capacity(text.len());
    let mut hidden = String::new();
    let mut state = State::Text;
    for c in text.chars() {
        state = step(state, c, &mut shown, &mut hidden);
    }
    if matches!(state, State::String | State::StringEscape) {
        shown.push_str(&hidden);
    }
    shown
}

/// Does it have no place in a text that is shown?
fn is_control(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{a}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn step(state: State, c: char, shown: &mut String, hidden: &mut String) -> State {
    match (state, c) {
        (State::Text, '\u{1b}') | (State::Escape | State::Control, '\u{1b}') => State::Escape,
        (State::String, '\u{1b}') => State::StringEscape,
        (State::StringEscape, '\\') => State::Text,
        (State::StringEscape, _) => step(State::Escape, c, shown, hidden),
        (State::String, '\u{7}' | '\u{9c}' | '\u{18}' | '\u{1a}') => State::Text,
        (State::String, _) => {
            if !is_control(c) {
                hidden.push(c);
            }
            State::String
        }
        (State::Escape, '[') | (State::Text, '\u{9b}') => State::Control,
        (State::Escape, ']' | 'P' | 'X' | '^' | '_') | (State::Text, '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}') => {
            hidden.clear();
            State::String
        }
        (State::Escape, ' '..='/') => State::Escape,
        (State::Escape, '0'..='~') | (State::Control, '@'..='~') => State::Text,
        (State::Control, ' '..='?') => State::Control,
        // What does not belong into a sequence ends it.
        (State::Escape | State::Control, _) => step(State::Text, c, shown, hidden),
        (State::Text, _) => {
            if !is_control(c) {
                shown.push(c);
            }
            State::Text
        }
    }
}

/// Panics if something comes through that steers a terminal.
#[cfg(any(test, feature = "fuzz"))]
pub(crate) fn probe(bytes: &[u8]) {
    let shown = clean(bytes);
    assert!(!shown.chars().any(is_control), "{shown:?}");
    assert_eq!(clean(shown.as_bytes()), shown, "it is not clean yet");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_sequences() {
        for (line, shown) in [
            (&b"\x1b[1;31mred\x1b[0m and\ttab\r"[..], "red and\ttab"),
            (b"\x1b]0;owned\x07\x1b[2Jvisible text", "visible text"),
            (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
            (b"\x1bPq#0;2\x1b\\a\x1b_G\x1b\\b\x1b^pm\x1b\\c", "abc"),
            ("\u{9b}2Ja\u{9d}0;t\u{9c}b\u{202e}c\u{2066}".as_bytes(), "abc"),
            (b"\x1b(Ba\x1b7b\x1b", "ab"),
            (b"a\x1b[12", "a"),
            (b"a\x1b]0;never ends", "a0;never ends"),
            (b"a\x1b[3\x1b[0mb\x08\x0b\x00\x7fc", "abc"),
            (b"half \xe2\x82 and \x9b2J", "half \u{fffd} and \u{fffd}2J"),
            ("naïve 🚀 日本".as_bytes(), "naïve 🚀 日本"),
        ] {
            assert_eq!(clean(line), shown, "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn no_control_comes_through(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0x1b), Just(0xc2), 0x90..0xa0_u8, 0x40..0x60_u8], 0..200)) {
            probe(&bytes);
        }

        #[test]
        fn plain_text_is_unchanged(text in "[^\\p{C}]{0,100}") {
            prop_assert_eq!(clean(text.as_bytes()), text);
        }
    }
}
