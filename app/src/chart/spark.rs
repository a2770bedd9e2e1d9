//! A line without an axis: how a figure went in the last 10 minutes.

use leptos::prelude::*;

use super::scale::{HEIGHT, WIDTH, paths};
use crate::erased::Erase;
use crate::model::Overview;

/// What a spark line shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SparkLine {
    line: String,
    area: String,
    limit: Option<i64>,
}

impl SparkLine {
    /// A line that ends at the right edge, with room for `limit` if there is one.
    pub(crate) fn new(points: &[Option<f32>], limit: Option<f32>) -> Self {
        let greatest = points.iter().flatten().copied().chain(limit).fold(0.0_f32, f32::max);
        // A figure that hardly moves lies flat instead of trembling over the whole height.
        let top = (greatest * 1.1).max(1.0);
        let y = |value: f32| HEIGHT - (value / top * HEIGHT as f32) as i64;
        let step = WIDTH / (Overview::TREND_POINTS as i64 - 1);
        let missing = Overview::TREND_POINTS.saturating_sub(points.len());
        let places = points.iter().enumerate().filter_map(|(index, value)| Some(((index + missing) as i64 * step, y((*value)?))));
        let (line, area) = paths(places, step);
        Self { line, area, limit: limit.map(y) }
    }

    /// The same on the same scale, with the limit not drawn.
    pub(crate) fn without_limit(self) -> Self {
        Self { limit: None, ..self }
    }
}

/// Draws it. It only repeats a figure that stands beside it, so that it is hidden from those who listen.
#[component]
pub(crate) fn Spark(
    /// What is drawn.
    #[prop(into)]
    shown: Signal<SparkLine>,
    /// Colour: `cpu` or `memory`.
    kind: &'static str,
) -> impl IntoView {
    let limit = move || shown.with(|spark| spark.limit.map_or_else(String::new, |y| ["M0 ", &y.to_string(), "H10000"].concat()));
    view! {
        <svg class=["spark ", kind].concat() viewBox="0 0 10000 1000" preserveAspectRatio="none" aria-hidden="true">
            <path class="area" d=move || shown.with(|spark| spark.area.clone())></path>
            <path class="stroke" d=move || shown.with(|spark| spark.line.clone())></path>
            <path class="limit" d=limit></path>
        </svg>
    }
    .erase()
}
