//! `qd stop`, `restart` and `reload`, and what all commands share that act on several apps at once.

use std::path::Path;

use app::model::{Action, App};
use clap::Args;
use futures_util::stream::{self, StreamExt};

use super::apply::{self, Existing};
use super::context::{Called, Context};
use super::failure::complain;
use super::select::components;
use super::{Failure, format, ls};
use crate::config;

/// So many apps at a time; each may take as long as its `kill_timeout`.
const AT_ONCE: usize = 16;

/// Which apps.
#[derive(Args, Clone, Debug)]
pub(super) struct Targets {
    /// Name, id, namespace, `all` or /regex/ of apps, or an ecosystem file; several may be given
    #[arg(required = true, value_name = "SELECTOR")]
    pub(super) words: Vec<String>,
}

/// The words of `restart` and `reload`.
#[derive(Args, Clone, Debug)]
pub(super) struct Renewal {
    #[command(flatten)]
    pub(super) targets: Targets,
    #[command(flatten)]
    pub(super) choice: apply::Choice,
    /// Give the apps the environment of this shell
    #[arg(long, short = 'a')]
    pub(super) update_env: bool,
}

/// Stops apps.
pub(super) async fn stop(targets: Targets, context: &Context) -> Result<(), Failure> {
    let (files, mut words): (Vec<_>, Vec<_>) = targets.words.into_iter().partition(|word| is_file(word));
    words.extend(named(context, &files).await?);
    act(context, Action::Stop, components(&context.apps().await?, &words)?).await?;
    table(context).await
}

impl Renewal {
    /// Restarts or reloads apps.
    pub(super) async fn run(self, action: Action, context: &Context) -> Result<(), Failure> {
        let (files, words): (Vec<_>, Vec<_>) = self.targets.words.into_iter().partition(|word| is_file(word));
        for file in &files {
            let loaded = apply::load(Path::new(file), &self.choice, context)?;
            apply::apply(context, loaded, Existing::Renew(action)).await?;
        }
        if self.update_env {
            let apps = context.selected(&words).await?;
            apply::update_environment(context, &apps, action).await?;
        } else {
            act(context, action, components(&context.apps().await?, &words)?).await?;
        }
        table(context).await
    }
}

/// Asks for the same action on each app, and tells of each.
pub(super) async fn act(context: &Context, action: Action, names: impl IntoIterator<Item = String>) -> Result<(), Failure> {
    each(context, names, async |name: String| {
        context.client.control(action, &name).await?;
        Ok(action.done().to_owned())
    })
    .await
}

/// Does something to each app, several at a time, and tells of each when it is done.
///
/// # Errors
/// Told already, if one of them was not done; the others were.
pub(super) async fn each<F>(context: &Context, names: impl IntoIterator<Item = String>, work: F) -> Result<(), Failure>
where
    F: AsyncFn(String) -> Result<String, Failure>,
{
    let work = &work;
    let mut results = stream::iter(names).map(|name| async move { (name.clone(), work(name).await) }).buffer_unordered(AT_ONCE);
    let mut failed = false;
    while let Some((name, result)) = results.next().await {
        let name = format::plain(&name);
        match result {
            Ok(done) => context.screen.say(&format!("{name}: {done}"))?,
            Err(Failure::Failed(why)) => {
                complain(&format!("{name}: {}", format::plain(&why)));
                failed = true;
            }
            Err(other) => return Err(other),
        }
    }
    if failed { Err(Failure::Told) } else { Ok(()) }
}

/// Names of the apps that the words mean; an ecosystem file stands for the apps in it that are known.
pub(super) async fn named(context: &Context, words: &[String]) -> Result<Vec<String>, Failure> {
    let mut wanted = Vec::new();
    for word in words {
        if is_file(word) {
            let loaded = apply::load(Path::new(word), &apply::Choice::default(), context)?;
            wanted.extend(loaded.specs.into_iter().map(|spec| spec.name));
        } else {
            wanted.push(word.clone());
        }
    }
    Ok(context.selected(&wanted).await?.into_iter().map(|app: App| app.name).collect())
}

/// PM2 shows the list after each change, and its users look for it there.
pub(super) async fn table(context: &Context) -> Result<(), Failure> {
    if context.called == Called::Qd || context.screen.silent {
        return Ok(());
    }
    let apps = context.apps().await?;
    context.screen.print(&ls::overview(&apps, context.now(), &context.screen))
}

/// Is an ecosystem file meant, rather than an app?
fn is_file(word: &str) -> bool {
    config::is_config(word) && Path::new(word).is_file()
}
