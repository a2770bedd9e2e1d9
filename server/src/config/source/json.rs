//! JSON, evaluated as JavaScript as PM2 does, so that comments and trailing commas are allowed.

use std::path::Path;

use app::model::EnvBlock;
use serde_json::Value;

use super::{Fault, javascript};

pub(super) fn read(path: &Path, text: &str, environment: &EnvBlock) -> Result<Value, Fault> {
    match serde_json::from_str(text) {
        Ok(value) => Ok(value),
        Err(error) if text.trim().is_empty() => Err(Fault::new(format!("is empty ({error})"))),
        Err(_) => javascript::expression(path, text, environment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str) -> Result<Value, Fault> {
        super::read(Path::new("/srv/apps.json"), text, &EnvBlock::new())
    }

    #[test]
    fn values() {
        for text in ["[{\"a\": 1}]", "// apps\n[{ /* one */ a: 1, },]", "[{'a': 1 /* ) */}] // end"] {
            assert_eq!(read(text).unwrap(), json!([{"a": 1}]), "{text}");
        }
    }

    #[test]
    fn a_mistake_has_a_line() {
        let fault = read("{\n\"apps\": [}").unwrap_err();
        assert_eq!(fault.line, Some(2), "{fault:?}");
        assert!(read("").is_err());
    }
}
