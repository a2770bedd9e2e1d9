//! `qd env`: the environment that an app was given, secrets too.

use app::model::EnvBlock;
use clap::Args;

use super::context::{Called, Context};
use super::{Failure, format};

/// The words of `qd env`.
#[derive(Args, Clone, Debug)]
pub(super) struct Env {
    /// Name, id, namespace, `all` or /regex/ of apps
    #[arg(required = true, value_name = "SELECTOR")]
    words: Vec<String>,
    /// Print the variables as a JSON object; of several apps, as an object by their names
    #[arg(long)]
    json: bool,
}

impl Env {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let apps = context.selected(&self.words).await?;
        let mut blocks = Vec::new();
        for app in &apps {
            blocks.push((app.name.clone(), context.environment(&app.name).await?));
        }
        match blocks.as_slice() {
            [(_, block)] if self.json => context.print_json(block),
            _ if self.json => context.print_json(&blocks.into_iter().collect::<std::collections::BTreeMap<_, _>>()),
            [(_, block)] => context.screen.print(&lines(block, context.called)),
            _ => {
                let part =
                    |(name, block): &(String, EnvBlock)| format!("# {}\n{}", format::plain(name), lines(block, context.called));
                context.screen.print(&blocks.iter().map(part).collect::<Vec<_>>().join("\n"))
            }
        }
    }
}

/// `NAME=value`, quoted so that a shell reads it back; PM2 writes `NAME: value`.
fn lines(block: &EnvBlock, called: Called) -> String {
    let line = |(name, value): (&String, &String)| match called {
        Called::Qd => format!("{name}={}\n", shell_words::quote(value)),
        Called::Pm2 => format!("{name}: {value}\n"),
    };
    block.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_it_back() {
        let block: EnvBlock =
            [("COLOUR", "red"), ("TITLE", "it's two\nlines")].map(|(name, value)| (name.into(), value.into())).into();
        let text = lines(&block, Called::Qd);
        assert_eq!(shell_words::split(&text).unwrap(), ["COLOUR=red", "TITLE=it's two\nlines"]);
        assert_eq!(lines(&block, Called::Pm2).lines().next(), Some("COLOUR: red"));
    }
}
