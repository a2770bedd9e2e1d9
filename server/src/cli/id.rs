//! `qd id` and `qd pid`: numbers for scripts.

use app::model::Instance;
use clap::Args;

use super::Failure;
use super::context::Context;

/// The words of `qd id` and `qd pid`.
#[derive(Args, Clone, Debug)]
pub(super) struct Numbers {
    /// Name, id, namespace, `all` or /regex/ of apps [default: all]
    #[arg(value_name = "SELECTOR")]
    words: Vec<String>,
}

impl Numbers {
    /// Prints `[ 0, 1 ]`: the ids of all instances, as PM2 does.
    pub(super) async fn ids(self, context: &Context) -> Result<(), Failure> {
        let ids: Vec<String> = self.instances(context).await?.iter().map(|instance| instance.pm_id.to_string()).collect();
        context.screen.print(&format!("[ {} ]\n", ids.join(", ")))
    }

    /// Prints the process ids of all instances that have a process, one a line.
    pub(super) async fn pids(self, context: &Context) -> Result<(), Failure> {
        let instances = self.instances(context).await?;
        let lines = instances.iter().filter_map(|instance| instance.pid).map(|pid| format!("{pid}\n"));
        context.screen.print(&lines.collect::<String>())
    }

    async fn instances(self, context: &Context) -> Result<Vec<Instance>, Failure> {
        let words = if self.words.is_empty() { vec!["all".to_owned()] } else { self.words };
        Ok(context.selected(&words).await?.into_iter().flat_map(|app| app.instances).collect())
    }
}
