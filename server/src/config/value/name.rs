//! Names of apps, which stand in URLs, file names and command lines; and words that stand in a table.

use serde_json::Value;

use super::{Read, shown, text};

/// What a name may be, for those who wrote another.
const ALLOWED: &str =
    "a name has 1 to 128 characters, no / or \\ and no control character, does not begin with -, and is not all, . or ..";

/// The name of an app.
pub(in crate::config) fn name(value: &Value) -> Read<String> {
    match text::scalar(value) {
        Some(name) => check(&name).map(|()| name),
        None => Err(format!("{} is no name; {ALLOWED}", shown(value))),
    }
}

/// May an app be called so?
///
/// # Errors
/// What a name may be.
pub fn check(name: &str) -> Read<()> {
    let sound = !name.trim().is_empty()
        && name.chars().count() <= 128
        && !name.chars().any(|c| c.is_control() || is_direction(c) || c == '/' || c == '\\')
        && !matches!(name, "." | ".." | "all")
        && !name.starts_with('-');
    if sound { Ok(()) } else { Err(format!("{} is not allowed; {ALLOWED}", shown(&Value::from(name)))) }
}

/// Does it turn the text around it (Unicode's bidirectional controls), so that it reads as another one?
#[must_use]
pub fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The name of an app that has none: its script without folders and ending, as PM2 calls it.
pub(in crate::config) fn of_script(script: &str) -> &str {
    let last = script.trim_end_matches('/').rsplit('/').next().unwrap_or(script);
    match last.rfind('.') {
        Some(dot) if dot > 0 => &last[..dot],
        _ => last,
    }
}

/// The name of a layer or a namespace: short, on one line.
pub(in crate::config) fn label(value: &Value) -> Read<String> {
    let label = text::text(value)?;
    match label.chars().count() <= 200 && !label.chars().any(char::is_control) {
        true => Ok(label),
        false => Err(format!("{} is not allowed; write at most 200 characters without control characters", shown(value))),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check as table, *};
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn names() {
        let same = |name: &str| (json!(name), Some(name.to_owned()));
        let refused = |name: &str| (json!(name), None);
        table(name, ["api", "my app", "web-1", "a.b", "ünïcode", "shop:web", "...", &"a".repeat(128)].map(same));
        table(
            name,
            ["", "  ", "all", ".", "..", "../x", "a/b", "a\\b", "-x", "a\nb", "a\u{1b}[31m", "a\u{202e}b", &"a".repeat(129)]
                .map(refused),
        );
        table(name, [(json!(3000), Some("3000".into())), (json!(true), None), (json!(["a"]), None)]);
        assert!(name(&json!("a/b")).unwrap_err().contains("128"));
    }

    #[test]
    fn names_of_scripts() {
        for (script, name) in [
            ("./gateway-3333.js", "gateway-3333"),
            ("cloudflared", "cloudflared"),
            ("/opt/a.b/server.min.js", "server.min"),
            ("bin/.hidden", ".hidden"),
            ("dist/", "dist"),
            ("/", ""),
        ] {
            assert_eq!(of_script(script), name, "{script}");
        }
    }

    #[test]
    fn labels() {
        table(
            label,
            [
                (json!("CORE SERVICES"), Some("CORE SERVICES".into())),
                (json!("x".repeat(200)), Some("x".repeat(200))),
                (json!("x".repeat(201)), None),
                (json!("a\nb"), None),
                (json!(""), None),
            ],
        );
    }

    proptest! {
        #[test]
        fn what_is_allowed_is_one_part_of_a_path(text in ".{0,10}") {
            if check(&text).is_ok() {
                prop_assert_eq!(std::path::Path::new(&text).components().count(), 1);
            }
        }
    }
}
