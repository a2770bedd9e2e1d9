//! `qd logs`: the last lines of apps, then each new one.

mod date;
mod line;
mod source;

use std::time::Duration;

use app::model::{App, LogStream, Time};
use clap::Args;
use futures_util::stream::{self, StreamExt};
use tokio::time::{Instant, sleep};

use self::line::Style;
use self::source::{Entry, Source};
use super::Failure;
use super::context::Context;
use super::failure::complain;
use super::select::select;

/// Between two looks for new lines.
const LOOK: Duration = Duration::from_millis(250);
/// So many apps are asked at a time, and so many more make the time between two looks longer.
const AT_ONCE: usize = 16;
/// So many looks between two looks for new apps.
const NEW_APPS_EVERY: u32 = 8;
/// How long a daemon may be away before following ends: it is replaced within seconds.
const AWAY_LIMIT: Duration = Duration::from_secs(10);

/// The words of `qd logs`.
#[derive(Args, Clone, Debug)]
pub(super) struct Logs {
    /// Name, id, namespace, `all` or /regex/ of apps [default: all]
    #[arg(value_name = "SELECTOR")]
    words: Vec<String>,
    /// So many of the last lines of each app
    #[arg(long, value_name = "N", default_value_t = 15)]
    lines: usize,
    /// End after them
    #[arg(long)]
    nostream: bool,
    /// Lines of stderr alone
    #[arg(long)]
    err: bool,
    /// Lines of stdout alone
    #[arg(long)]
    out: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// The lines as they were written, without the name of the app
    #[arg(long)]
    raw: bool,
    /// Show when each line was written, in a format of day.js
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, require_equals = true, default_missing_value = "YYYY-MM-DDTHH:mm:ss")]
    timestamp: Option<String>,
}

impl Logs {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let definitions = context.definitions().await?;
        let apps: Vec<App> = definitions.iter().map(|definition| definition.app.clone()).collect();
        let chosen = if self.words.is_empty() { apps.iter().collect() } else { select(&apps, &self.words)? };
        let begin = context.now();
        let mut sources: Vec<Source> = chosen.into_iter().map(|app| Source::new(app, self.stream(), begin)).collect();
        let formats = definitions.iter().filter_map(|one| Some((one.app.name.clone(), one.spec.log_date_format.clone()?)));
        let mut style = Style::new(context, self.json, self.raw, self.timestamp.clone(), formats.collect());
        style.align(&sources);

        let lines = self.lines;
        let tails = sources.iter_mut().map(|source| async move { source.tail(context, lines).await });
        let tails: Vec<_> = stream::iter(tails).buffered(AT_ONCE).collect().await;
        let tails = tails.into_iter().collect::<Result<Vec<_>, _>>()?;
        print(context, &style, tails.into_iter().flatten().collect())?;
        if self.nostream { Ok(()) } else { self.follow(context, sources, style, begin).await }
    }

    fn stream(&self) -> Option<LogStream> {
        match (self.out, self.err) {
            (true, false) => Some(LogStream::Stdout),
            (false, true) => Some(LogStream::Stderr),
            _ => None,
        }
    }

    async fn follow(&self, context: &Context, mut sources: Vec<Source>, mut style: Style, begin: Time) -> Result<(), Failure> {
        let mut answered = Instant::now();
        let mut known_at = begin;
        for look in 1_u32.. {
            sleep(LOOK * u32::try_from(1 + sources.len() / AT_ONCE).unwrap_or(u32::MAX)).await;
            let news = sources.iter_mut().map(|source| async move { (source.name.clone(), source.news(context).await) });
            let news: Vec<_> = stream::iter(news).buffered(AT_ONCE).collect().await;
            let mut entries = Vec::new();
            for (name, result) in news {
                match result {
                    Ok(lines) => {
                        answered = Instant::now();
                        entries.extend(lines);
                    }
                    Err(Failure::Failed(why)) => {
                        complain(&super::format::plain(&why));
                        sources.retain(|source| source.name != name);
                    }
                    Err(Failure::NoDaemon(_)) if answered.elapsed() < AWAY_LIMIT => {}
                    Err(other) => return Err(other),
                }
            }
            print(context, &style, entries)?;
            if self.words.is_empty() && look % NEW_APPS_EVERY == 0 {
                let now = context.now();
                match context.apps().await {
                    Ok(apps) => {
                        answered = Instant::now();
                        sources.retain(|source| apps.iter().any(|app| app.name == source.name));
                        let added = apps.iter().filter(|app| !sources.iter().any(|source| source.name == app.name));
                        let added: Vec<_> = added.map(|app| Source::new(app, self.stream(), known_at)).collect();
                        sources.extend(added);
                        style.align(&sources);
                        known_at = now;
                    }
                    Err(Failure::NoDaemon(_)) if answered.elapsed() < AWAY_LIMIT => {}
                    Err(other) => return Err(other),
                }
            } else if sources.is_empty() && !self.words.is_empty() {
                return Err(Failure::failed(
                    "none of the apps is there any more, so there is nothing to follow; `qd ls` shows those that are",
                ));
            }
        }
        Ok(())
    }
}

/// Prints lines of several apps in the order of time.
fn print(context: &Context, style: &Style, mut entries: Vec<Entry>) -> Result<(), Failure> {
    if entries.is_empty() {
        return Ok(());
    }
    entries.sort_by_key(|entry| entry.line.time);
    let text: String = entries.iter().map(|entry| style.line(entry)).collect();
    context.screen.print(&text)
}
