//! `qd profile:mem` and `qd profile:cpu`: looks into Node apps that run.

use app::model::{ProfileFile, ProfileKind, ProfileOrder};
use clap::Args;

use super::Failure;
use super::client::segment;
use super::context::Context;

/// Which process.
#[derive(Args, Clone, Debug)]
pub(super) struct Which {
    /// Name or id of an app
    #[arg(value_name = "SELECTOR")]
    word: String,
    /// Number of the instance [default: the first that runs]
    #[arg(long, short, value_name = "N")]
    instance: Option<u32>,
}

/// The words of `qd profile:cpu`.
#[derive(Args, Clone, Debug)]
pub(super) struct Cpu {
    #[command(flatten)]
    which: Which,
    /// How long it is watched, 1 to 60 s
    #[arg(long, short, value_name = "SECONDS", default_value_t = ProfileOrder::usual_seconds(), value_parser = clap::value_parser!(u32).range(1..=60))]
    duration: u32,
}

impl Cpu {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        self.which.take(ProfileKind::Cpu, self.duration, context).await
    }
}

impl Which {
    /// A heap snapshot.
    pub(super) async fn heap(self, context: &Context) -> Result<(), Failure> {
        self.take(ProfileKind::Heap, ProfileOrder::usual_seconds(), context).await
    }

    async fn take(self, kind: ProfileKind, seconds: u32, context: &Context) -> Result<(), Failure> {
        let order = ProfileOrder { kind, index: self.instance, seconds };
        for app in context.selected(&[self.word]).await? {
            let file: ProfileFile = context.client.post(&format!("/api/apps/{}/profile", segment(&app.name)), &order).await?;
            let path = context.home.path().join("profiles").join(file.name);
            context.screen.print(&format!("{}\n", path.display()))?;
            context.screen.say(match kind {
                ProfileKind::Heap => {
                    "Open it in Chrome: DevTools, panel Memory, Load profile. It holds what the app has in memory, secrets too."
                }
                ProfileKind::Cpu => "Open it in Chrome: DevTools, panel Performance, Load profile.",
            })?;
        }
        Ok(())
    }
}
