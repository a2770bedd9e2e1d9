//! The samples of an app in a span of time, from memory, from every sample and from minutes, thinned for a chart.

use std::time::Duration;

use app::model::{AppMetrics, MetricPoint, Range, Time};
use rusqlite::Connection;

use super::sample::{Extent, MINUTE_MS, Sample, Series, Summary, fold};
use super::thin::{Frame, thin};
use super::{Error, database, minutes, raw};
use crate::control::Span;

/// What is asked, and what is known of it without the database.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    pub(super) app: &'a str,
    pub(super) span: Span,
    /// The last minutes, oldest first, from a whole minute on.
    pub(super) recent: &'a [Sample],
    pub(super) sample_every: Duration,
}

impl Question<'_> {
    /// The answer, from memory alone where there is no connection.
    pub(super) fn answer(&self, connection: Option<&Connection>) -> Result<AppMetrics, Error> {
        let Span { from, to, limit } = self.span;
        // From this minute on memory knows everything.
        let recent_minute = self.recent.first().map_or(i64::MAX, Sample::minute);
        let mut stored = Stored::find(connection, self.app)?;
        let recent_first = self.recent.iter().map(|sample| sample.time).find(|time| *time >= from.ms());
        let stored_first = stored.first_minute(from.ms().div_euclid(MINUTE_MS))?.map(|minute| minute * MINUTE_MS);
        let start = [recent_first, stored_first].into_iter().flatten().min().unwrap_or(to.ms()).max(from.ms());
        let in_detail = (to.ms() - start) / i64::try_from(limit.max(1)).unwrap_or(i64::MAX) < MINUTE_MS;

        let end = to.ms().div_euclid(MINUTE_MS).saturating_add(1).min(recent_minute);
        let mut points = stored.points(start.div_euclid(MINUTE_MS)..end, in_detail)?;
        let recent = self.recent.iter().copied().map(Summary::from);
        points.extend(if in_detail { recent.collect() } else { fold(recent, MINUTE_MS) });
        // A minute that began before the span says nothing about it, but the first one that there is does.
        points.retain(|point| (from.ms()..=to.ms()).contains(&point.time));
        points.sort_by_key(|point| point.time);

        let every = i64::try_from(self.sample_every.as_millis()).unwrap_or(MINUTE_MS);
        let unit = if in_detail { every.clamp(1, 1000) } else { MINUTE_MS };
        let is_thin = points.len() > limit;
        let (step, points) = thin(points, Frame { from: from.ms(), to: to.ms(), limit }, unit);
        let step = if in_detail && !is_thin { every } else { step };
        let points = points.iter().map(point).collect();
        Ok(AppMetrics { app: self.app.to_owned(), from, to, step_ms: step.unsigned_abs(), points })
    }
}

/// What the database has of a series.
struct Stored<'a>(Option<(&'a Connection, i64)>);

impl<'a> Stored<'a> {
    fn find(connection: Option<&'a Connection>, app: &str) -> Result<Self, Error> {
        let Some(connection) = connection else { return Ok(Self(None)) };
        let id = database::find(connection, &Series::App(app.into()))?;
        Ok(Self(id.map(|id| (connection, id))))
    }

    fn first_minute(&mut self, from: i64) -> Result<Option<i64>, Error> {
        let Some((connection, id)) = self.0 else { return Ok(None) };
        Ok(minutes::first(connection, id, from)?)
    }

    /// What there is of these minutes. Where every sample is wanted but gone, minutes stand in for them.
    fn points(&mut self, span: std::ops::Range<i64>, in_detail: bool) -> Result<Vec<Summary>, Error> {
        let Some((connection, id)) = self.0.filter(|_| !span.is_empty()) else { return Ok(Vec::new()) };
        if !in_detail {
            return Ok(minutes::read(connection, id, span)?);
        }
        let samples = raw::read(connection, id, span.clone())?;
        let first = samples.first().map_or(span.end, Sample::minute);
        let mut points = minutes::read(connection, id, span.start..first)?;
        points.extend(samples.into_iter().map(Summary::from));
        Ok(points)
    }
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
