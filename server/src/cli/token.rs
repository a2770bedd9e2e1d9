//! `qd token`: what programs show to the API.

use std::sync::Arc;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};

use super::Failure;
use super::context::Context;
use super::failure::warn;
use crate::auth::{self, Auth, Role};
use crate::history::{Notify, State};

/// The words of `qd token`.
#[derive(Args, Clone, Debug)]
pub(super) struct Token {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Make a token and print it, this once
    Create(Create),
}

#[derive(Args, Clone, Debug, Serialize)]
struct Create {
    /// What its bearer may do: look; start and stop apps as well; everything
    #[arg(long, value_parser = PossibleValuesParser::new(Role::ALL.map(Role::word)).try_map(role))]
    role: Role,
    /// Name of the bearer; it stands in the events that the token causes
    #[arg(long, value_parser = name)]
    name: String,
}

fn role(word: String) -> Result<Role, String> {
    Role::from_word(&word).ok_or_else(|| format!("{word} is no role"))
}

/// As the API takes it, for the time when there is none to say so.
fn name(word: &str) -> Result<String, String> {
    let is_fit = (1..=64).contains(&word.chars().count()) && !word.chars().any(char::is_control);
    if is_fit { Ok(word.to_owned()) } else { Err("a name has 1 to 64 characters, none of them a control character".into()) }
}

#[derive(Deserialize)]
struct Answer {
    token: String,
}

impl Token {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let Command::Create(create) = self.command;
        let token = match context.client.post::<Answer>("/api/tokens", &create).await {
            Ok(answer) => answer.token,
            Err(Failure::NoDaemon(_)) => without_daemon(&create, context).await?,
            Err(other) => return Err(other),
        };
        context.screen.print(&format!("{token}\n"))
    }
}

/// Writes the token into the state of a node that rests, so that it can be set up before its first start.
async fn without_daemon(create: &Create, context: &Context) -> Result<String, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        let home = context.home.path().display();
        Failure::failed(format!(
            "the token could not be written to state.db in {home}: {error}; look at the folder, or name another with --home"
        ))
    };
    context.home.create().map_err(|error| failed(&error))?;
    let notify: Notify = Arc::new(|sentence| warn(&sentence));
    let state = State::open(context.home.path(), &notify).map_err(|error| failed(&error))?;
    let auth = Auth::new(state.clone(), auth::Settings::default()).map_err(|error| failed(&error))?;
    let token = auth.create_token(&create.name, create.role).await.map_err(|error| failed(&error))?;
    state.settle().map_err(|error| failed(&error))?;
    Ok(token)
}
