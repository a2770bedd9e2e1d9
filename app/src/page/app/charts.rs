//! Memory and CPU under one axis of time, with one cursor.

use leptos::prelude::*;

use super::figures::Figures;
use super::{Looked, is_verdict};
use crate::chart::{Frame, LinePlot, Plot, PlotFrame, growth, percentile_95};
use crate::client;
use crate::erased::Erase;
use crate::format;
use crate::model::{AppMetrics, Event, EventKind, MetricPoint, Time};
use crate::route::{Range, Route};
use crate::ui::Ui;

const MIB: f64 = 1_048_576.0;
/// How near to a mark the cursor must be to name it, as a part of the width.
const NEAR: i64 = 80;

type Points = Vec<(Time, f64)>;

fn figures(metrics: &Result<AppMetrics, String>, of: fn(&MetricPoint) -> f64) -> Points {
    metrics.as_ref().map(|metrics| metrics.points.iter().map(|point| (point.time, of(point))).collect()).unwrap_or_default()
}

/// The figure that was measured last at a moment.
pub(super) fn at(figures: &[(Time, f64)], time: Time) -> Option<f64> {
    let after = figures.partition_point(|point| point.0 <= time);
    figures.get(after.checked_sub(1)?).map(|point| point.1)
}

fn is_break(event: &Event) -> bool {
    matches!(event.kind, EventKind::Exit | EventKind::SpawnFailed)
}

/// The charts, the choice of their range, and what the cursor stands on.
#[component]
pub(super) fn Charts(name: String, looked: Looked) -> impl IntoView {
    let ui = Ui::get();
    let Looked { metrics, events, at: chosen, log } = looked;
    let row = ui.row(name.clone());
    let hovered = RwSignal::new(None::<Time>);
    let cursor = Signal::derive(move || hovered.get().or(chosen.get()));
    let frame = Memo::new(move |_| {
        metrics.with(|metrics| {
            metrics
                .as_ref()
                .map_or_else(|_| Frame { from: Time(0), to: Time(1) }, |metrics| Frame { from: metrics.from, to: metrics.to })
        })
    });
    let step_ms = Memo::new(move |_| metrics.with(|metrics| metrics.as_ref().map_or(0, |metrics| metrics.step_ms)));
    let told = Memo::new(move |_| {
        let is_told = |event: &&Event| is_break(event) || is_verdict(event.kind);
        events.with(|events| events.iter().filter(is_told).map(|event| (event.time, event.message.clone())).collect::<Vec<_>>())
    });
    let last_break =
        Memo::new(move |_| events.with(|events| events.iter().find(|event| is_break(event)).map(|event| event.time)));
    let marks = Memo::new(move |_| told.with(|told| told.iter().map(|one| one.0).collect::<Vec<_>>()));
    let near = move |time: Time| {
        let frame = frame.get();
        told.with(|told| {
            let distance = |mark: Time| (frame.x(mark) - frame.x(time)).abs();
            told.iter().filter(|(mark, _)| distance(*mark) < NEAR).min_by_key(|(mark, _)| distance(*mark)).cloned()
        })
    };
    let choose = {
        let name = name.clone();
        Callback::new(move |time: Time| {
            // A click beside a mark means the mark.
            let time = untrack(|| near(time)).map_or(time, |(mark, _)| mark);
            chosen.set(Some(time));
            client::look_at(ui, &name, Some(time), log);
        })
    };
    let shared = PlotFrame { frame, marks, cursor, hover: Callback::new(move |time| hovered.set(time)), choose };

    let memory = Memo::new(move |_| metrics.with(|metrics| figures(metrics, |point| point.memory_bytes.mean / MIB)));
    let cpu = Memo::new(move |_| metrics.with(|metrics| figures(metrics, |point| point.cpu_percent.mean)));
    let limit = Memo::new(move |_| {
        row.with(|row| {
            row.as_ref().and_then(|row| {
                row.app.limits.memory_bytes.map(|bytes| bytes as f64 / MIB * row.app.instances.len().max(1) as f64)
            })
        })
    });
    let memory_plot = Memo::new(move |_| memory.with(|memory| Plot::new(memory, limit.get(), frame.get(), step_ms.get())));
    let cpu_plot = Memo::new(move |_| cpu.with(|cpu| Plot::new(cpu, None, frame.get(), step_ms.get())));

    let when = move |time: Time| format::clock(ui.zone.get().at(time));
    let megabytes = |value: f64| format::size((value * MIB) as u64);
    let memory_words = move || {
        let mut parts = Vec::new();
        match cursor.get() {
            Some(time) => parts.push(
                memory.with(|memory| at(memory, time)).map_or_else(|| "not measured".into(), megabytes) + " at " + &when(time),
            ),
            None => parts.extend(
                row.with(|row| row.as_ref().and_then(|row| row.memory_mb).map(|value| megabytes(f64::from(value)) + " now")),
            ),
        }
        parts.extend(limit.get().map(|value| "limit ".to_owned() + &megabytes(value)));
        let since = last_break.get().unwrap_or_default().max(frame.get().from);
        let rate = memory.with(|memory| growth(memory, since)).filter(|(rate, _)| *rate >= 1.0);
        parts.extend(rate.map(|(rate, since)| {
            ["grows ", &format::round(rate).to_string(), " MB/h since ", &format::clock_short(ui.zone.get().at(since))].concat()
        }));
        parts.join(" · ")
    };
    let cpu_words = move || {
        let percent = |value: f64| format::decimal(value) + " %";
        let mut parts = Vec::new();
        match cursor.get() {
            Some(time) => {
                parts.push(cpu.with(|cpu| at(cpu, time)).map_or_else(|| "not measured".into(), percent) + " at " + &when(time))
            }
            None => parts.extend(
                row.with(|row| row.as_ref().and_then(|row| row.cpu_percent).map(|value| percent(f64::from(value)) + " now")),
            ),
        }
        parts.extend(cpu.with(|cpu| percentile_95(cpu)).map(|value| "95th percentile ".to_owned() + &percent(value)));
        parts.join(" · ")
    };
    let cursor_words = move || {
        cursor.get().map(|time| match near(time) {
            Some((mark, words)) => (when(mark), ": ".to_owned() + &words),
            None => (when(time), String::new()),
        })
    };
    let error = Signal::derive(move || metrics.with(|metrics| metrics.as_ref().err().cloned()));
    let empty = move || metrics.with(|metrics| metrics.as_ref().is_ok_and(|metrics| metrics.points.is_empty()));
    let range = {
        let name = name.clone();
        move |range: Range| {
            let href = Route::App { name: name.clone(), range: Some(range), at: None }.href();
            let here = move || (ui.route.get().range(ui.now.get_untracked()) == range).then_some("true");
            view! { <a class="tab" href=href aria-current=here>{range.label()}</a> }
        }
    };
    view! {
        <section class="charts" aria-label="Charts">
            <div class="ranges">
                <nav aria-label="How far back">{Range::ALL.map(range).to_vec()}</nav>
                <p class="cursor-words">
                    {move || cursor_words().map(|(time, words)| view! { "cursor at " <b>{time}</b> {words} })}
                </p>
            </div>
            <p class="error-text" hidden=Signal::derive(move || error.with(Option::is_none))>
                {error}
            </p>
            <p class="panel empty" hidden=Signal::derive(move || !empty())>
                "Nothing was measured in this time. Choose a longer one, or wait a moment."
            </p>
            <Chart title="Memory" words=Signal::derive(memory_words)>
                <LinePlot plot=memory_plot shared kind="memory" />
            </Chart>
            <Chart title="CPU" words=Signal::derive(cpu_words)>
                <LinePlot plot=cpu_plot shared kind="cpu" />
            </Chart>
            <Figures looked shared />
            <Times frame />
        </section>
    }
    .erase()
}

#[component]
pub(super) fn Chart(#[prop(into)] title: String, words: Signal<String>, children: Children) -> impl IntoView {
    view! {
        <section class="panel chart">
            <h2>{title} " " <small>{words}</small></h2>
            {children()}
        </section>
    }
    .erase()
}

/// The axis of time under all charts.
#[component]
fn Times(frame: Memo<Frame>) -> impl IntoView {
    let ui = Ui::get();
    let ticks = move || {
        let zone = ui.zone.get();
        frame
            .get()
            .ticks(|time| zone.at(time))
            .into_iter()
            .map(|tick| view! { <text x=tick.x y="12">{tick.label}</text> })
            .collect_view()
    };
    view! {
        <div class="times" aria-hidden="true">
            <svg class="canvas">{ticks}</svg>
        </div>
    }
    .erase()
}
