//! `qd start`: starts the daemon if none runs, then apps of an ecosystem file, a script, or apps that are known.

use std::env;
use std::path::{Path, PathBuf};

use app::model::{Action, App, AppSpec};
use clap::Args;

use super::act::{act, table};
use super::apply::{self, Choice, Existing};
use super::context::Context;
use super::select::{components, instance, is_known, select};
use super::{Failure, daemon};
use crate::config::{self, Loaded, ScriptFlags};

/// The words of `qd start`.
#[derive(Args, Clone, Debug)]
pub(super) struct Start {
    /// Ecosystem file, script or program, or name, id, namespace, `all` or /regex/ of known apps [default: the ecosystem file of this folder]
    #[arg(value_name = "CONFIG|SCRIPT|SELECTOR")]
    targets: Vec<String>,
    #[command(flatten)]
    choice: Choice,
    /// Give known apps the environment of this shell
    #[arg(long, short = 'a')]
    update_env: bool,
    /// Let a script take the name of an app that runs another one
    #[arg(long, short)]
    force: bool,
    #[command(flatten, next_help_heading = "Settings of a script")]
    flags: ScriptFlags,
    /// Arguments for the script
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<String>,
}

/// The words of `startOrRestart` and `startOrReload`.
#[derive(Args, Clone, Debug)]
pub(super) struct Renew {
    /// Ecosystem file
    #[arg(value_name = "CONFIG")]
    config: PathBuf,
    #[command(flatten)]
    choice: Choice,
    /// Accepted as PM2 has it: what an ecosystem file says always counts
    #[arg(long, short = 'a', hide = true)]
    update_env: bool,
}

impl Start {
    pub(super) async fn run(mut self, context: &Context) -> Result<(), Failure> {
        if self.targets.is_empty() {
            self.targets.push(config_of_this_folder()?);
        }
        // What is wrong with a file is told before anything is started.
        let (files, words): (Vec<_>, Vec<_>) = self.targets.iter().cloned().partition(|word| config::is_config(word));
        let mut loaded = Loaded::default();
        for file in &files {
            loaded.specs.extend(apply::load(Path::new(file), &self.choice, context)?.specs);
        }
        daemon::ensure(context).await?;
        let apps = context.apps().await?;
        let (known, scripts): (Vec<_>, Vec<_>) = words.into_iter().partition(|word| is_known(&apps, word));
        for script in &scripts {
            loaded.specs.push(self.script(script, &apps, context)?);
        }
        let applied = apply::apply(context, loaded, Existing::Keep).await;
        let chosen: Vec<App> = select(&apps, &known)?.into_iter().cloned().collect();
        let started = if self.update_env {
            apply::update_environment(context, &chosen, Action::Restart).await
        } else {
            let (one, all): (Vec<_>, Vec<_>) = known.into_iter().partition(|word| instance(&apps, word).is_some());
            let whole = select(&apps, &all)?.into_iter().cloned().collect();
            let started = apply::start_known(context, whole).await;
            started.and(act(context, Action::Start, components(&apps, &one)?).await)
        };
        applied.and(started)?;
        table(context).await
    }

    /// A script with its flags. It must not take the place of another app by a name that nobody chose.
    fn script(&self, script: &str, apps: &[App], context: &Context) -> Result<AppSpec, Failure> {
        let folder = env::current_dir()
            .map_err(|error| Failure::Usage(format!("this folder cannot be found: {error}; go to another one")))?;
        let read = config::script(script, &self.args, &self.flags, &folder, &apply::options(&self.choice, context)?);
        let spec = read.map_err(|errors| match errors.errors.as_slice() {
            // A word that means nothing is no bad config: it fails as with every other command.
            [nothing] if nothing.key.is_none() => Failure::failed(&nothing.message),
            _ => Failure::Config(errors),
        })?;
        let other = apps.iter().find(|app| app.name == spec.name && (app.script != spec.script || app.cwd != spec.cwd));
        match other {
            Some(other) if !self.force => Err(Failure::failed(format!(
                "there is an app {} already, which runs {} in {}; give this one another name with --name, or take its place with --force",
                other.name, other.script, other.cwd
            ))),
            _ => Ok(spec),
        }
    }
}

impl Renew {
    pub(super) async fn run(self, action: Action, context: &Context) -> Result<(), Failure> {
        let loaded = apply::load(&self.config, &self.choice, context)?;
        daemon::ensure(context).await?;
        apply::apply(context, loaded, Existing::Renew(action)).await?;
        table(context).await
    }
}

fn config_of_this_folder() -> Result<String, Failure> {
    let found = config::find(Path::new("."));
    let found = found.and_then(|path| path.into_os_string().into_string().ok());
    found.ok_or_else(|| {
        Failure::Usage("there is nothing to start: this folder has no ecosystem file; name a config, a script or an app".into())
    })
}
