//! `qd check`: what is wrong with an ecosystem file, all of it at once. Starts nothing. With `--heal` it is about the daemon: see `heal.rs`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::Failure;
use super::apply::{self, Choice};
use super::context::Context;
use super::failure::warn;
use crate::config::{self, Finding};

/// The words of `qd check`.
#[derive(Args, Clone, Debug)]
pub(super) struct Check {
    /// Ecosystem file [default: the one in this folder]
    #[arg(value_name = "CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    choice: Choice,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
    /// Bring a dead or hung daemon back, whose apps run on; made for cron
    #[arg(long, conflicts_with_all = ["config", "only", "env_name", "json"])]
    pub(super) heal: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    file: &'a Path,
    apps: Vec<&'a str>,
    errors: &'a [Finding],
    warnings: &'a [Finding],
}

impl Check {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let found = || config::find(Path::new("."));
        let nothing = || Failure::Usage("there is no ecosystem file in this folder; name one".into());
        let file = self.config.clone().or_else(found).ok_or_else(nothing)?;
        let result = config::load(&file, &apply::options(&self.choice, context)?);
        if self.json {
            let report = match &result {
                Ok(loaded) => {
                    let apps = loaded.specs.iter().map(|spec| spec.name.as_str()).collect();
                    Report { file: &file, apps, errors: &[], warnings: &loaded.warnings }
                }
                Err(errors) => Report { file: &file, apps: Vec::new(), errors: &errors.errors, warnings: &errors.warnings },
            };
            context.print_json(&report)?;
        }
        let loaded = result?;
        if !self.json {
            loaded.warnings.iter().for_each(|warning| warn(&warning.to_string()));
            let apps = loaded.specs.len();
            context.screen.say(&format!("{}: {apps} app{}, no mistakes", file.display(), if apps == 1 { "" } else { "s" }))?;
        }
        Ok(())
    }
}
