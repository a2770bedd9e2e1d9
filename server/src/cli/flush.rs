//! `qd flush` and `qd reset`: empties logs, sets counters to 0.

use clap::Args;

use super::act::each;
use super::client::segment;
use super::context::Context;
use super::{Failure, act::Targets};
use hyper::Method;

/// The words of `qd flush`.
#[derive(Args, Clone, Debug)]
pub(super) struct Flush {
    /// Name, id, namespace, `all` or /regex/ of apps [default: all]
    #[arg(value_name = "SELECTOR")]
    words: Vec<String>,
}

impl Flush {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let words = if self.words.is_empty() { vec!["all".to_owned()] } else { self.words };
        order(context, &words, "flush", "log files emptied").await
    }
}

/// Sets the counters of apps to 0.
pub(super) async fn reset(targets: Targets, context: &Context) -> Result<(), Failure> {
    order(context, &targets.words, "reset", "counters set to 0").await
}

async fn order(context: &Context, words: &[String], verb: &str, done: &str) -> Result<(), Failure> {
    let apps = context.selected(words).await?;
    let names = apps.into_iter().map(|app| app.name);
    each(context, names, async |name: String| {
        context.client.order(Method::POST, &format!("/api/apps/{}/{verb}", segment(&name))).await?;
        Ok(done.to_owned())
    })
    .await
}
