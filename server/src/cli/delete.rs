//! `qd delete`: stops apps and forgets them.

use hyper::Method;

use super::act::{Targets, each, named};
use super::client::segment;
use super::context::Context;
use super::select::instance;
use super::{Failure, format};

/// Stops apps and forgets them; answers when they have ended.
pub(super) async fn delete(targets: Targets, context: &Context) -> Result<(), Failure> {
    let apps = context.apps().await?;
    if let Some((app, _)) = targets.words.iter().find_map(|word| instance(&apps, word)) {
        let (name, count) = (format::plain(&app.name), app.instances.len());
        let fewer = count.saturating_sub(1);
        let told =
            format!("{name} has {count} instances; `qd scale {name} {fewer}` takes one away, `qd delete {name}` all of them");
        return Err(Failure::Failed(told));
    }
    let names = named(context, &targets.words).await?;
    each(context, names, async |name: String| {
        context.client.order(Method::DELETE, &format!("/api/apps/{}", segment(&name))).await?;
        Ok("deleted".to_owned())
    })
    .await
}
