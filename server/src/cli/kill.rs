//! `qd kill`: stops every app, then the daemon.

use hyper::Method;

use super::Failure;
use super::context::Context;
use super::daemon::End;

/// Ends when the daemon has ended.
pub(super) async fn kill(context: &Context) -> Result<(), Failure> {
    let end = context.client.daemon_pid().await?.map(End::of);
    context.client.order(Method::POST, "/api/shutdown").await?;
    if let Some(end) = end {
        end.wait()?;
    }
    context.screen.say("The apps and the daemon are stopped.")
}
