//! The same ecosystem file under PM2 and under us gives the same apps, arguments and environments. PM2 comes from npm;
//! where npm has none, that is said and nothing is compared.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::{Daemon, Ended, Place, has_python, qd, skipped};

const PM2: &str = "pm2@7.0.4";

/// What PM2 runs unchanged, with what its users write: several shapes of arguments, instances, increments, environments.
const ECOSYSTEM: &str = r#"
const path = require('path');
const base = { script: 'tell.js', env: { LAYER: 'base', NUMBER: 7, YES: true, EMPTY: '' } };
module.exports = { apps: [
  { ...base, name: 'plain' },
  { ...base, name: 'list', args: ['--title', 'two words', '', "it's"] },
  { ...base, name: 'line', args: "--port 3000 --name 'two words' --empty \"\"" },
  { ...base, name: 'many', instances: 3, exec_mode: 'fork', increment_var: 'PORT', env: { PORT: 4100 } },
  { ...base, name: 'where', cwd: path.join(__dirname, 'below'), script: '../tell.js' },
  { ...base, name: 'node args', node_args: '--max-old-space-size=128 --title="x"' },
  { ...base, name: 'staged', env: { STAGE: 'development', ONLY: 'default' }, env_production: { STAGE: 'production' } },
  { ...base, name: 'shell', script: 'tell.sh', args: ['a', 'b c'] },
  { ...base, name: 'python', script: 'tell.py', args: 'x --y=1', namespace: 'tools' },
  { ...base, name: 'itself', script: './tell-itself', interpreter: 'none', args: ['z'] },
  { ...base, name: 'own var', instance_var: 'MY_INSTANCE', instances: 2, exec_mode: 'fork' },
] };
"#;

const TELL_JS: &str = r#"
const fs = require('fs'), path = require('path');
const told = { args: process.argv.slice(2), cwd: process.cwd(), exec: process.execArgv, env: process.env };
const file = path.join(process.env.TELL, `${process.env.name}.${process.env.MY_INSTANCE ?? process.env.NODE_APP_INSTANCE}.json`);
fs.writeFileSync(file + '.new', JSON.stringify(told)); fs.renameSync(file + '.new', file);
setInterval(() => {}, 1000);
"#;

const TELL_SH: &str = r#"
node -e 'const fs = require("fs"); const f = `${process.env.TELL}/${process.env.name}.${process.env.NODE_APP_INSTANCE}.json`;
fs.writeFileSync(f + ".new", JSON.stringify({ args: process.argv.slice(1), cwd: process.cwd(), env: process.env })); fs.renameSync(f + ".new", f)' -- "$@"
exec sleep 600
"#;

const TELL_PY: &str = r#"
import json, os, sys, time
f = f"{os.environ['TELL']}/{os.environ['name']}.{os.environ['NODE_APP_INSTANCE']}.json"
json.dump({"args": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ)}, open(f + ".new", "w")); os.rename(f + ".new", f)
time.sleep(600)
"#;

/// Eleven apps, two with more than one instance.
const TOLD: usize = 14;

/// Variables that tell who supervises or are different in each run. What stands in the file or came from the caller is none.
const OWN: [&str; 14] = [
    "TELL",
    "QD_LISTEN",
    "pm_id",
    "QD_UNIT",
    "QD_HOME",
    "PM2_HOME",
    "PM2_USAGE",
    "PM2_INTERACTOR_PROCESSING",
    "PYTHONUNBUFFERED",
    "OLDPWD",
    "SHLVL",
    "_",
    "PWD",
    "pm_cwd",
];

/// PM2 in the folder for builds, from npm if it is not there yet.
fn pm2() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pm2");
    let program = folder.join("node_modules/.bin/pm2");
    if program.exists() {
        return Some(program);
    }
    std::fs::create_dir_all(&folder).unwrap();
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--no-save", "--prefix"]).arg(&folder).arg(PM2);
    match npm.output() {
        Ok(output) if output.status.success() && program.exists() => Some(program),
        Ok(output) => {
            skipped(&format!("the comparison with PM2, because npm has no {PM2}: {}", String::from_utf8_lossy(&output.stderr)));
            None
        }
        Err(error) => {
            skipped(&format!("the comparison with PM2, because npm cannot be run: {error}"));
            None
        }
    }
}

/// Ends the PM2 of a test, whatever came of it.
struct Pm2 {
    program: PathBuf,
    home: PathBuf,
}

impl Pm2 {
    fn run(&self, place: &Place, words: &[&str]) {
        let mut command = place.command(&self.program, words);
        command.env("PM2_HOME", &self.home).env("TELL", place.path().join("pm2"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "pm2 {words:?}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

impl Drop for Pm2 {
    fn drop(&mut self) {
        let _ = Command::new(&self.program).arg("kill").env("PM2_HOME", &self.home).output();
    }
}

fn place() -> Place {
    let place = Place::new();
    for folder in ["pm2", "qd", "below"] {
        std::fs::create_dir(place.path().join(folder)).unwrap();
    }
    place.write("ecosystem.config.js", ECOSYSTEM);
    place.write("tell.js", TELL_JS);
    place.write("tell.sh", TELL_SH);
    place.write("tell.py", TELL_PY);
    place.write("tell-itself", &format!("#!/bin/bash\n{TELL_SH}"));
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(place.path().join("tell-itself"), executable).unwrap();
    place
}

/// What the apps told, once all of them have.
fn told(folder: &Path) -> BTreeMap<String, Value> {
    let limit = Instant::now() + Duration::from_secs(60);
    loop {
        let files =
            std::fs::read_dir(folder).unwrap().flatten().filter(|file| file.path().extension().is_some_and(|end| end == "json"));
        let told: BTreeMap<String, Value> = files
            .map(|file| {
                let text = std::fs::read(file.path()).unwrap();
                (file.file_name().into_string().unwrap(), serde_json::from_slice(&text).unwrap())
            })
            .collect();
        if told.len() == TOLD {
            return told;
        }
        assert!(told.len() < TOLD && Instant::now() < limit, "{:?}", told.keys());
    }
}

fn compare(theirs: &BTreeMap<String, Value>, ours: &BTreeMap<String, Value>) {
    assert!(theirs.keys().eq(ours.keys()), "{:?}\n{:?}", theirs.keys(), ours.keys());
    for (app, theirs) in theirs {
        let ours = &ours[app];
        for what in ["args", "cwd", "exec"] {
            assert_eq!(ours[what], theirs[what], "{what} of {app}");
        }
        let (theirs, ours) = (theirs["env"].as_object().unwrap(), ours["env"].as_object().unwrap());
        // PM2 adds what it keeps of an app in its own words; whatever we give, it has to give as well.
        let differ: Vec<_> = ours.iter().filter(|(name, value)| theirs.get(*name) != Some(value)).collect();
        let differ: Vec<_> = differ.into_iter().filter(|(name, _)| !OWN.contains(&name.as_str())).collect();
        assert!(differ.is_empty(), "the environment of {app} differs: {differ:?}");
        let configured =
            ["LAYER", "NUMBER", "YES", "EMPTY", "PORT", "STAGE", "ONLY", "PATH", "HOME", "NODE_APP_INSTANCE", "MY_INSTANCE"];
        for name in configured {
            assert_eq!(ours.get(name), theirs.get(name), "{name} of {app}");
        }
    }
}

#[test]
fn the_same_apps_arguments_and_environments() {
    if !has_python() {
        return skipped("the comparison with PM2, because one of its apps needs python3");
    }
    let Some(program) = pm2() else { return };
    // First, so that it ends last, and whatever runs in the place with it.
    let daemon = Daemon::of(place());
    let place = &daemon.place;
    let pm2 = Pm2 { program, home: place.path().join("pm2-home") };
    for words in [&["start", "ecosystem.config.js"][..], &["start", "ecosystem.config.js", "--env", "production"]] {
        for folder in ["pm2", "qd"] {
            std::fs::remove_dir_all(place.path().join(folder)).unwrap();
            std::fs::create_dir(place.path().join(folder)).unwrap();
        }
        pm2.run(place, words);
        let theirs = told(&place.path().join("pm2"));
        pm2.run(place, &["delete", "all"]);
        let mut command = place.command(qd(), words.iter().copied());
        command.env("TELL", place.path().join("qd")).env("QD_LISTEN", "127.0.0.1:0");
        let ended = Ended::of(command);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        compare(&theirs, &told(&place.path().join("qd")));
        assert_eq!(place.qd("delete all").code, Some(0));
    }
}
