//! One app in the overview.

use leptos::prelude::*;

use super::button::likely;
use super::{ActionButton, ActionMenu, Feedback};
use crate::chart::{Spark, SparkLine, Strip};
use crate::erased::Erase;
use crate::format;
use crate::model::Action;
use crate::route::Route;
use crate::state::Row;
use crate::ui::Ui;
use crate::words::{self, Tone};

/// A row: how it stands, since when, what it uses, its last day, and the one action that one is likely to want.
#[component]
pub(crate) fn AppRow(name: String) -> impl IntoView {
    let ui = Ui::get();
    let row = ui.row(name.clone());
    let status = Memo::new(move |_| row.with(|row| row.as_ref().map_or((Tone::Quiet, ""), |row| words::status(row))));
    let told = move |tell: fn(&Row) -> String| {
        Signal::derive(move || row.with(|row| row.as_ref().map(|row| tell(row)).unwrap_or_default()))
    };
    let timely = move |tell: fn(&Row, crate::model::Time) -> String| {
        Memo::new(move |_| {
            let now = ui.now.get();
            row.with(|row| row.as_ref().map(|row| tell(row, now)).unwrap_or_default())
        })
    };
    let note = timely(words::note);
    let memory_unit =
        told(|row| row.memory_mb.map(|mebibytes| [" ", format::size_parts(f64::from(mebibytes)).1].concat()).unwrap_or_default());
    let memory_value =
        told(|row| row.memory_mb.map_or_else(|| format::NOTHING.into(), |mebibytes| format::size_parts(f64::from(mebibytes)).0));
    let cpu_spark = Memo::new(move |_| {
        row.with(|row| row.as_ref().map(|row| SparkLine::new(&row.trend.cpu_percent, None)).unwrap_or_default())
    });
    let memory_spark = Memo::new(move |_| {
        row.with(|row| row.as_ref().map(|row| SparkLine::new(&row.trend.memory_mb, memory_limit(row))).unwrap_or_default())
    });
    let cells = Memo::new(move |_| row.with(|row| row.as_ref().map(|row| row.trend.day.clone()).unwrap_or_default()));
    let action = Memo::new(move |_| row.with(|row| row.as_ref().map_or(Action::Restart, |row| likely(row.app.state))));
    let more = Memo::new(move |_| match action.get() {
        Action::Restart => vec![Action::Reload, Action::Stop],
        _ => vec![Action::Restart, Action::Stop],
    });
    let strength = Signal::derive(move || if status.get().0 == Tone::Bad { "button strong" } else { "button" });
    let href = Route::app(&name).href();
    let key = name.clone();
    let shown = name.clone();
    let actions = ui.may_control.then(|| {
        let name = name.clone();
        view! {
            <div class="acts needs-js">
                <ActionButton name=name.clone() action class=strength />
                <ActionMenu name actions=more />
            </div>
        }
    });
    view! {
        <li class=Signal::derive(move || ["row ", status.get().0.class()].concat()) data-app=key>
            <span class=Signal::derive(move || ["dot ", status.get().0.class()].concat()) aria-hidden="true"></span>
            <div class="what">
                <a class="name" href=href>
                    {shown}
                </a>
                <span class="note" hidden=Signal::derive(move || note.with(String::is_empty))>
                    {note}
                </span>
            </div>
            <div class="state">
                <span class="word">{Signal::derive(move || status.get().1)}</span>
                <span class="since">{timely(words::since)}</span>
            </div>
            <p class="figure cpu">
                <span class="unseen">"CPU "</span>
                {told(|row| row.cpu_percent.map_or_else(|| format::NOTHING.into(), |percent| format::decimal(f64::from(percent))))}
                <small>{told(|row| if row.cpu_percent.is_some() { "%".into() } else { String::new() })}</small>
            </p>
            <Spark shown=cpu_spark kind="cpu" />
            <p class="figure memory">
                <span class="unseen">"Memory "</span>
                {memory_value}
                <small>{memory_unit}</small>
            </p>
            <Spark shown=memory_spark kind="memory" />
            <Strip cells />
            <p class="restarts">
                {told(|row| match row.app.restarts() {
                    0 => "·".into(),
                    number => format::thousands(u64::from(number)),
                })}
                <span class="unseen">" restarts"</span>
            </p>
            {actions}
            <Feedback name />
        </li>
    }
    .erase()
}

/// The limit of all instances together, in MiB.
fn memory_limit(row: &Row) -> Option<f32> {
    let each = row.app.limits.memory_bytes?;
    Some(each as f32 / 1_048_576.0 * row.app.instances.len().max(1) as f32)
}
