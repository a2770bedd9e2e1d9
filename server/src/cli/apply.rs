//! Hands definitions in: those of an ecosystem file, or known ones with another environment.

use std::env;
use std::path::Path;
use std::sync::Arc;

use app::model::{Action, App, AppSpec, EnvBlock};
use clap::Args;
use serde::{Deserialize, Serialize};

use super::act::{act, each};
use super::context::Context;
use super::failure::warn;
use super::{Failure, format};
use crate::config::{self, LoadOptions, Loaded};
use crate::control::Applied;

/// Bytes of definitions that are handed in at once; the daemon takes twice as many.
const BATCH: usize = 512 << 10;

/// Which part of an ecosystem file.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Choice {
    /// Of an ecosystem file, these apps alone
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    only: Vec<String>,
    /// Of an ecosystem file, lay env_NAME over env
    #[arg(long = "env", value_name = "NAME")]
    env_name: Option<String>,
}

/// What becomes of an app that runs already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Existing {
    /// It goes on, unless its definition changed: then it is restarted with the new one.
    Keep,
    /// It is restarted or reloaded, with its new definition if there is one.
    Renew(Action),
}

#[derive(Serialize)]
struct Request<'a> {
    apps: &'a [AppSpec],
    update_env: bool,
    later: bool,
}

#[derive(Deserialize)]
struct Answer {
    applied: Vec<Outcome>,
}

/// What became of a definition.
#[derive(Deserialize)]
pub(super) struct Outcome {
    name: String,
    result: Applied,
}

/// How files are read for this caller: with the environment of this shell, and the settings of the home.
pub(super) fn options(choice: &Choice, context: &Context) -> Result<LoadOptions, Failure> {
    // PM2 takes commas and spaces between names.
    let only: Vec<String> = choice.only.iter().flat_map(|names| names.split_whitespace()).map(str::to_owned).collect();
    let logs = context.settings()?.logs;
    Ok(LoadOptions {
        env_name: choice.env_name.clone(),
        only: (!only.is_empty()).then_some(only),
        environment: environment(),
        rotation: logs.rotation,
        log_policy: logs.policy,
    })
}

/// Reads an ecosystem file and tells what is odd in it.
pub(super) fn load(path: &Path, choice: &Choice, context: &Context) -> Result<Loaded, Failure> {
    let loaded = config::load(path, &options(choice, context)?)?;
    loaded.warnings.iter().for_each(|warning| warn(&warning.to_string()));
    Ok(loaded)
}

/// Hands definitions in, and tells what became of each.
///
/// # Errors
/// Refused; or an app could not be started, which is told already.
pub(super) async fn apply(context: &Context, loaded: Loaded, existing: Existing) -> Result<(), Failure> {
    if loaded.specs.is_empty() {
        return Ok(());
    }
    hand_in(context, loaded, false, existing).await
}

/// Hands definitions in, and gives what became of each.
pub(super) async fn post(context: &Context, apps: &[AppSpec]) -> Result<Vec<Outcome>, Failure> {
    send(context, &Request { apps, update_env: false, later: false }).await
}

/// As many requests as it takes: each definition brings the environment of this shell along.
async fn send(context: &Context, request: &Request<'_>) -> Result<Vec<Outcome>, Failure> {
    let mut applied = Vec::new();
    for apps in batches(request.apps) {
        let answer: Answer = context.client.post("/api/apps", &Request { apps, ..*request }).await?;
        applied.extend(answer.applied);
    }
    Ok(applied)
}

/// Parts of the list that are small enough for a request each.
fn batches(apps: &[AppSpec]) -> Vec<&[AppSpec]> {
    let (mut batches, mut rest) = (Vec::new(), apps);
    while !rest.is_empty() {
        let size = |spec: &AppSpec| serde_json::to_vec(spec).map_or(0, |text| text.len());
        let sums = rest.iter().scan(0, |sum, spec| {
            *sum += size(spec);
            Some(*sum)
        });
        let (batch, others) = rest.split_at(sums.take_while(|sum| *sum <= BATCH).count().max(1));
        batches.push(batch);
        rest = others;
    }
    batches
}

async fn hand_in(context: &Context, loaded: Loaded, update_env: bool, existing: Existing) -> Result<(), Failure> {
    let later = matches!(existing, Existing::Renew(_));
    let applied = send(context, &Request { apps: &loaded.specs, update_env, later }).await?;
    let apps = context.apps().await?;
    let goes_on = |outcome: &Outcome| outcome.result == Applied::Unchanged || (later && outcome.result == Applied::Changed);
    let (old, new): (Vec<_>, Vec<_>) = applied.into_iter().partition(goes_on);
    let told = each(context, new.iter().map(|outcome| outcome.name.clone()), async |name: String| {
        let added = new.iter().any(|outcome| outcome.name == name && outcome.result == Applied::Added);
        tell(&apps, &name, if added { "started" } else { "runs with its new definition" })
    })
    .await;
    let old = old.into_iter().map(|outcome| outcome.name);
    let renewed = match existing {
        Existing::Renew(action) => act(context, action, old).await,
        Existing::Keep => each(context, old, async |name: String| tell(&apps, &name, "runs, as before")).await,
    };
    told.and(renewed)
}

/// What to say about an app that was handed in. It may have come down at once.
fn tell(apps: &[App], name: &str, done: &str) -> Result<String, Failure> {
    use app::model::State;
    let Some(app) = apps.iter().find(|app| app.name == name) else {
        return Err(Failure::failed("it was taken, but was deleted since; hand it in again"));
    };
    let why = || app.reason.as_deref().unwrap_or("it came down at once; `qd logs` and `qd describe` show more");
    match app.state {
        State::Errored | State::BackingOff => Err(Failure::Failed(format!("it does not run: {}", why()))),
        State::Stopped if !app.wanted => Ok("added, but not started, as its autostart is off".into()),
        State::Stopped => Ok(format!("{done}, and has ended")),
        State::Starting => Ok(format!("{done}, and is not ready yet")),
        State::Online | State::Stopping | State::Unkillable => match app.first().and_then(|first| first.pid) {
            Some(pid) => Ok(format!("{done} (pid {pid})")),
            None => Ok(done.to_owned()),
        },
    }
}

/// Hands known apps in again with the environment of this shell; all of them begin anew with it.
pub(super) async fn update_environment(context: &Context, apps: &[App], action: Action) -> Result<(), Failure> {
    let definitions = context.definitions().await?;
    let chosen = definitions.into_iter().filter(|definition| apps.iter().any(|app| app.name == definition.app.name));
    let specs = chosen.map(|definition| AppSpec { inherited_env: refreshed(&definition.spec), ..definition.spec });
    let loaded = Loaded { specs: specs.collect(), warnings: Vec::new() };
    hand_in(context, loaded, true, Existing::Renew(action)).await
}

/// The environment of this shell, without what the app's `filter_env` keeps back.
fn refreshed(spec: &AppSpec) -> Arc<EnvBlock> {
    config::inherited(spec.other.get("filter_env"), &Arc::new(environment()))
}

/// The environment of this shell, as far as it is text.
pub(super) fn environment() -> EnvBlock {
    env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
}

/// Known apps that do not run yet are started; the others go on.
pub(super) async fn start_known(context: &Context, apps: Vec<App>) -> Result<(), Failure> {
    let (running, resting): (Vec<_>, Vec<_>) = apps.into_iter().partition(|app| app.is_live());
    for app in running {
        let pid = app.first().and_then(|first| first.pid).map(|pid| format!(" (pid {pid})"));
        context.screen.say(&format!("{}: runs already{}", format::plain(&app.name), pid.unwrap_or_default()))?;
    }
    act(context, Action::Start, resting.into_iter().map(|app| app.name)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_request_is_too_large() {
        let app = |size: usize| AppSpec { script: "x".repeat(size), ..AppSpec::default() };
        let sizes = |apps: &[AppSpec]| batches(apps).iter().map(|batch| batch.len()).collect::<Vec<_>>();
        assert!(sizes(&[]).is_empty());
        assert_eq!(sizes(&[app(10), app(10)]), [2]);
        assert_eq!(sizes(&[app(BATCH * 2 / 3), app(BATCH * 2 / 3), app(10)]), [1, 2]);
        assert_eq!(sizes(&[app(BATCH * 2), app(10)]), [1, 1]);
    }
}
