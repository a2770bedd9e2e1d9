//! Environments.

use app::model::EnvBlock;
use serde_json::Value;

use super::{Read, text, wrong};

/// The variables of `env` or `env_<name>`: numbers and switches become text, lists and objects JSON. `null` is not set.
pub(in crate::config) fn env(value: &Value) -> Read<EnvBlock> {
    let Value::Object(written) = value else { return wrong(value, "an object of names and values") };
    let mut env = EnvBlock::new();
    for (name, value) in written {
        if name.is_empty() || name.contains('=') || text::has_nul(name) {
            return Err(format!("{name:?} is not a name of a variable; it must not be empty or hold = or NUL"));
        }
        let Some(value) = variable(value) else { continue };
        if text::has_nul(&value) {
            return Err(format!("the value of {name} holds a NUL character, which no variable can"));
        }
        env.insert(name.clone(), value);
    }
    Ok(env)
}

fn variable(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Array(_) | Value::Object(_) => Some(value.to_string()),
        other => text::scalar(other),
    }
}

/// What an app does not inherit of the environment of the caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::config) enum Filter {
    /// Nothing is kept back.
    #[default]
    Nothing,
    /// Nothing is inherited.
    Everything,
    /// This variable is kept back.
    Name(String),
    /// Variables whose names contain one of these are kept back.
    Fragments(Vec<String>),
}

impl Filter {
    /// `filter_env`: a switch, a name, or a list of fragments of names.
    pub(in crate::config) fn read(value: &Value) -> Read<Self> {
        match value {
            Value::Bool(false) => Ok(Self::Nothing),
            Value::Bool(true) => Ok(Self::Everything),
            Value::String(name) => Ok(Self::Name(name.clone())),
            Value::Array(_) => text::list(value).map(Self::Fragments),
            other => wrong(other, "true, a name, or a list of fragments of names"),
        }
    }

    /// The environment without what is kept back.
    pub(in crate::config) fn apply(&self, env: &EnvBlock) -> EnvBlock {
        env.iter().filter(|(name, _)| self.passes(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    fn passes(&self, name: &str) -> bool {
        match self {
            Self::Nothing => true,
            Self::Everything => false,
            Self::Name(kept_back) => name != kept_back,
            Self::Fragments(fragments) => !fragments.iter().any(|fragment| name.contains(fragment.as_str())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};
    use serde_json::json;

    fn block(pairs: &[(&str, &str)]) -> EnvBlock {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn values_become_text() {
        check(
            env,
            [
                (
                    json!({"A": "x", "PORT": 8080, "RATE": 0.5, "ON": true, "LIST": [1, "b"], "MAP": {"k": 1}, "GONE": null, "E": ""}),
                    Some(block(&[
                        ("A", "x"),
                        ("PORT", "8080"),
                        ("RATE", "0.5"),
                        ("ON", "true"),
                        ("LIST", "[1,\"b\"]"),
                        ("MAP", "{\"k\":1}"),
                        ("E", ""),
                    ])),
                ),
                (json!({}), Some(block(&[]))),
                (json!("NODE_ENV=production"), None),
                (json!(["A"]), None),
                (json!({"A=B": "x"}), None),
                (json!({"": "x"}), None),
                (json!({"A": "x\u{0}"}), None),
            ],
        );
        let refused = env(&json!({"KEY": "secret\u{0}"})).unwrap_err();
        assert!(refused.contains("KEY") && !refused.contains("secret"), "{refused}");
    }

    #[test]
    fn filters() {
        let all = block(&[("AWS_KEY", "1"), ("AWS", "2"), ("HOME", "3")]);
        for (filter, left) in [
            (json!(false), "AWS AWS_KEY HOME"),
            (json!(true), ""),
            (json!("AWS"), "AWS_KEY HOME"),
            (json!(["AWS"]), "HOME"),
            (json!(["KEY", "HO"]), "AWS"),
            (json!([]), "AWS AWS_KEY HOME"),
        ] {
            let kept = Filter::read(&filter).unwrap().apply(&all);
            assert_eq!(kept.into_keys().collect::<Vec<_>>().join(" "), left, "{filter}");
        }
        check(Filter::read, [(json!(1), None), (json!({}), None)]);
    }
}
