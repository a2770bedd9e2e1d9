//! From a definition to what is executed: which program, with which arguments and environment.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use app::model::{AppSpec, ExecMode, Interpreter};

use super::manager::MANAGER_VARIABLES;
use super::spawn::SpawnError;
use crate::config::{interpreter, normal_path};

/// Name of the variable that tells to which instance of which home a process belongs.
pub const MARKER: &str = "QD_UNIT";

/// What is executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The file.
    pub path: PathBuf,
    /// Its arguments, without its own name.
    pub args: Vec<String>,
}

/// Finds the program of a definition now: it may have been installed a second ago.
/// By the ending of the script as PM2 chooses (peers: `.js` node, `.py` python3, …); a file that is no program is run by node.
///
/// # Errors
/// The script or what should run it is nowhere, or may not be executed.
pub fn program(spec: &AppSpec) -> Result<Program, SpawnError> {
    let search =
        spec.env.get("PATH").or_else(|| spec.inherited_env.get("PATH")).map_or("/usr/local/bin:/usr/bin:/bin", String::as_str);
    if spec.shell {
        return Ok(Program { path: "/bin/sh".into(), args: [vec!["-c".into(), shell_line(spec)]].concat() });
    }
    let script = find_script(spec, search)?;
    let runner = match &spec.interpreter {
        Interpreter::None => None,
        Interpreter::Program(name) => Some(name.as_str()),
        Interpreter::ByEnding => interpreter_of(&script),
    };
    let Some(runner) = runner else {
        let mode = std::fs::metadata(&script).map(|meta| meta.permissions().mode()).unwrap_or(0);
        if mode & 0o111 == 0 {
            return Err(SpawnError::NotExecutable(script));
        }
        return Ok(Program { path: script, args: spec.args.clone() });
    };
    let path = find_interpreter(runner, spec, search)?;
    let mut args = spec.interpreter_args.clone();
    args.push(script.to_string_lossy().into_owned());
    args.extend(spec.args.iter().cloned());
    Ok(Program { path, args })
}

fn shell_line(spec: &AppSpec) -> String {
    if spec.args.is_empty() { spec.script.clone() } else { format!("{} {}", spec.script, shell_words::join(&spec.args)) }
}

/// Where the script is, unless it is a program in PATH.
fn script_path(spec: &AppSpec) -> PathBuf {
    normal_path(&Path::new(&spec.cwd).join(&spec.script))
}

fn find_script(spec: &AppSpec, search: &str) -> Result<PathBuf, SpawnError> {
    let direct = script_path(spec);
    if direct.is_file() {
        return Ok(direct);
    }
    if !Path::new(&spec.cwd).is_dir() {
        return Err(SpawnError::NoFolder(spec.cwd.clone().into()));
    }
    if spec.script.contains('/') {
        return Err(SpawnError::NotFound(format!("there is no file {}", direct.display())));
    }
    in_path(&spec.script, search)
        .ok_or_else(|| SpawnError::NotFound(format!("{} is neither a file in {} nor a program in PATH", spec.script, spec.cwd)))
}

fn find_interpreter(name: &str, spec: &AppSpec, search: &str) -> Result<PathBuf, SpawnError> {
    let found = if name.contains('/') {
        Some(Path::new(&spec.cwd).join(name)).filter(|path| path.is_file())
    } else if name == "python3" {
        in_path("python3", search).or_else(|| in_path("python", search))
    } else {
        in_path(name, search)
    };
    found.ok_or_else(|| {
        SpawnError::NotFound(format!("the interpreter {name} is not a program in PATH; install it or set `interpreter`"))
    })
}

fn in_path(name: &str, search: &str) -> Option<PathBuf> {
    std::env::split_paths(search)
        .map(|folder| folder.join(name))
        .find(|path| path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0))
}

fn interpreter_of(script: &Path) -> Option<&'static str> {
    interpreter::by_ending(&script.to_string_lossy()).or_else(|| (!is_program(script)).then_some("node"))
}

/// An ELF file, or a script that names its interpreter and may be executed.
fn is_program(path: &Path) -> bool {
    let mut head = [0; 4];
    let read = std::fs::File::open(path).and_then(|mut file| file.read(&mut head)).unwrap_or(0);
    let executable = path.metadata().is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0);
    let binary = head[..read].starts_with(b"\x7fELF") || head[..read].contains(&0);
    binary || (executable && head[..read].starts_with(b"#!")) || read == 0
}

/// An environment that is mostly what a definition says.
pub type Variables<'a> = BTreeMap<Cow<'a, str>, Cow<'a, str>>;

/// The environment of an instance: the caller's, the configured one over it, and what PM2 tells its apps.
#[must_use]
pub fn environment<'a>(spec: &'a AppSpec, pm_id: u32, index: u32, marker: &'a str) -> Variables<'a> {
    // The caller may be run by a service manager, as we may be.
    let inherited = spec.inherited_env.iter().filter(|(name, _)| !MANAGER_VARIABLES.contains(&name.as_str()));
    let told = inherited.chain(&spec.env).map(|(name, value)| (name.as_str().into(), value.as_str().into()));
    let mut env: Variables<'_> = told.collect();
    if let Some(variable) = &spec.increment_var {
        let base: i64 = env.get(variable.as_str()).and_then(|value| value.parse().ok()).unwrap_or(0);
        env.insert(variable.into(), (base + i64::from(index)).to_string().into());
    }
    let mode = match spec.exec_mode {
        ExecMode::Fork => "fork_mode",
        ExecMode::Cluster => "cluster_mode",
    };
    for (name, value) in [
        ("name", Cow::from(&spec.name)),
        ("pm_id", pm_id.to_string().into()),
        ("namespace", Cow::from(&spec.namespace)),
        ("exec_mode", mode.into()),
        ("pm_cwd", Cow::from(&spec.cwd)),
        ("pm_exec_path", script_path(spec).to_string_lossy().into_owned().into()),
        (spec.instance_var.as_str(), index.to_string().into()),
        (MARKER, marker.into()),
    ] {
        env.insert(name.into(), value);
    }
    if matches!(&spec.interpreter, Interpreter::Program(name) if name.contains("python")) || spec.script.ends_with(".py") {
        env.entry("PYTHONUNBUFFERED".into()).or_insert("1".into());
    }
    env
}

#[cfg(test)]
mod tests {
    use app::model::EnvBlock;

    use super::*;

    fn spec(folder: &Path, script: &str) -> AppSpec {
        AppSpec { name: "a".into(), script: script.into(), cwd: folder.to_string_lossy().into_owned(), ..AppSpec::default() }
    }

    fn write(folder: &Path, name: &str, text: &str, mode: u32) {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_program_runs_itself_and_a_script_by_its_ending() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "run", "#!/bin/sh\n", 0o755);
        write(folder.path(), "run.sh", "echo\n", 0o644);
        write(folder.path(), "plain", "console.log(1)\n", 0o644);
        let found = |script| program(&spec(folder.path(), script)).unwrap();
        assert_eq!(found("./run").path, folder.path().join("run"));
        assert!(found("run.sh").path.ends_with("bash"));
        assert_eq!(found("run.sh").args, [folder.path().join("run.sh").to_string_lossy()]);
        assert_eq!(interpreter_of(&folder.path().join("plain")), Some("node"));
    }

    #[test]
    fn what_is_missing_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let error = program(&spec(folder.path(), "no-such-program-anywhere")).unwrap_err().to_string();
        assert!(error.contains("not found") && error.contains("no-such-program-anywhere"), "{error}");
        let error = program(&spec(&folder.path().join("gone"), "sh")).unwrap_err().to_string();
        assert!(error.contains("gone"), "{error}");
        write(folder.path(), "tool", "#!/bin/sh\n", 0o644);
        let mut fixed = spec(folder.path(), "./tool");
        fixed.interpreter = Interpreter::None;
        assert!(matches!(program(&fixed), Err(SpawnError::NotExecutable(_))));
    }

    #[test]
    fn pm2s_variables_and_increments() {
        let mut spec = spec(Path::new("/srv"), "app.js");
        spec.env.insert("PORT".into(), "3000".into());
        spec.inherited_env = EnvBlock::from([("PORT".into(), "1".into())]).into();
        spec.increment_var = Some("PORT".into());
        let env = environment(&spec, 7, 2, "home.7.1");
        let told = ["PORT", "NODE_APP_INSTANCE", "pm_id", "name", MARKER].map(|name| &*env[name]);
        assert_eq!(told, ["3002", "2", "7", "a", "home.7.1"]);
    }
}
