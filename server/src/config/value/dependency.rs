//! What an app waits for at its start.

use app::model::{Dependency, Until};
use serde_json::Value;

use super::{Read, text, wrong};

const WANTED: &str = "names of apps, or an object such as { db: \"healthy\" }, with started, ready, healthy or completed";

/// `depends_on`: names, or names with how far each has to be, as in Docker Compose.
pub(in crate::config) fn dependencies(value: &Value) -> Read<Vec<Dependency>> {
    let Value::Object(entries) = value else {
        let names = text::list(value).or_else(|_| wrong(value, WANTED))?;
        return Ok(names.into_iter().map(|app| Dependency { app, until: Until::Ready }).collect());
    };
    let read = |(app, until): (&String, &Value)| {
        let word = if until.is_object() { &until["condition"] } else { until };
        let until = word.as_str().and_then(Until::from_word);
        until.map_or_else(|| wrong(value, WANTED), |until| Ok(Dependency { app: app.clone(), until }))
    };
    entries.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_or_conditions() {
        let read = |value: Value| {
            let read = dependencies(&value).ok()?;
            Some(read.into_iter().map(|one| format!("{} {}", one.app, one.until.word())).collect::<Vec<_>>())
        };
        let some = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(read(json!("db")), some(&["db ready"]));
        assert_eq!(read(json!(["db", "cache"])), some(&["db ready", "cache ready"]));
        assert_eq!(
            read(json!({"db": "completed", "web": {"condition": "service_healthy"}})),
            some(&["db completed", "web healthy"])
        );
        for wrong in [json!({"db": "gone"}), json!({"db": 1}), json!({"db": {}}), json!(true), json!([{}])] {
            assert_eq!(read(wrong.clone()), None, "{wrong}");
        }
    }
}
