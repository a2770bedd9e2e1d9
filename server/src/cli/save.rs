//! `qd save`: writes the list of apps down, for `qd resurrect`.

use clap::Args;
use serde::Deserialize;
use serde_json::Map;

use super::Failure;
use super::context::Context;

/// The words of `qd save`.
#[derive(Args, Clone, Debug)]
pub(super) struct Save {
    /// Accepted as PM2 has it; an empty list never replaces one that is not
    #[arg(long, hide = true)]
    force: bool,
}

/// How many apps it was about.
#[derive(Deserialize)]
pub(super) struct Count {
    apps: usize,
}

impl Count {
    pub(super) fn text(&self) -> String {
        app::format::count(self.apps as u64, "app")
    }
}

impl Save {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let saved: Count = context.client.post("/api/save", &Map::new()).await?;
        context.screen.say(&format!("Saved: {}; `qd resurrect` brings them back.", saved.text()))
    }
}
