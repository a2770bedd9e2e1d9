//! The lines of one app, page by page.

use app::model::{App, LogLine, LogPage, LogStream, Time};

use crate::cli::Failure;
use crate::cli::client::segment;
use crate::cli::context::Context;

/// Lines that are asked for at a time.
const PAGE: usize = 500;
/// Pages that are read in one look for news; what is left comes with the next look.
const PAGES_AT_ONCE: usize = 20;

/// Where to go on reading in the log of an app.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: String,
    /// Has it several instances, so that a line should tell which one wrote it?
    pub(super) several: bool,
    pm_ids: Vec<(u32, u32)>,
    stream: Option<LogStream>,
    /// A cursor, or a time while there is none.
    after: String,
}

/// A line, and who wrote it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) app: String,
    pub(super) several: bool,
    pub(super) pm_id: Option<u32>,
    pub(super) line: LogLine,
}

impl Source {
    /// A source whose news begin at a time.
    pub(super) fn new(app: &App, stream: Option<LogStream>, begin: Time) -> Self {
        Self {
            name: app.name.clone(),
            several: app.instances.len() > 1,
            pm_ids: app.instances.iter().map(|instance| (instance.index, instance.pm_id)).collect(),
            stream,
            after: begin.to_string(),
        }
    }

    /// The last lines; news begin behind them.
    pub(super) async fn tail(&mut self, context: &Context, lines: usize) -> Result<Vec<Entry>, Failure> {
        // The cursor is wanted even if no lines are.
        let mut page = self.page(context, lines.clamp(1, PAGE), None).await?;
        if let Some(after) = page.after.take() {
            self.after = after;
        }
        let mut found = page.lines;
        while found.len() < lines
            && let Some(before) = page.before.take()
        {
            page = self.page(context, (lines - found.len()).min(PAGE), Some(("before", &before))).await?;
            if page.lines.is_empty() {
                break;
            }
            found.splice(0..0, std::mem::take(&mut page.lines));
        }
        found.drain(..found.len().saturating_sub(lines));
        Ok(self.entries(found))
    }

    /// What was written since.
    pub(super) async fn news(&mut self, context: &Context) -> Result<Vec<Entry>, Failure> {
        let mut found = Vec::new();
        for _ in 0..PAGES_AT_ONCE {
            let page = self.page(context, PAGE, Some(("after", &self.after))).await?;
            let full = page.lines.len() >= PAGE;
            found.extend(page.lines);
            match page.after {
                Some(after) if after != self.after => self.after = after,
                _ => break,
            }
            if !full {
                break;
            }
        }
        Ok(self.entries(found))
    }

    async fn page(&self, context: &Context, limit: usize, edge: Option<(&str, &str)>) -> Result<LogPage, Failure> {
        let mut path = format!("/api/apps/{}/logs?limit={limit}", segment(&self.name));
        if let Some(stream) = self.stream {
            path.push_str(&format!("&stream={}", stream.word()));
        }
        if let Some((side, cursor)) = edge {
            path.push_str(&format!("&{side}={}", segment(cursor)));
        }
        context.client.get(&path).await
    }

    fn entries(&self, lines: Vec<LogLine>) -> Vec<Entry> {
        let entry = |line: LogLine| {
            let index = line.index.unwrap_or(0);
            let pm_id = self.pm_ids.iter().find(|(number, _)| *number == index).map(|(_, pm_id)| *pm_id);
            Entry { app: self.name.clone(), several: self.several, pm_id, line }
        };
        lines.into_iter().map(entry).collect()
    }
}
