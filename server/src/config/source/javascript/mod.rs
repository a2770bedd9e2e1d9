//! JavaScript, by the embedded engine; by Node where the file needs more than that has and Node is on the machine.

mod engine;
mod modules;
mod node;
#[cfg(test)]
mod tests;

use std::path::Path;

use app::model::EnvBlock;
use serde::Deserialize;
use serde_json::Value;

use super::{Evaluated, Fault};

/// What a text is evaluated as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A value by itself.
    Expression,
    /// A CommonJS module.
    CommonJs,
    /// An ES module.
    Module,
}

/// Why the embedded engine gave no value.
#[derive(Debug)]
enum Trouble {
    /// The file itself is wrong, or takes too long.
    Wrong(Fault),
    /// The engine does not understand it; Node might.
    Unclear(Fault),
    /// It needs what the engine does not have.
    Lacking(Fault),
}

/// What both engines answer with: the value, and the environment as the file left it.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    value: Value,
    env: serde_json::Map<String, Value>,
}

impl Answer {
    fn parse(json: &str) -> Result<Evaluated, Fault> {
        let answer: Self =
            serde_json::from_str(json).map_err(|error| Fault::new(format!("what it exports is no configuration: {error}")))?;
        let environment = answer.env.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect();
        Ok(Evaluated { value: answer.value, environment })
    }
}

/// A JSON text with comments and the like.
pub(super) fn expression(path: &Path, text: &str, environment: &EnvBlock) -> Result<Value, Fault> {
    match engine::run(path, text, Kind::Expression, environment) {
        Ok(evaluated) => Ok(evaluated.value),
        Err(Trouble::Wrong(fault) | Trouble::Unclear(fault) | Trouble::Lacking(fault)) => Err(fault),
    }
}

/// A CommonJS module; an ES module too, where it can be nothing else, as Node sees it.
pub(super) fn common_js(path: &Path, text: &str, environment: &EnvBlock) -> Result<Evaluated, Fault> {
    let first = engine::run(path, text, Kind::CommonJs, environment);
    let is_module = |text: &str| text.lines().any(|line| line.starts_with("export ") || line.starts_with("import "));
    match first {
        Err(Trouble::Unclear(_)) if is_module(text) => module(path, text, environment),
        other => or_node(path, environment, other),
    }
}

/// An ES module.
pub(super) fn module(path: &Path, text: &str, environment: &EnvBlock) -> Result<Evaluated, Fault> {
    or_node(path, environment, engine::run(path, text, Kind::Module, environment))
}

fn or_node(path: &Path, environment: &EnvBlock, first: Result<Evaluated, Trouble>) -> Result<Evaluated, Fault> {
    let (fault, lacking) = match first {
        Ok(evaluated) => return Ok(evaluated),
        Err(Trouble::Wrong(fault)) => return Err(fault),
        Err(Trouble::Unclear(fault)) => (fault, false),
        Err(Trouble::Lacking(fault)) => (fault, true),
    };
    match node::evaluate(path, environment) {
        None if lacking => {
            Err(Fault { message: format!("{}; it needs Node, and there is none in PATH", fault.message), ..fault })
        }
        None => Err(fault),
        Some(Ok(evaluated)) => Ok(evaluated),
        // Of the two Node knows better what the file lacks, and the engine what is wrong in it.
        Some(Err(by_node)) => Err(if lacking { by_node } else { fault }),
    }
}

/// The line in `path` that a stack names first.
fn line_in(stack: &str, path: &Path) -> Option<u32> {
    let place = format!("{}:", path.display());
    stack.match_indices(&place).find_map(|(at, _)| {
        let digits: String = stack[at + place.len()..].chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    })
}
