//! What every command is given.

use std::time::{SystemTime, UNIX_EPOCH};

use app::model::{App, Definition, EnvBlock, Time};
use serde::Serialize;

use super::client::{Client, segment};
use super::failure::warn;
use super::screen::Screen;
use super::select::select;
use super::{Failure, Home};
use crate::config::Settings;

/// By which name was the program called?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Called {
    /// `qd`.
    #[default]
    Qd,
    /// `pm2`: scripts expect PM2's words and documents.
    Pm2,
}

/// What every command is given.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) home: Home,
    pub(super) client: Client,
    pub(super) screen: Screen,
    pub(super) called: Called,
}

impl Context {
    pub(super) fn now(&self) -> Time {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// The settings of the home, for what the command line needs of them itself.
    pub(super) fn settings(&self) -> Result<Settings, Failure> {
        let (settings, warnings) = Settings::load(self.home.path())?;
        warnings.iter().for_each(|warning| warn(&warning.to_string()));
        Ok(settings)
    }

    /// Every app of the node.
    pub(super) async fn apps(&self) -> Result<Vec<App>, Failure> {
        self.client.get("/api/apps").await
    }

    /// The apps that these words mean.
    pub(super) async fn selected(&self, words: &[String]) -> Result<Vec<App>, Failure> {
        let apps = self.apps().await?;
        Ok(select(&apps, words)?.into_iter().cloned().collect())
    }

    /// Every app with all that it was told.
    pub(super) async fn definitions(&self) -> Result<Vec<Definition>, Failure> {
        self.client.get("/api/definitions").await
    }

    /// What an app was given.
    pub(super) async fn environment(&self, app: &str) -> Result<EnvBlock, Failure> {
        self.client.get(&format!("/api/apps/{}/env", segment(app))).await
    }

    /// Prints a document.
    pub(super) fn print_json(&self, document: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(document);
        let text = text.map_err(|error| Failure::failed(format!("the document could not be written as JSON: {error}")))?;
        self.screen.print(&format!("{text}\n"))
    }
}
