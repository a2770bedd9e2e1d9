//! Arguments: a list is taken as it is, a text is split as a shell would.

use serde_json::Value;

use super::{Read, shown, text, wrong};

/// The arguments.
pub(in crate::config) fn args(value: &Value) -> Read<Vec<String>> {
    let args = match value {
        Value::Array(items) => items.iter().map(one).collect::<Read<Vec<_>>>()?,
        Value::Object(_) | Value::Bool(_) => return wrong(value, "a list of arguments, or a text that a shell would split"),
        line => {
            split(&text::scalar(line).unwrap_or_default()).map_err(|why| format!("{} cannot be split: {why}", shown(line)))?
        }
    };
    match args.iter().any(|arg| text::has_nul(arg)) {
        true => Err("an argument cannot hold a NUL character".into()),
        false => Ok(args),
    }
}

/// The arguments of the interpreter. PM2 splits a text at each space, whatever the quotes.
pub(in crate::config) fn interpreter_args(value: &Value) -> Read<Vec<String>> {
    match value {
        Value::String(line) if !text::has_nul(line) => Ok(line.split_whitespace().map(str::to_owned).collect()),
        other => args(other),
    }
}

/// The words of a command line. An empty one, in quotes, is left out, as PM2 does; in a list it is kept.
pub(super) fn split(line: &str) -> Result<Vec<String>, &'static str> {
    let words = shell_words::split(line).map_err(|_| "a quote is not closed")?;
    Ok(words.into_iter().filter(|word| !word.is_empty()).collect())
}

fn one(value: &Value) -> Read<String> {
    match value {
        Value::Bool(yes) => Ok(yes.to_string()),
        other => text::scalar(other).map_or_else(|| wrong(other, "an argument; write a text"), Ok),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};
    use serde_json::json;

    fn some(words: &[&str]) -> Option<Vec<String>> {
        Some(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn arguments() {
        check(
            args,
            [
                (
                    json!("run --title 'two words' --path \"/a b/c\" -x=1"),
                    some(&["run", "--title", "two words", "--path", "/a b/c", "-x=1"]),
                ),
                (json!(["run", "two words", "$HOME", "", "*"]), some(&["run", "two words", "$HOME", "", "*"])),
                (json!(["-p", 8080, true]), some(&["-p", "8080", "true"])),
                (json!("-c \"it's\" a\\ b"), some(&["-c", "it's", "a b"])),
                (json!("a '' \"\" b"), some(&["a", "b"])),
                (json!(8080), some(&["8080"])),
                (json!(""), some(&[])),
                (json!([]), some(&[])),
                (json!("it's"), None),
                (json!("a\u{0}b"), None),
                (json!([["x"]]), None),
                (json!([{}]), None),
                (json!(true), None),
            ],
        );
    }

    #[test]
    fn of_the_interpreter() {
        check(
            interpreter_args,
            [
                (json!("--a  --b='x y'"), some(&["--a", "--b='x", "y'"])),
                (json!(["--b=x y"]), some(&["--b=x y"])),
                (json!("--a\u{0}"), None),
                (json!({}), None),
            ],
        );
    }
}
