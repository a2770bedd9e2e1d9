//! Whole files: formats, options of PM2, mistakes.

mod any;
mod apps;
mod files;

use std::{fs, path::PathBuf};

use ::app::model::{AppSpec, EnvBlock, ExecMode, Health, Interpreter, LogFile, LogPolicy, Probe, Rotation, TreeLimits};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

/// A folder that configurations are written into.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }
}

fn load_with(apps: &Value, options: &LoadOptions) -> Result<Loaded, ConfigErrors> {
    let folder = Folder::new();
    load(&folder.write("ecosystem.config.json", &apps.to_string()), options)
}

fn specs(apps: Value) -> Vec<AppSpec> {
    load_with(&json!({ "apps": apps }), &LoadOptions::default()).unwrap().specs
}

/// The app with these keys besides its script.
fn one(keys: Value) -> AppSpec {
    let mut entry = json!({"script": "a.js"});
    entry.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    specs(json!([entry])).remove(0)
}

fn errors(apps: Value) -> Vec<String> {
    let refused = load_with(&json!({ "apps": apps }), &LoadOptions::default()).unwrap_err();
    refused.errors.iter().map(ToString::to_string).collect()
}

fn block(pairs: &[(&str, &str)]) -> EnvBlock {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
