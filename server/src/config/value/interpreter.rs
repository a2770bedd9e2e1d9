//! What runs a script.

use std::path::Path;

use app::model::{EnvBlock, Interpreter};
use serde_json::Value;

use super::{Read, text, wrong};

/// The program that runs a script with this ending, as PM2 chooses (`lib/API/interpreter.json` of PM2 7).
/// None if the ending tells nothing.
#[must_use]
pub fn by_ending(script: &str) -> Option<&'static str> {
    let ending = Path::new(script).extension()?.to_str()?;
    Some(match ending {
        "js" | "cjs" | "mjs" => "node",
        "ts" | "tsx" => "bun",
        "sh" => "bash",
        // PM2 prefers `python`, which may still be Python 2.
        "py" => "python3",
        "rb" => "ruby",
        "php" => "php",
        "pl" => "perl",
        "coffee" => "coffee",
        "ls" => "lsc",
        _ => return None,
    })
}

/// Is the script run by Node or Bun, so that it may be run in cluster mode?
#[must_use]
pub fn is_node(interpreter: &Interpreter, script: &str) -> bool {
    program_of(interpreter, script).ends_with("node") || is_bun(interpreter, script)
}

/// Is it run by Bun, which takes the place of Node but not its options?
#[must_use]
pub fn is_bun(interpreter: &Interpreter, script: &str) -> bool {
    program_of(interpreter, script).ends_with("bun")
}

fn program_of<'a>(interpreter: &'a Interpreter, script: &str) -> &'a str {
    match interpreter {
        Interpreter::None => "",
        Interpreter::ByEnding => by_ending(script).unwrap_or_default(),
        Interpreter::Program(program) => program.rsplit('/').next().unwrap_or(program),
    }
}

/// `interpreter`: a program or `none`. `node@18.2.0` is that version of Node where nvm has it.
pub(in crate::config) fn interpreter(value: &Value, environment: &EnvBlock) -> Read<Interpreter> {
    let written = text::text(value).or_else(|_| wrong(value, "an interpreter; write a program such as python3, or none"))?;
    if text::has_nul(&written) {
        return wrong(value, "an interpreter");
    }
    if written == "none" {
        return Ok(Interpreter::None);
    }
    match written.strip_prefix("node@") {
        Some(version) => of_nvm(version.trim_start_matches('v'), environment).map(Interpreter::Program),
        None => Ok(Interpreter::Program(written)),
    }
}

fn of_nvm(version: &str, environment: &EnvBlock) -> Read<String> {
    let sound = !version.is_empty() && version.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    let folder = environment.get("NVM_DIR").cloned().or_else(|| environment.get("HOME").map(|home| format!("{home}/.nvm")));
    let program = folder.filter(|_| sound).map(|folder| format!("{folder}/versions/node/v{version}/bin/node"));
    program.filter(|program| Path::new(program).is_file()).ok_or_else(|| {
        format!("nvm has no Node {version:?}; install it with `nvm install`, with all three numbers in the version, or write the path of a node")
    })
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};
    use serde_json::json;

    #[test]
    fn endings() {
        assert_eq!(by_ending("./a/server.js"), Some("node"));
        assert_eq!(by_ending("x.py"), Some("python3"));
        for itself in ["cloudflared", "/usr/bin/tool", "x.jar", ".js", "js", ""] {
            assert!(by_ending(itself).is_none(), "{itself}");
        }
    }

    #[test]
    fn node_or_not() {
        for (interpreter, script, node) in [
            (Interpreter::ByEnding, "a.js", true),
            (Interpreter::ByEnding, "a.ts", true),
            (Interpreter::ByEnding, "a.py", false),
            (Interpreter::Program("/opt/bin/node".into()), "a", true),
            (Interpreter::Program("python3".into()), "a.js", false),
            (Interpreter::None, "a.js", false),
        ] {
            assert_eq!(is_node(&interpreter, script), node, "{interpreter:?} {script}");
        }
    }

    #[test]
    fn written_ones() {
        let nvm = tempfile::tempdir().unwrap();
        let node = nvm.path().join("versions/node/v18.2.0/bin/node");
        std::fs::create_dir_all(node.parent().unwrap()).unwrap();
        std::fs::write(&node, "").unwrap();
        let environment = EnvBlock::from([("NVM_DIR".to_owned(), nvm.path().display().to_string())]);
        check(
            |value| interpreter(value, &environment),
            [
                (json!("none"), Some(Interpreter::None)),
                (json!("python3"), Some(Interpreter::Program("python3".into()))),
                (json!("node@18.2.0"), Some(Interpreter::Program(node.display().to_string()))),
                (json!("node@v18.2.0"), Some(Interpreter::Program(node.display().to_string()))),
                (json!("node@18"), None),
                (json!("node@../../x"), None),
                (json!(""), None),
                (json!(true), None),
            ],
        );
    }
}
