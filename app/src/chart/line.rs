//! One figure over time, with its limit, the marks of restarts, and the cursor that goes through all charts of a page.

use leptos::prelude::*;

use super::scale::{Axis, Frame, WIDTH, paths};
use crate::client;
use crate::erased::Erase;
use crate::model::Time;

/// What a chart shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Plot {
    line: String,
    area: String,
    labels: Vec<String>,
    grid: Vec<String>,
    limit: Option<String>,
}

impl Plot {
    /// A line through figures, broken where nothing was measured for more than `step_ms` and a little.
    pub(crate) fn new(points: &[(Time, f64)], limit: Option<f64>, frame: Frame, step_ms: u64) -> Self {
        let greatest = points.iter().map(|point| point.1).chain(limit).fold(0.0, f64::max);
        // A limit at the very top would look like the frame.
        let axis = Axis::fit(greatest * 1.04);
        let gap = (frame.x(frame.from + step_ms as i64 * 5 / 2)).max(WIDTH / 200);
        let (line, area) = paths(points.iter().map(|(time, value)| (frame.x(*time).clamp(0, WIDTH), axis.y(*value))), gap);
        let tenth = |y: i64| [&(y / 10).to_string(), ".", &(y % 10).to_string(), "%"].concat();
        let grid = (0..=i64::from(axis.steps)).map(|step| tenth(step * 1000 / i64::from(axis.steps))).collect();
        Self { line, area, labels: axis.labels(), grid, limit: limit.map(|value| tenth(axis.y(value))) }
    }
}

/// What all charts of a page share.
#[derive(Clone, Copy)]
pub(crate) struct PlotFrame {
    /// The span of time.
    pub(crate) frame: Memo<Frame>,
    /// When something restarted.
    pub(crate) marks: Memo<Vec<Time>>,
    /// The moment under the pointer, else the one that was chosen.
    pub(crate) cursor: Signal<Option<Time>>,
    /// Told where the pointer is; none when it left.
    pub(crate) hover: Callback<Option<Time>>,
    /// Told which moment was chosen.
    pub(crate) choose: Callback<Time>,
}

/// Draws it. The words beside it say the same, so that the drawing is hidden from those who listen.
#[component]
pub(crate) fn LinePlot(
    /// What is drawn.
    #[prop(into)]
    plot: Signal<Plot>,
    /// What it shares with the others.
    shared: PlotFrame,
    /// Colour: `cpu` or `memory`.
    kind: &'static str,
) -> impl IntoView {
    let PlotFrame { frame, marks, cursor, hover, choose } = shared;
    let time_at = move |event: &leptos::ev::PointerEvent| frame.get_untracked().at(client::fraction(event));
    let vertical = move |x: String, class: &'static str| view! { <line class=class x1=x.clone() x2=x y1="0" y2="100%"></line> };
    let part = move |part: fn(&Plot) -> String| move || plot.with(part);
    view! {
        <div class=["plot ", kind].concat() aria-hidden="true">
            <svg
                class="canvas"
                on:pointermove=move |event| hover.run(Some(time_at(&event)))
                on:pointerleave=move |_| hover.run(None)
                on:pointerup=move |event| choose.run(time_at(&event))
            >
                {move || {
                    plot.with(|plot| plot.grid.clone())
                        .into_iter()
                        .map(|y| view! { <line class="grid" x1="0" x2="100%" y1=y.clone() y2=y></line> })
                        .collect_view()
                }}
                <svg width="100%" height="100%" viewBox="0 0 10000 1000" preserveAspectRatio="none">
                    <path class="area" d=part(|plot| plot.area.clone())></path>
                    <path class="stroke" d=part(|plot| plot.line.clone())></path>
                </svg>
                {move || {
                    plot.with(|plot| plot.limit.clone())
                        .map(|y| view! { <line class="limit" x1="0" x2="100%" y1=y.clone() y2=y></line> })
                }}
                {move || {
                    let frame = frame.get();
                    marks.get().into_iter().filter_map(|time| frame.percent(time)).map(|x| vertical(x, "mark")).collect_view()
                }}
                {move || cursor.get().and_then(|time| frame.get().percent(time)).map(|x| vertical(x, "cursor"))}
            </svg>
            <div class="scale">
                {move || plot.with(|plot| plot.labels.clone()).into_iter().map(|label| view! { <span>{label}</span> }).collect_view()}
            </div>
        </div>
    }
    .erase()
}
