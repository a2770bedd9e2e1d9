//! `qd ping`: does a daemon answer?

use super::Failure;
use super::context::Context;

/// Says so if one does.
pub(super) async fn ping(context: &Context) -> Result<(), Failure> {
    context.client.get_bytes("/api/health/live").await?;
    context.screen.say("pong")
}
