//! `qd upgrade`: puts another program in the place of the running daemon; apps, sockets and the process id stay.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::time::timeout;

use super::context::Context;
use super::{Failure, format};

/// How long the old one may take to go.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which program.
#[derive(Args, Clone, Debug)]
pub(super) struct Upgrade {
    /// The program that takes over [default: this one]
    #[arg(value_name = "PROGRAM")]
    program: Option<PathBuf>,
}

impl Upgrade {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let program = match self.program {
            Some(program) => program.canonicalize(),
            None => std::env::current_exe(),
        };
        let program =
            program.map_err(|error| Failure::failed(format!("the new program cannot be found: {error}; name its path")))?;
        let gone = context.client.end_of_connection().await?;
        let _: serde_json::Value = context.client.post("/api/upgrade", &json!({ "program": program })).await?;
        if timeout(PATIENCE, gone).await.is_err() {
            return Err(Failure::failed("the old program still runs after a minute; `qd ping` and the log tell more"));
        }
        context.client.get_bytes("/api/health/live").await?;
        context.screen.say(&format!("{} runs the apps now; none was stopped.", format::plain(&program.to_string_lossy())))
    }
}
