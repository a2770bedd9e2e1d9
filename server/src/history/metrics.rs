//! The samples of an app in a span of time, from memory and from the database, as fine as a chart needs them.

use std::time::Duration;

use app::model::{AppMetrics, Figure, FigureSeries, MetricPoint, Range, Time};
use rusqlite::Connection;

use super::Error;
use super::level::Level;
use super::sample::{Extent, MINUTE_MS, Sample, Series, Summary, fold};
use super::stored::Stored;
use super::thin::{Frame, thin};
use crate::control::Span;

/// A level is coarse for less than so many of its spans: the one at the edge would matter.
const SPANS: i64 = 100;

/// What is asked, and what is known of it without the database.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    pub(super) series: &'a Series,
    pub(super) span: Span,
    /// The last minutes, oldest first, from a whole minute on.
    pub(super) recent: &'a [Sample],
    pub(super) sample_every: Duration,
}

impl Question<'_> {
    /// The figures of an app that are no figures of every app, which this is asked about.
    pub(super) fn figures(&self, connection: Option<&Connection>, figure: &Figure) -> Result<FigureSeries, Error> {
        let (step, points) = self.points(connection)?;
        let points = points.iter().map(|point| point.point(figure)).collect();
        Ok(FigureSeries { figure: figure.clone(), step_ms: step, points })
    }

    /// What is known of an app, but for its figures.
    pub(super) fn answer(&self, app: &str, connection: Option<&Connection>) -> Result<AppMetrics, Error> {
        let Span { from, to, .. } = self.span;
        let (step_ms, points) = self.points(connection)?;
        let points = points.iter().map(point).collect();
        Ok(AppMetrics { app: app.to_owned(), from, to, step_ms, points, figures: Vec::new() })
    }

    /// The length of the span that each point stands for in ms, and the points. From memory alone where there is no connection.
    fn points(&self, connection: Option<&Connection>) -> Result<(u64, Vec<Summary>), Error> {
        let Span { from, to, limit } = self.span;
        let stored = Stored::find(connection, self.series)?;
        let recent_first = self.recent.iter().map(|sample| sample.time).find(|time| *time >= from.ms());
        let stored_first = stored.first_minute(from.ms().div_euclid(MINUTE_MS))?.map(|minute| minute * MINUTE_MS);
        let start = [recent_first, stored_first].into_iter().flatten().min().unwrap_or(to.ms()).max(from.ms());
        let level = level_for(to.ms() - start, limit);

        let minutes = start.div_euclid(MINUTE_MS)..to.ms().div_euclid(MINUTE_MS).saturating_add(1);
        let mut points = match level {
            None => self.in_detail(&stored, minutes)?,
            Some(level) => self.summed_up(&stored, minutes, level)?,
        };
        // A minute that began before the span says nothing about it, but the first one that there is does.
        points.retain(|point| (from.ms()..=to.ms()).contains(&point.time));
        points.sort_by_key(|point| point.time);

        let every = i64::try_from(self.sample_every.as_millis()).unwrap_or(MINUTE_MS);
        let unit = level.map_or(every.clamp(1, 1000), Level::ms);
        let is_thin = points.len() > limit;
        let (step, points) = thin(points, Frame { from: from.ms(), to: to.ms(), limit }, unit);
        let step = if level.is_none() && !is_thin { every } else { step };
        Ok((step.unsigned_abs(), points))
    }

    fn in_detail(&self, stored: &Stored<'_>, minutes: std::ops::Range<i64>) -> Result<Vec<Summary>, Error> {
        let mut points = stored.samples(minutes.start..minutes.end.min(self.recent_minute()))?;
        points.extend(self.recent.iter().copied().map(Summary::from));
        Ok(points)
    }

    fn summed_up(&self, stored: &Stored<'_>, minutes: std::ops::Range<i64>, level: Level) -> Result<Vec<Summary>, Error> {
        // From this minute on there are no spans of the level yet: they are made here.
        let mark = if level == Level::Minutes { self.recent_minute() } else { stored.mark()? };
        let mut points = stored.spans(level, minutes.start..minutes.end.min(mark))?;
        let mut fine = Vec::new();
        if mark < self.recent_minute() {
            fine = stored.spans(Level::Minutes, mark.max(minutes.start)..minutes.end.min(self.recent_minute()))?;
        }
        fine.extend(self.recent.iter().filter(|sample| sample.minute() >= mark).copied().map(Summary::from));
        points.extend(fold(fine, level.ms()));
        Ok(points)
    }

    /// From this minute on memory knows everything.
    fn recent_minute(&self) -> i64 {
        self.recent.first().map_or(i64::MAX, Sample::minute)
    }
}

/// The coarsest level that still gives the points that are asked for, or seven of eight: a point stands for a whole number of
/// spans. None where it is every sample.
fn level_for(length: i64, limit: usize) -> Option<Level> {
    let step = length.checked_div(super::int(limit as u64)).unwrap_or(length);
    let fits = |level: &&Level| {
        let point = length.unsigned_abs().div_ceil((limit as u64).saturating_sub(1).max(1));
        let unit = level.ms().unsigned_abs();
        length / level.ms() >= SPANS && point.next_multiple_of(unit) - point <= point / 7
    };
    let [minutes, coarse @ ..] = Level::ALL;
    (step >= MINUTE_MS).then(|| coarse.iter().rev().find(fits).copied().unwrap_or(minutes))
}

fn point(summary: &Summary) -> MetricPoint {
    let (first, second) = summary.means();
    MetricPoint {
        time: Time(summary.time),
        cpu_percent: range(summary.first, first, 0.01),
        memory_bytes: range(summary.second, second, 1024.0),
    }
}

fn range(extent: Extent, mean: f64, unit: f64) -> Range {
    Range { min: f64::from(extent.min) * unit, mean: mean * unit, max: f64::from(extent.max) * unit }
}

#[cfg(test)]
mod tests;
