//! Evaluation by the Node of the machine, as a process of its own.

use std::{
    io::Read,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use app::model::EnvBlock;
use serde::Deserialize;

use super::{Answer, Evaluated, Fault, line_in};
use crate::config::value::script;

/// Node itself takes a moment to start, on a busy machine a long one.
const TIME_LIMIT: Duration = Duration::from_secs(15);
const LARGEST: u64 = 16 << 20;
const SCRIPT: &str = include_str!("node.js");

#[derive(Deserialize)]
struct Failure {
    error: Thrown,
}

#[derive(Deserialize)]
struct Thrown {
    message: String,
    stack: String,
}

/// What the file exports. None if there is no Node.
pub(super) fn evaluate(path: &Path, environment: &EnvBlock) -> Option<Result<Evaluated, Fault>> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let node = script::find_in_path("node", folder, environment)?;
    Some(run(&node, folder, path, environment))
}

fn run(node: &Path, folder: &Path, path: &Path, environment: &EnvBlock) -> Result<Evaluated, Fault> {
    let mut command = Command::new(node);
    command.args(["-e", SCRIPT, "--"]).arg(path).current_dir(folder).env_clear().envs(environment);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(|error| Fault::new(format!("{} cannot be started: {error}", node.display())))?;
    let output = read(child.stdout.take());
    let errors = read(child.stderr.take());
    let answer = output.recv_timeout(TIME_LIMIT);
    end(&mut child);
    let Ok(answer) = answer else {
        return Err(Fault::new(format!("takes longer than {} s to evaluate by Node", TIME_LIMIT.as_secs())));
    };
    if answer.is_empty() {
        let said = errors.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it called process.exit()");
        return Err(Fault::new(format!("ended Node before it gave a configuration: {}", last.trim())));
    }
    match serde_json::from_str::<Failure>(&answer) {
        Ok(Failure { error }) => {
            let message = error.message.lines().next().unwrap_or_default().to_owned();
            Err(Fault { line: line_in(&error.stack, path), message })
        }
        Err(_) => Answer::parse(&answer),
    }
}

/// Reads to the end on a thread of its own, so that it can be waited for with a limit.
fn read(stream: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(stream) = stream {
            // What came before an error is the best there is.
            let _ = stream.take(LARGEST).read_to_end(&mut bytes);
        }
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

/// Ends Node and what it started.
fn end(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.wait();
}
