//! `qd login-link`: a fresh link that logs a browser in, once.

use serde::Deserialize;
use serde_json::Map;

use super::Failure;
use super::context::Context;

#[derive(Deserialize)]
struct Answer {
    url_path: String,
}

/// Prints one.
pub(super) async fn login_link(context: &Context) -> Result<(), Failure> {
    let link = fresh(context).await?;
    context.screen.print(&format!("{link}\n"))
}

/// A new link, with the address of this node before it.
pub(super) async fn fresh(context: &Context) -> Result<String, Failure> {
    let answer: Answer = context.client.post("/api/login-links", &Map::new()).await?;
    Ok(format!("{}{}", context.home.address(), answer.url_path))
}
