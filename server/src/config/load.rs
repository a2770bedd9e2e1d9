//! A whole file: its apps, chosen and compared with each other.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use app::model::{AppSpec, Dependency, EnvBlock, LogPolicy, Rotation};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    app::{Read, Surroundings},
    finding::{ConfigErrors, Finding, Findings},
    keys, paths, source,
    value::instances,
};

/// How a file is read.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// `--env`: lays `env_<name>` over `env`.
    pub env_name: Option<String>,
    /// `--only`: the apps with these names, and no others.
    pub only: Option<Vec<String>>,
    /// The environment of the caller: what apps inherit, and `process.env` of a JavaScript file.
    pub environment: EnvBlock,
    /// Rotation of logs for apps that say nothing of it; from `quarterdeck.toml`.
    pub rotation: Rotation,
    /// What comes of output that cannot be written, for apps that say nothing of it; from `quarterdeck.toml`.
    pub log_policy: LogPolicy,
}

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Loaded {
    /// Its apps, in their order.
    pub specs: Vec<AppSpec>,
    /// What is odd but was accepted: unknown keys, scripts that are not there.
    pub warnings: Vec<Finding>,
}

/// Reads an ecosystem file. Relative paths in it are resolved against its folder.
///
/// JavaScript is evaluated, by Node where the file needs it, and so runs with all that the caller may do.
///
/// # Errors
/// Every mistake in the file, with app and key where there is one.
pub fn load(path: &Path, options: &LoadOptions) -> Result<Loaded, ConfigErrors> {
    let file = paths::text(path);
    let path = std::path::absolute(path).map(|path| paths::normal(&path)).map_err(|error| problem(&file, error.to_string()))?;
    let source::Evaluated { value, environment } = source::read(&file, &path, &options.environment)?;
    let options = LoadOptions { environment, ..options.clone() };
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut findings = Findings::default();
    let apps = read_document(&file, folder, value, &options, &mut findings);
    let specs = choose(&file, apps, &options, &mut findings);
    let (specs, warnings) = findings.finish(specs)?;
    Ok(Loaded { specs, warnings })
}

pub(super) fn problem(file: &str, message: String) -> Finding {
    Finding { file: file.to_owned(), message, ..Finding::default() }
}

/// Panics unless a text is read, or refused in lines that say why. JavaScript is none of ours to be tried.
#[cfg(any(test, feature = "fuzz"))]
pub(super) fn probe(bytes: &[u8]) {
    let Some((format, text)) = bytes.split_first().and_then(|(format, text)| Some((format, std::str::from_utf8(text).ok()?)))
    else {
        return;
    };
    let document = match format % 3 {
        0 => serde_json::from_str(text).ok(),
        1 => source::toml::read(text).ok(),
        _ => source::yaml::read(text).ok(),
    };
    let Some(document) = document else { return };
    let options = LoadOptions { env_name: Some("x".into()), ..LoadOptions::default() };
    let mut findings = Findings::default();
    let apps = read_document("a", Path::new("/nowhere"), document, &options, &mut findings);
    let specs = choose("a", apps, &options, &mut findings);
    match findings.finish(specs) {
        Ok((specs, _)) => {
            assert!(specs.iter().all(|spec| !spec.name.is_empty() && !spec.script.is_empty() && spec.instances > 0), "{specs:?}");
        }
        Err(refused) => {
            assert!(!refused.errors.is_empty() && refused.errors.iter().all(|error| !error.to_string().contains('\n')))
        }
    }
}

/// Every app of the document, chosen or not.
fn read_document(file: &str, folder: &Path, document: Value, options: &LoadOptions, findings: &mut Findings) -> Vec<Read> {
    let (entries, deploy) = match document {
        Value::Object(map) => top_level(file, map, findings),
        list => (list, Value::Null),
    };
    let entries = match entries {
        Value::Array(entries) => entries,
        one => vec![one],
    };
    if entries.is_empty() {
        findings.warnings.push(problem(file, "there is no app in it".into()));
    }
    let env_name = options.env_name.as_deref();
    let environment = Arc::new(options.environment.clone());
    let surroundings = Surroundings {
        file,
        folder,
        environment: &environment,
        env_name,
        deploy_env: env_name.and_then(|name| deploy.get(name)?.get("env")).filter(|env| env.is_object()),
        rotation: options.rotation,
        log_policy: options.log_policy,
        processors: instances::processors(),
    };
    let mut apps = Vec::new();
    for (place, entry) in entries.into_iter().enumerate() {
        match entry {
            Value::Object(written) => apps.push(surroundings.read(place, written, findings)),
            other => {
                let message = format!("{} is no app; write an object with script and name", super::value::shown(&other));
                findings.errors.push(Finding { app: Some(format!("apps[{place}]")), ..problem(file, message) });
            }
        }
    }
    if let Some(name) = env_name
        && !apps.iter().any(|app| app.environments.contains(name))
    {
        findings.warnings.push(problem(file, format!("no app has env_{name}, which --env {name} asks for")));
    }
    apps
}

/// The apps of an object, and its `deploy`.
fn top_level(file: &str, mut map: Map<String, Value>, findings: &mut Findings) -> (Value, Value) {
    const KNOWN: &[&str] = &["apps", "deploy", "pm2", "static"];
    let Some(apps) = map.remove("apps").or_else(|| map.remove("pm2")) else {
        // An app by itself. Without a script it is rather a file of something else.
        let is_app = map.keys().any(|key| matches!(keys::of_app(key), keys::Key::Known("script" | "name", _)));
        if !is_app {
            findings.errors.push(problem(file, "there is no list of apps in it; write { apps: [ { name, script } ] }".into()));
            return (Value::Array(Vec::new()), Value::Null);
        }
        return (Value::Object(map), Value::Null);
    };
    for key in map.keys().filter(|key| !KNOWN.contains(&key.as_str()) && !key.starts_with("x-")) {
        let hint = keys::nearest(key, KNOWN.iter().copied()).map(|near| format!("; is {near} meant?")).unwrap_or_default();
        findings.warnings.push(Finding { key: Some(key.clone()), ..problem(file, format!("unknown key, it is ignored{hint}")) });
    }
    if map.get("static").is_some_and(|servers| !servers.is_null()) {
        let message = "Quarterdeck serves no static files; these servers are not started".into();
        findings.warnings.push(Finding { key: Some("static".into()), ..problem(file, message) });
    }
    (apps, map.remove("deploy").unwrap_or_default())
}

/// The apps that are asked for, after all were compared.
fn choose(file: &str, apps: Vec<Read>, options: &LoadOptions, findings: &mut Findings) -> Vec<AppSpec> {
    let mut seen = BTreeSet::new();
    for app in apps.iter().filter(|app| !app.spec.name.is_empty()) {
        if !seen.insert(app.spec.name.as_str()) {
            let message = "another app in this file has the same name; give each its own".into();
            findings.errors.push(Finding {
                app: Some(app.spec.name.clone()),
                key: Some("name".into()),
                ..problem(file, message)
            });
        }
    }
    let chosen: Vec<bool> = apps.iter().map(|app| is_chosen(app, options.only.as_deref())).collect();
    for wanted in options.only.iter().flatten() {
        if !apps.iter().any(|app| app.written_name == *wanted || app.spec.name == *wanted) {
            let message =
                format!("there is no app {wanted:?} in it, which --only asks for; it has {}", listed(seen.iter().copied()));
            findings.errors.push(problem(file, message));
        }
    }
    let names: BTreeMap<String, String> = apps.iter().map(|app| (app.written_name.clone(), app.spec.name.clone())).collect();
    let mut specs: Vec<AppSpec> = apps.into_iter().map(|app| app.spec).collect();
    depend(file, &mut specs, &names, findings);
    specs.into_iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(spec, _)| spec).collect()
}

fn is_chosen(app: &Read, only: Option<&[String]>) -> bool {
    only.is_none_or(|only| only.iter().any(|name| *name == app.written_name || *name == app.spec.name))
}

/// Resolves `depends_on` to the full names, and refuses circles.
fn depend(file: &str, specs: &mut [AppSpec], names: &BTreeMap<String, String>, findings: &mut Findings) {
    let finding = |app: &AppSpec, message| Finding {
        app: Some(app.name.clone()),
        key: Some("depends_on".into()),
        ..problem(file, message)
    };
    for spec in specs.iter_mut() {
        for wanted in &mut spec.depends_on {
            if let Some(full) = names.get(&wanted.app) {
                wanted.app.clone_from(full);
            }
        }
    }
    let needs: BTreeMap<&str, &[Dependency]> =
        specs.iter().map(|spec| (spec.name.as_str(), spec.depends_on.as_slice())).collect();
    for spec in specs.iter() {
        for wanted in spec.depends_on.iter().map(|one| &one.app).filter(|wanted| !needs.contains_key(wanted.as_str())) {
            let message = format!("there is no app {wanted:?} in this file; it is waited for only if it was added otherwise");
            findings.warnings.push(finding(spec, message));
        }
        if reaches(&needs, &spec.name) {
            findings.errors.push(finding(spec, "the app would wait for itself; take one app out of the circle".into()));
        }
    }
}

/// Does an app depend on itself, at once or through others?
fn reaches(needs: &BTreeMap<&str, &[Dependency]>, start: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![start];
    while let Some(name) = open.pop() {
        for next in needs.get(name).copied().unwrap_or_default().iter().map(|one| &one.app) {
            if next == start {
                return true;
            }
            if seen.insert(next.as_str()) {
                open.push(next);
            }
        }
    }
    false
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}
