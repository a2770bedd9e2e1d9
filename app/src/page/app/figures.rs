//! What an app tells of its inside, under the axis of time of the charts above.

use leptos::prelude::*;

use super::Looked;
use super::charts::{Chart, at};
use crate::chart::{LinePlot, Plot, PlotFrame};
use crate::erased::Erase;
use crate::format;
use crate::model::{Figure, FigureSeries, Time};
use crate::ui::Ui;

const MIB: f64 = 1_048_576.0;

fn title(figure: &Figure) -> String {
    match figure {
        Figure::HeapBytes => "Heap".into(),
        Figure::EventLoopLagMs => "Event loop lag".into(),
        Figure::CheckMs => "Answer time of its health check".into(),
        Figure::Custom(name) => name.clone(),
    }
}

fn words(figure: &Figure, value: f64) -> String {
    match figure {
        Figure::HeapBytes => format::size(value as u64),
        Figure::EventLoopLagMs | Figure::CheckMs => format::decimal(value) + " ms",
        Figure::Custom(_) => format::hundredths(value),
    }
}

/// What is drawn of it: of a lag the worst, since its mean says nothing.
fn points(series: &FigureSeries) -> Vec<(Time, f64)> {
    let value = |mean: f64, max: f64| match series.figure {
        Figure::HeapBytes => mean / MIB,
        Figure::EventLoopLagMs | Figure::CheckMs => max,
        Figure::Custom(_) => mean,
    };
    series.points.iter().map(|point| (point.time, value(point.mean, point.max))).collect()
}

/// A chart for each figure that there is.
#[component]
pub(super) fn Figures(looked: Looked, shared: PlotFrame) -> impl IntoView {
    let metrics = looked.metrics;
    let known = Memo::new(move |_| {
        metrics.with(|metrics| {
            metrics
                .as_ref()
                .map(|metrics| metrics.figures.iter().map(|one| one.figure.clone()).collect::<Vec<_>>())
                .unwrap_or_default()
        })
    });
    let chart = move |figure: Figure| view! { <FigureChart figure looked shared /> };
    view! { <For each=move || known.get() key=Clone::clone children=chart /> }.erase()
}

#[component]
fn FigureChart(figure: Figure, looked: Looked, shared: PlotFrame) -> impl IntoView {
    let ui = Ui::get();
    let (metrics, key) = (looked.metrics, figure.clone());
    let series = Memo::new(move |_| {
        metrics
            .with(|metrics| {
                let found = metrics.as_ref().ok()?.figures.iter().find(|one| one.figure == key)?;
                Some((points(found), found.step_ms))
            })
            .unwrap_or_default()
    });
    let plot = Memo::new(move |_| series.with(|(points, step_ms)| Plot::new(points, None, shared.frame.get(), *step_ms)));
    let title = title(&figure);
    let told = move || {
        let value = |point: f64| words(&figure, if figure == Figure::HeapBytes { point * MIB } else { point });
        series.with(|(points, _)| match shared.cursor.get() {
            Some(time) => {
                at(points, time).map_or_else(|| "not measured".into(), value) + " at " + &format::clock(ui.zone.get().at(time))
            }
            None => points.last().map(|point| value(point.1) + " now").unwrap_or_default(),
        })
    };
    view! {
        <Chart title words=Signal::derive(told)>
            <LinePlot plot shared kind="inside" />
        </Chart>
    }
    .erase()
}
