//! Figures that come in while a chart is looked at.

use crate::model::Time;
#[cfg(any(test, feature = "hydrate"))]
use crate::model::{AppMetrics, Figure, FigurePoint, FigureSeries, MetricPoint, Range};

/// Moves the span on to `now` and adds a figure to it. Points of the past are left as the server thinned them.
#[cfg(any(test, feature = "hydrate"))]
pub(crate) fn feed(
    metrics: &mut AppMetrics,
    now: Time,
    cpu_percent: Option<f32>,
    memory_mb: Option<f32>,
    figures: Vec<(Figure, f64)>,
) {
    if now <= metrics.to {
        return;
    }
    let length = metrics.to.0 - metrics.from.0;
    (metrics.from, metrics.to) = (now - length, now);
    let from = metrics.from;
    let past = metrics.points.partition_point(|point| point.time < from);
    metrics.points.drain(..past);
    for series in &mut metrics.figures {
        let past = series.points.partition_point(|point| point.time < from);
        series.points.drain(..past);
    }
    for (figure, value) in figures {
        add(&mut metrics.figures, figure, now, value, metrics.step_ms);
    }
    let (Some(cpu), Some(memory)) = (cpu_percent, memory_mb) else { return };
    let (cpu, memory) = (f64::from(cpu), f64::from(memory) * 1_048_576.0);
    let exact = |value| Range { min: value, mean: value, max: value };
    match metrics.points.last_mut() {
        Some(last) if now.since(last.time) < metrics.step_ms => {
            widen(&mut last.cpu_percent, cpu);
            widen(&mut last.memory_bytes, memory);
        }
        _ => metrics.points.push(MetricPoint { time: now, cpu_percent: exact(cpu), memory_bytes: exact(memory) }),
    }
}

#[cfg(any(test, feature = "hydrate"))]
fn add(all: &mut Vec<FigureSeries>, figure: Figure, now: Time, value: f64, step_ms: u64) {
    let at = all.iter().position(|series| series.figure == figure).unwrap_or_else(|| {
        all.push(FigureSeries { figure, step_ms, points: Vec::new() });
        all.len() - 1
    });
    let series = &mut all[at];
    match series.points.last_mut() {
        Some(last) if now.since(last.time) < series.step_ms => {
            (last.mean, last.max) = ((last.mean + value) / 2.0, last.max.max(value));
        }
        _ => series.points.push(FigurePoint { time: now, min: value, mean: value, max: value }),
    }
}

/// How many figures a point holds is not known; that the mean leans to the newest is not seen in a point's width.
#[cfg(any(test, feature = "hydrate"))]
fn widen(range: &mut Range, value: f64) {
    range.min = range.min.min(value);
    range.max = range.max.max(value);
    range.mean = (range.mean + value) / 2.0;
}

/// The mean of a figure in bytes per hour since `since`, by least squares; none where it does not grow steadily.
pub(crate) fn growth(points: &[(Time, f64)], since: Time) -> Option<(f64, Time)> {
    const ENOUGH: usize = 12;
    /// What a program does in its first minutes says nothing about the hour.
    const LONG_ENOUGH_MS: i64 = 10 * 60_000;
    let first = points.iter().map(|(time, _)| *time).find(|time| *time >= since)?;
    if points.last()?.0.0 - first.0 < LONG_ENOUGH_MS {
        return None;
    }
    let run: Vec<_> = points
        .iter()
        .filter(|(time, _)| *time >= since)
        .map(|(time, value)| ((time.0 - since.0) as f64 / 3_600_000.0, *value))
        .collect();
    let count = run.len() as f64;
    if run.len() < ENOUGH {
        return None;
    }
    let (mean_x, mean_y) =
        (run.iter().map(|point| point.0).sum::<f64>() / count, run.iter().map(|point| point.1).sum::<f64>() / count);
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in run {
        xx += (x - mean_x) * (x - mean_x);
        xy += (x - mean_x) * (y - mean_y);
        yy += (y - mean_y) * (y - mean_y);
    }
    // The square of the correlation: below that it wavers more than it grows.
    let steady = xx > 0.0 && yy > 0.0 && xy * xy / (xx * yy) > 0.6;
    (steady && xy > 0.0).then(|| (xy / xx, first))
}

/// The figure that 95 of 100 do not exceed.
pub(crate) fn percentile_95(points: &[(Time, f64)]) -> Option<f64> {
    let mut values: Vec<_> = points.iter().map(|point| point.1).collect();
    values.sort_by(f64::total_cmp);
    values.get((values.len() * 95 / 100).min(values.len().saturating_sub(1))).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> AppMetrics {
        AppMetrics { app: "a".into(), from: Time(0), to: Time(10_000), step_ms: 4000, points: Vec::new(), figures: Vec::new() }
    }

    #[test]
    fn the_span_moves_on() {
        let mut shown = metrics();
        for now in [12_000, 14_000, 16_000, 24_000] {
            feed(&mut shown, Time(now), Some(2.0), Some(1.0), vec![(Figure::HeapBytes, now as f64)]);
        }
        let heap: Vec<_> = shown.figures[0].points.iter().map(|point| (point.time.0, point.max)).collect();
        assert_eq!(heap, [(16_000, 16_000.0), (24_000, 24_000.0)]);
        assert_eq!((shown.from, shown.to), (Time(14_000), Time(24_000)));
        assert_eq!(shown.points.iter().map(|point| point.time.0).collect::<Vec<_>>(), [16_000, 24_000]);
        let before = shown.clone();
        feed(&mut shown, Time(24_000), Some(9.0), Some(9.0), Vec::new());
        assert_eq!(shown, before, "the same tick twice does no harm");
        feed(&mut shown, Time(26_000), None, None, Vec::new());
        assert_eq!(shown.points.len(), 2, "nothing is drawn while it is down");
    }

    #[test]
    fn growth_is_told_where_it_is_steady() {
        let points: Vec<_> = (0..20_i64).map(|index| (Time(index * 360_000), 100.0 + index as f64)).collect();
        assert!(growth(&points, Time(-5)).is_some_and(|(rate, since)| (rate - 10.0).abs() < 0.01 && since == Time(0)));
        let minutes: Vec<_> = (0..20_i64).map(|index| (Time(index * 20_000), index as f64)).collect();
        assert_eq!(growth(&minutes, Time(0)), None, "a few minutes are no trend");
        let wavering: Vec<_> = (0..20_i64).map(|index| (Time(index * 360_000), (index % 2) as f64)).collect();
        assert_eq!(growth(&wavering, Time(0)), None);
        assert_eq!(percentile_95(&points), Some(119.0));
        assert_eq!(percentile_95(&[]), None);
    }
}
