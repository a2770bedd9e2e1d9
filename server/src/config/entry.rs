//! An app as it was written, while it is read.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    finding::{Finding, Findings},
    keys::{self, Key},
    value::Read,
};

/// A value and the key under which it was written.
struct Given {
    written: String,
    place: usize,
    value: Value,
}

/// The keys of one app by their first names. What is wrong with them goes to `findings`.
pub(super) struct Entry<'a> {
    file: &'a str,
    app: String,
    values: BTreeMap<&'static str, Given>,
    environments: BTreeMap<String, (String, Value)>,
    findings: &'a mut Findings,
}

impl<'a> Entry<'a> {
    /// Sorts the keys of an app that is called `app` in messages.
    pub(super) fn new(file: &'a str, app: String, written: Map<String, Value>, findings: &'a mut Findings) -> Self {
        let mut entry = Self { file, app, values: BTreeMap::new(), environments: BTreeMap::new(), findings };
        for (key, value) in written {
            // PM2 takes `null` as not there.
            if value.is_null() {
                continue;
            }
            match keys::of_app(&key) {
                Key::Known(name, place) => entry.keep(name, Given { written: key, place, value }),
                Key::Environment(name) => {
                    let name = name.to_owned();
                    entry.environments.insert(name, (key, value));
                }
                Key::Unknown(near) => {
                    let hint = near.map(|near| format!("; is {near} meant?")).unwrap_or_default();
                    entry.warn(Some(&key), format!("unknown key, it is ignored{hint}"));
                }
            }
        }
        entry
    }

    /// Of several names for the same key the first one counts, as with PM2.
    fn keep(&mut self, name: &'static str, given: Given) {
        let (kept, dropped) = match self.values.remove(name) {
            None => {
                self.values.insert(name, given);
                return;
            }
            Some(before) if before.place <= given.place => (before, given),
            Some(before) => (given, before),
        };
        self.warn(Some(&dropped.written), format!("another name of {}, which is there too and counts", kept.written));
        self.values.insert(name, kept);
    }

    /// The value of a key as `reader` reads it. None if it is not there, or is wrong, which is noted.
    pub(super) fn read<T>(&mut self, key: &'static str, reader: impl FnOnce(&Value) -> Read<T>) -> Option<T> {
        let given = self.values.remove(key)?;
        match reader(&given.value) {
            Ok(value) => Some(value),
            Err(message) => {
                self.error(Some(&given.written), message);
                None
            }
        }
    }

    /// The value of `env_<name>`, and how the key was written.
    pub(super) fn environment(&mut self, name: &str) -> Option<(String, Value)> {
        self.environments.remove(name)
    }

    /// What was not asked for of `env_<name>`.
    pub(super) fn other_environments(&mut self) -> BTreeMap<String, (String, Value)> {
        std::mem::take(&mut self.environments)
    }

    /// Was this key given?
    pub(super) fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// From now on messages call the app so.
    pub(super) fn rename(&mut self, app: &str) {
        app.clone_into(&mut self.app);
    }

    /// Notes a mistake.
    pub(super) fn error(&mut self, key: Option<&str>, message: String) {
        let finding = self.finding(key, message);
        self.findings.errors.push(finding);
    }

    /// Notes what is odd.
    pub(super) fn warn(&mut self, key: Option<&str>, message: String) {
        let finding = self.finding(key, message);
        self.findings.warnings.push(finding);
    }

    fn finding(&self, key: Option<&str>, message: String) -> Finding {
        Finding { file: self.file.to_owned(), line: None, app: Some(self.app.clone()), key: key.map(str::to_owned), message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with<T>(written: Value, read: impl FnOnce(&mut Entry) -> T) -> (T, Findings) {
        let mut findings = Findings::default();
        let Value::Object(written) = written else { panic!("no object") };
        let value = read(&mut Entry::new("f", "a".into(), written, &mut findings));
        (value, findings)
    }

    #[test]
    fn the_first_name_counts() {
        let (value, findings) =
            with(json!({"cmd": 1, "exec": 2, "script": 3}), |entry| entry.read("script", |value| Ok(value.clone())));
        assert_eq!(value, Some(json!(3)));
        assert_eq!(findings.warnings.len(), 2);
        assert!(findings.warnings[1].to_string().contains("script"), "{:?}", findings.warnings);
    }

    #[test]
    fn null_is_not_there() {
        let (there, findings) = with(json!({"script": null, "exec": "x"}), |entry| (entry.has("script"), entry.has("cwd")));
        assert_eq!(there, (true, false));
        assert!(findings.warnings.is_empty());
    }

    #[test]
    fn mistakes_name_the_key_as_it_was_written() {
        let (value, findings) = with(json!({"killTimeout": 1}), |entry| entry.read::<()>("kill_timeout", |_| Err("no".into())));
        assert_eq!(value, None);
        assert_eq!(findings.errors[0].to_string(), "f: app \"a\": killTimeout: no");
    }
}
