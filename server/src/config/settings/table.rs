//! The keys of a TOML file by their full names: `logs.max_size`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::config::{
    finding::{Finding, Findings},
    keys,
    source::toml as source,
    value::Read,
};

/// What stands in the file and was not read yet.
pub(super) struct Table<'a> {
    file: &'a str,
    values: BTreeMap<String, Value>,
    /// Every key that was asked for.
    known: Vec<&'static str>,
    findings: &'a mut Findings,
}

impl<'a> Table<'a> {
    /// Reads the file as far as it is TOML.
    pub(super) fn parse(file: &'a str, text: &str, findings: &'a mut Findings) -> Result<Self, Finding> {
        let value = source::read(text).map_err(|fault| fault.found_in(file))?;
        let mut values = BTreeMap::new();
        for (key, value) in value.as_object().into_iter().flatten() {
            match value {
                Value::Object(section) => {
                    values.extend(section.iter().map(|(inner, value)| (format!("{key}.{inner}"), value.clone())))
                }
                value => drop(values.insert(key.clone(), value.clone())),
            }
        }
        Ok(Self { file, values, known: Vec::new(), findings })
    }

    /// Sets `field` if the key is there and right.
    pub(super) fn read<T>(&mut self, key: &'static str, field: &mut T, reader: impl FnOnce(&Value) -> Read<T>) {
        self.known.push(key);
        let Some(value) = self.values.remove(key) else { return };
        match reader(&value) {
            Ok(value) => *field = value,
            Err(message) => self.findings.errors.push(finding(self.file, key, message)),
        }
    }

    /// Tells what was not asked for.
    pub(super) fn finish(self) {
        for key in self.values.into_keys() {
            let section = self.known.iter().any(|known| known.starts_with(&format!("{key}.")));
            if section {
                self.findings.errors.push(finding(self.file, &key, format!("is not a table; write [{key}] and its keys below")));
                continue;
            }
            let hint =
                keys::nearest(&key, self.known.iter().copied()).map(|near| format!("; is {near} meant?")).unwrap_or_default();
            self.findings.warnings.push(finding(self.file, &key, format!("unknown key, it is ignored{hint}")));
        }
    }
}

fn finding(file: &str, key: &str, message: String) -> Finding {
    Finding { file: file.to_owned(), key: Some(key.to_owned()), message, ..Finding::default() }
}
