//! From a file of any format to a value.

mod javascript;
mod json;
pub(super) mod toml;
pub(super) mod yaml;

use std::path::{Path, PathBuf};

use app::model::EnvBlock;
use serde_json::Value;

use super::finding::Finding;

/// A configuration is not larger.
const LARGEST: u64 = 8 << 20;

/// Names that are looked for where none was told, in this order.
const NAMES: [&str; 7] = [
    "ecosystem.config.js",
    "ecosystem.config.cjs",
    "ecosystem.config.mjs",
    "ecosystem.config.json",
    "ecosystem.config.yml",
    "ecosystem.config.yaml",
    "ecosystem.config.toml",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    CommonJs,
    Module,
    Json,
    Yaml,
    Toml,
}

impl Format {
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "js" | "cjs" => Some(Self::CommonJs),
            "mjs" => Some(Self::Module),
            "json" | "json5" => Some(Self::Json),
            "yml" | "yaml" => Some(Self::Yaml),
            "toml" => Some(Self::Toml),
            _ => None,
        }
    }
}

/// Does the name say that this is a configuration, and not a script to run? As with PM2, plain `.js` is a script.
#[must_use]
pub fn is_config(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    match Format::of(Path::new(name)) {
        Some(Format::CommonJs | Format::Module) => {
            [".config.js", ".config.cjs", ".config.mjs"].iter().any(|end| name.ends_with(end))
        }
        Some(_) => true,
        None => false,
    }
}

/// The ecosystem file of a folder, if there is one.
#[must_use]
pub fn find(folder: &Path) -> Option<PathBuf> {
    NAMES.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// Why a file gave no value.
#[derive(Debug)]
pub(super) struct Fault {
    line: Option<u32>,
    message: String,
}

impl Fault {
    fn new(message: impl Into<String>) -> Self {
        Self { line: None, message: message.into() }
    }

    /// The same with the name of the file.
    pub(super) fn found_in(self, file: &str) -> Finding {
        Finding { file: file.to_owned(), line: self.line, message: self.message, ..Finding::default() }
    }
}

/// What a file says.
#[derive(Debug)]
pub(super) struct Evaluated {
    /// What it holds or exports.
    pub(super) value: Value,
    /// The environment of the caller as the file left it: one that loads a `.env` file adds to it, and apps inherit that.
    pub(super) environment: EnvBlock,
}

/// Reads and evaluates the file at `path`, an absolute path, that is called `file` in messages.
pub(super) fn read(file: &str, path: &Path, environment: &EnvBlock) -> Result<Evaluated, Finding> {
    evaluate(path, environment).map_err(|fault| fault.found_in(file))
}

fn evaluate(path: &Path, environment: &EnvBlock) -> Result<Evaluated, Fault> {
    let format = Format::of(path).ok_or_else(|| {
        Fault::new("its name does not tell its format; it has to end with .config.js, .config.cjs, .config.mjs, .json, .yml, .yaml or .toml")
    })?;
    let text = text(path)?;
    let value = match format {
        Format::CommonJs => return javascript::common_js(path, &text, environment),
        Format::Module => return javascript::module(path, &text, environment),
        Format::Json => json::read(path, &text, environment),
        Format::Yaml => yaml::read(&text),
        Format::Toml => toml::read(&text),
    };
    value.map(|value| Evaluated { value, environment: environment.clone() })
}

/// The text of a file.
fn text(path: &Path) -> Result<String, Fault> {
    let cannot = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Fault::new("there is no such file"),
        _ => Fault::new(format!("cannot be read: {error}")),
    };
    let metadata = std::fs::metadata(path).map_err(cannot)?;
    if !metadata.is_file() {
        return Err(Fault::new("is not a file"));
    }
    if metadata.len() > LARGEST {
        return Err(Fault::new(format!("is larger than {} MiB", LARGEST >> 20)));
    }
    let bytes = std::fs::read(path).map_err(cannot)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes().iter().take(error.utf8_error().valid_up_to()).filter(|byte| **byte == b'\n').count();
        Fault { line: u32::try_from(line + 1).ok(), message: "is not UTF-8 text".into() }
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_by_name() {
        for name in ["ecosystem.config.js", "a/pm2.config.cjs", "x.config.mjs", "apps.json", "a.yml", "a.yaml", "a.toml"] {
            assert!(is_config(name), "{name}");
        }
        for name in ["server.js", "config.js/server", "server.mjs", "tool", "all", "x.sh", ".js"] {
            assert!(!is_config(name), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let read = |name: &str| super::read(name, &folder.path().join(name), &EnvBlock::new()).unwrap_err().to_string();
        std::fs::write(folder.path().join("bytes.json"), b"{\n\xff}").unwrap();
        std::fs::create_dir(folder.path().join("folder.json")).unwrap();
        assert_eq!(read("absent.json"), "absent.json: there is no such file");
        assert_eq!(read("folder.json"), "folder.json: is not a file");
        assert_eq!(read("bytes.json"), "bytes.json:2: is not UTF-8 text");
        assert!(read("a.conf").contains(".toml"));
        std::fs::File::create(folder.path().join("huge.json")).unwrap().set_len(LARGEST + 1).unwrap();
        assert_eq!(read("huge.json"), "huge.json: is larger than 8 MiB");
        std::fs::write(folder.path().join("empty.json"), "").unwrap();
        assert!(read("empty.json").starts_with("empty.json"), "{}", read("empty.json"));
    }

    #[test]
    fn a_mark_of_the_order_of_bytes_is_no_part_of_the_text() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("a.json", "{\"apps\":[]}"),
            ("a.toml", "apps = []"),
            ("a.yaml", "apps: []"),
            ("a.config.js", "module.exports = {apps: []}"),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, format!("\u{feff}{text}")).unwrap();
            let read = super::read(name, &path, &EnvBlock::new()).unwrap();
            assert_eq!(read.value, serde_json::json!({ "apps": [] }), "{name}");
        }
    }

    #[test]
    fn the_first_of_the_names() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(find(folder.path()), None);
        for name in ["ecosystem.config.toml", "ecosystem.config.cjs"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(find(folder.path()), Some(folder.path().join("ecosystem.config.cjs")));
    }
}
