//! Quarterdeck, PM2 and supervisord, each started on the same apps.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::tools::run;

/// One that is measured.
pub(super) enum Supervisor {
    Quarterdeck { qd: PathBuf },
    Pm2 { module: PathBuf, version: &'static str },
    Supervisord { program: PathBuf, version: &'static str },
}

/// One that runs; it ends with its apps when this is dropped.
pub(super) struct Running<'a> {
    supervisor: &'a Supervisor,
    home: PathBuf,
    /// None of PM2, which leaves us for the background.
    child: Option<Child>,
    pid: i32,
    /// Where Quarterdeck answers.
    url: Option<String>,
}

impl Supervisor {
    /// A word for folders and messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Quarterdeck { .. } => "quarterdeck",
            Self::Pm2 { .. } => "pm2",
            Self::Supervisord { .. } => "supervisord",
        }
    }

    /// The head of its column.
    pub(super) fn title(&self) -> String {
        match self {
            Self::Quarterdeck { .. } => "Quarterdeck".into(),
            Self::Pm2 { version, .. } => format!("PM2 {version}"),
            Self::Supervisord { version, .. } => format!("supervisord {version}"),
        }
    }

    /// Starts it with `home` as its own folder, on `apps` in PM2's words.
    pub(super) fn start(&self, home: &Path, apps: &[Value]) -> Result<Running<'_>> {
        fs::create_dir_all(home)?;
        let mut running = Running { supervisor: self, home: home.to_owned(), child: None, pid: 0, url: None };
        match self {
            Self::Quarterdeck { qd } => {
                let mut command = Command::new(qd);
                command
                    .arg("serve")
                    .arg(ecosystem(home, apps)?)
                    .args(["--listen", "127.0.0.1:0", "--home"])
                    .arg(home.join("home"));
                let child = running.spawn(command.stdout(Stdio::piped()).stderr(log(home)?))?;
                let mut line = String::new();
                BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
                let url = line.trim().rsplit_once(' ').with_context(|| format!("qd did not start; see {}", home.display()))?.1;
                running.url = Some(url.to_owned());
            }
            Self::Pm2 { module, .. } => {
                let config = ecosystem(home, apps)?;
                run(pm2(module, home).arg("start").arg(config).stdout(log(home)?))?;
                running.pid = fs::read_to_string(home.join("pm2.pid")).context("PM2 left no pid")?.trim().parse()?;
            }
            Self::Supervisord { program, .. } => {
                let config = home.join("supervisord.conf");
                fs::write(&config, supervisord(home, apps)?)?;
                running.spawn(Command::new(program).args(["--nodaemon", "--configuration"]).arg(config).stdout(log(home)?))?;
            }
        }
        Ok(running)
    }
}

impl Running<'_> {
    fn spawn(&mut self, command: &mut Command) -> Result<&mut Child> {
        let child = command.spawn().with_context(|| format!("failed to start {}", self.supervisor.name()))?;
        self.pid = child.id().try_into()?;
        Ok(self.child.insert(child))
    }

    /// The process of the supervisor itself.
    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    /// Where Quarterdeck answers, and a token for it.
    pub(super) fn quarterdeck(&self) -> Result<Option<(String, String)>> {
        let (Supervisor::Quarterdeck { qd }, Some(url)) = (self.supervisor, &self.url) else { return Ok(None) };
        let mut command = Command::new(qd);
        command.args(["token", "create", "--role", "viewer", "--name", "bench", "--home"]).arg(self.home.join("home"));
        let done = command.stderr(Stdio::inherit()).output()?;
        let text = String::from_utf8(done.stdout)?;
        let token = text.split_whitespace().last().context("qd made no token")?;
        Ok(Some((url.clone(), token.to_owned())))
    }

    /// PM2 as a module of Node, and its home.
    pub(super) fn pm2(&self) -> Option<(&Path, &Path)> {
        match self.supervisor {
            Supervisor::Pm2 { module, .. } => Some((module, &self.home)),
            _ => None,
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Supervisor::Pm2 { module, .. } = self.supervisor {
            let _ = pm2(module, &self.home).arg("kill").stdout(Stdio::null()).status();
        }
        if let (Some(child), Some(pid)) = (&mut self.child, Pid::from_raw(self.pid)) {
            let _ = kill_process(pid, Signal::TERM);
            let _ = child.wait();
        }
    }
}

fn pm2(module: &Path, home: &Path) -> Command {
    let mut command = Command::new("node");
    command.arg(module.join("bin/pm2")).args(["--no-color"]).env("PM2_HOME", home);
    command
}

fn log(home: &Path) -> Result<Stdio> {
    Ok(fs::File::create(home.join("supervisor.log"))?.into())
}

fn ecosystem(home: &Path, apps: &[Value]) -> Result<PathBuf> {
    let path = home.join("ecosystem.json");
    fs::write(&path, serde_json::to_vec_pretty(&json!({ "apps": apps }))?)?;
    Ok(path)
}

/// The same apps in supervisord's words. It takes each app for started at once, as PM2 does, and restarts it always.
fn supervisord(home: &Path, apps: &[Value]) -> Result<String> {
    let mut text = format!("[supervisord]\nlogfile={0}/supervisord.log\npidfile={0}/supervisord.pid\n", home.display());
    for app in apps {
        let word = |key: &str| app[key].as_str().with_context(|| format!("an app without {key}"));
        let script = word("script")?;
        let mut command = if script.ends_with(".js") { format!("node {script}") } else { script.to_owned() };
        for arg in app["args"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if arg.contains([' ', '"', '%']) {
                bail!("supervisord would need quotes around {arg}");
            }
            write!(command, " {arg}")?;
        }
        let variables = app["env"].as_object().into_iter().flatten();
        let environment: Vec<_> = variables.map(|(name, value)| format!("{name}=\"{}\"", plain(value))).collect();
        write!(
            text,
            "\n[program:{}]\ncommand={command}\ndirectory={}\nenvironment={}\nautorestart=true\nstartsecs=0\n\
             stdout_logfile={}\nstdout_logfile_maxbytes=0\nstderr_logfile={}\nstderr_logfile_maxbytes=0\n",
            word("name")?,
            word("cwd")?,
            environment.join(","),
            word("out_file")?,
            word("error_file")?,
        )?;
    }
    Ok(text)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
