//! Is a program one that can take our place?

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::control::Refusal;

/// What `qd takeover` prints: whoever prints the same knows how a node is handed over.
pub const TAKEOVER: &str = "quarterdeck takeover 1";
/// How long a program may take to say so.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs the program far enough to know that it runs on this host and can take over. Gives its full path.
///
/// # Errors
/// It is none, or another one.
pub(super) async fn tried(program: PathBuf) -> Result<PathBuf, Refusal> {
    let refuse = |why: String| Refusal::BadField { field: "program", why };
    let program = program.canonicalize().map_err(|error| refuse(format!("{}: {error}", program.display())))?;
    let mut command = Command::new(&program);
    command.arg("takeover").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| refuse(format!("{} cannot be run: {error}", program.display())))?;
    let out = child.stdout.take();
    let read = tokio::task::spawn_blocking(move || {
        let mut said = Vec::new();
        let _ = out.map(|out| out.take(1000).read_to_end(&mut said));
        said
    });
    let said = tokio::time::timeout(PATIENCE, read).await;
    let _ = child.kill();
    // It is reaped with the orphans, if not here.
    let _ = tokio::task::spawn_blocking(move || child.wait()).await;
    match said {
        Ok(Ok(said)) if said.trim_ascii() == TAKEOVER.as_bytes() => Ok(program),
        Ok(_) => Err(refuse(format!("{} is no qd that can take over from this one; nothing was changed", program.display()))),
        Err(_) => Err(refuse(format!("{} did not answer within {} s", program.display(), PATIENCE.as_secs()))),
    }
}
