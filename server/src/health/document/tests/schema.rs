//! The words of JSON Schema 2020-12 that `schema.json` uses. A library for all of them would weigh more than what it checks;
//! a word that is not known here fails the test.

use regex::Regex;
use serde_json::Value;

/// What is wrong with a document, with the place.
pub(super) fn complaints(document: &Value) -> Vec<String> {
    let root: Value = serde_json::from_str(include_str!("../../schema.json")).unwrap();
    let mut found = Vec::new();
    check(&root, &root, document, "", &mut found);
    found
}

fn fits(root: &Value, schema: &Value, value: &Value) -> bool {
    let mut found = Vec::new();
    check(root, schema, value, "", &mut found);
    found.is_empty()
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    for (word, rule) in schema.as_object().unwrap() {
        let holds = match word.as_str() {
            "$schema" | "$defs" | "title" | "description" | "then" | "else" => true,
            "$ref" => {
                let target = root.pointer(rule.as_str().unwrap().strip_prefix('#').unwrap()).unwrap();
                check(root, target, value, at, found);
                true
            }
            "type" => match rule {
                Value::Array(kinds) => kinds.iter().any(|kind| is(value, kind)),
                kind => is(value, kind),
            },
            "enum" => rule.as_array().unwrap().contains(value),
            "const" => rule == value,
            "anyOf" => rule.as_array().unwrap().iter().any(|one| fits(root, one, value)),
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
            "pattern" => value.as_str().is_none_or(|text| Regex::new(rule.as_str().unwrap()).unwrap().is_match(text)),
            "required" => {
                !value.is_object() || rule.as_array().unwrap().iter().all(|key| value.get(key.as_str().unwrap()).is_some())
            }
            "properties" => {
                for (key, rule) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(key) {
                        check(root, rule, value, &format!("{at}/{key}"), found);
                    }
                }
                true
            }
            "additionalProperties" => {
                for (key, value) in value.as_object().unwrap() {
                    check(root, rule, value, &format!("{at}/{key}"), found);
                }
                true
            }
            "items" => {
                for (place, value) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, rule, value, &format!("{at}/{place}"), found);
                }
                true
            }
            "allOf" => {
                for one in rule.as_array().unwrap() {
                    check(root, one, value, at, found);
                }
                true
            }
            "if" => {
                let branch = if fits(root, rule, value) { "then" } else { "else" };
                if let Some(rule) = schema.get(branch) {
                    check(root, rule, value, at, found);
                }
                true
            }
            other => panic!("the schema uses the word {other}, which is not checked"),
        };
        if !holds {
            found.push(format!("{at}: {word} {rule} does not hold for {value}"));
        }
    }
}

fn is(value: &Value, kind: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("the schema uses the type {other}, which is not checked"),
    }
}
