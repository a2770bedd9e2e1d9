//! `qd delete`: stops apps and forgets them.

use hyper::Method;

use super::Failure;
use super::act::{Targets, each, named};
use super::client::segment;
use super::context::Context;

/// Stops apps and forgets them; answers when they have ended.
pub(super) async fn delete(targets: Targets, context: &Context) -> Result<(), Failure> {
    let names = named(context, &targets.words).await?;
    each(context, names, async |name: String| {
        context.client.order(Method::DELETE, &format!("/api/apps/{}", segment(&name))).await?;
        Ok("deleted".to_owned())
    })
    .await
}
