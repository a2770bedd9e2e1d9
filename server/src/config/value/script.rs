//! `script`: a program, a file, or a whole command line.

use std::path::{Path, PathBuf};

use app::model::EnvBlock;
use serde_json::Value;

use super::{Read, args, name, shown, text, wrong};
use crate::config::paths;

/// What is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct Command {
    /// A path, a word to look up in `PATH`, or a line for a shell.
    pub(in crate::config) script: String,
    /// Arguments that stood in the same text.
    pub(in crate::config) args: Vec<String>,
    /// Is `script` a line for a shell?
    pub(in crate::config) shell: bool,
    /// What an app that runs it is called if it has no name.
    pub(in crate::config) name: String,
}

/// Reads `script`. With a space in it, unless there is such a file, it is a command line, as with PM2: split into words
/// where it needs no shell, so that there is none between us and the program.
pub(in crate::config) fn command(value: &Value, cwd: &Path, home: Option<&str>) -> Read<Command> {
    let Some(written) = value.as_str().filter(|text| !text.trim().is_empty() && !text::has_nul(text)) else {
        return wrong(value, "a script; write a path, a program or a command line");
    };
    let plain = |script: String| Command { name: name::of_script(&script).to_owned(), script, args: Vec::new(), shell: false };
    if written.starts_with('~') && home.is_some() && !written.contains(' ') {
        return Ok(plain(paths::text(&paths::resolve(cwd, written, home))));
    }
    if !written.trim().contains(char::is_whitespace) || paths::resolve(cwd, written, home).is_file() {
        return Ok(plain(written.trim().to_owned()));
    }
    // PM2 calls a command line by all of it.
    let name = |first: &str| if name::check(written).is_ok() { written } else { name::of_script(first) }.to_owned();
    if needs_shell(written) {
        let first = written.split_whitespace().next().unwrap_or_default();
        return Ok(Command { name: name(first), script: written.to_owned(), args: Vec::new(), shell: true });
    }
    let mut words = args::split(written).map_err(|why| format!("{} cannot be split: {why}", shown(value)))?.into_iter();
    match words.next().filter(|script| !script.is_empty()) {
        Some(script) => Ok(Command { name: name(&script), script, args: words.collect(), shell: false }),
        None => wrong(value, "a command line; it names no program"),
    }
}

/// Does the line use what only a shell can do: expansion, redirection, several commands?
fn needs_shell(line: &str) -> bool {
    // A setting before the command: `PORT=1 node x.js`.
    let first = line.trim_start().split(char::is_whitespace).next().unwrap_or_default();
    if first
        .split_once('=')
        .is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
    {
        return true;
    }
    let (mut quote, mut escaped) = (None, false);
    for c in line.chars() {
        if escaped {
            escaped = false;
            continue;
        }
        match (quote, c) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (Some('\''), _) => {}
            (_, '\\') => escaped = true,
            (_, '$' | '`') => return true,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '|' | '&' | ';' | '<' | '>' | '(' | ')' | '*' | '?' | '[' | '{' | '~' | '#' | '!' | '\n') => return true,
            (None, _) => {}
        }
    }
    false
}

/// Where the program of a command is now: the file itself, or what `PATH` has for a word without a slash.
pub(in crate::config) fn find(script: &str, cwd: &Path, environment: &EnvBlock) -> Option<PathBuf> {
    let file = paths::resolve(cwd, script, None);
    if file.is_file() {
        return Some(file);
    }
    if script.contains('/') {
        return None;
    }
    find_in_path(script, cwd, environment)
}

/// The program that `PATH` has for a word.
pub(in crate::config) fn find_in_path(program: &str, cwd: &Path, environment: &EnvBlock) -> Option<PathBuf> {
    let path = environment.get("PATH")?;
    std::env::split_paths(path).map(|folder| cwd.join(folder).join(program)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(script: &str) -> Command {
        command(&json!(script), Path::new("/nowhere"), Some("/home/me")).unwrap()
    }

    #[test]
    fn one_word_stays_as_it_is() {
        for script in ["./server.js", "cloudflared", "/opt/a", "a$b"] {
            let command = read(script);
            assert_eq!((command.script.as_str(), command.args.len(), command.shell), (script, 0, false));
        }
        assert_eq!(read("./server.js").name, "server");
        assert_eq!(read("~/x.js").script, "/home/me/x.js");
    }

    #[test]
    fn a_line_is_split() {
        let command = read("note-tool --flag 'two words' a\\ b \"c's/x\"");
        assert_eq!((command.script.as_str(), command.shell), ("note-tool", false));
        assert_eq!(command.args, ["--flag", "two words", "a b", "c's/x"]);
        assert_eq!(command.name, "note-tool");
        assert_eq!(
            (read("npm run dev").args, read("npm run dev").name),
            (vec!["run".to_owned(), "dev".into()], "npm run dev".into())
        );
    }

    #[test]
    fn a_shell_where_one_is_needed() {
        for line in [
            "a | b",
            "cd x && npm start",
            "echo $HOME",
            "x \"$Y\"",
            "ls *.js",
            "PORT=1 node x.js",
            "a > b",
            "a `b`",
            "a; b",
            "a\nb",
            "~/x y",
        ] {
            let command = read(line);
            assert!(command.shell, "{line}");
            assert_eq!(command.script, line);
        }
        for line in ["a 'x | y'", "a \"x && y\"", "a \\$b", "a --x=1", "a '$HOME'"] {
            assert!(!read(line).shell, "{line}");
        }
    }

    #[test]
    fn a_file_with_a_space_is_a_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("my app.sh"), "").unwrap();
        assert_eq!(command(&json!("./my app.sh"), folder.path(), None).unwrap().script, "./my app.sh");
    }

    #[test]
    fn wrong_ones() {
        for bad in [json!(""), json!(" "), json!(1), json!(["x"]), json!("x 'y"), json!("a\u{0}b")] {
            assert!(command(&bad, Path::new("/nowhere"), None).is_err(), "{bad}");
        }
    }

    #[test]
    fn where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tool"), "").unwrap();
        let environment = EnvBlock::from([("PATH".to_owned(), format!("/nowhere:{}", folder.path().display()))]);
        assert_eq!(find("tool", Path::new("/"), &environment), Some(folder.path().join("tool")));
        assert_eq!(find("./tool", folder.path(), &environment), Some(folder.path().join("tool")));
        assert_eq!(find("./tool", Path::new("/"), &environment), None);
        assert_eq!(find("no-such-program-anywhere", Path::new("/"), &environment), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _ = command(&json!(text), Path::new("/nowhere"), Some("/home/me"));
        }
    }
}
