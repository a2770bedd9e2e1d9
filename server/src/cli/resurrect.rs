//! `qd resurrect`: brings back the list that `qd save` wrote, and the daemon if none runs.

use serde_json::Map;

use super::Failure;
use super::act::table;
use super::context::Context;
use super::daemon;
use super::save::Count;

/// Answers when what should run was started.
pub(super) async fn resurrect(context: &Context) -> Result<(), Failure> {
    daemon::ensure(context).await?;
    let saved: Count = context.client.post("/api/resurrect", &Map::new()).await?;
    context.screen.say(&format!("Brought back: {}.", saved.text()))?;
    table(context).await
}
