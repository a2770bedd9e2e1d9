//! The page of an app while it is looked at: charts and log go on.

use leptos::html::Ol;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::web_sys::HtmlElement;
use wasm_bindgen::JsCast;

use super::api::{self, logs, logs_since};
use super::navigate::rename;
use crate::chart::feed;
use crate::component::LogView;
use crate::model::{AppMetrics, Availability, Event, Time};
use crate::route::Route;
use crate::ui::Ui;

/// How many lines a log that follows keeps.
const KEPT: usize = 1000;
/// How near to its end a log must be to be kept there, in pixels.
const NEAR_END: i32 = 40;

/// Lets charts that end now move on with each tick.
pub(crate) fn feed_charts(ui: Ui, name: String, metrics: RwSignal<Result<AppMetrics, String>>) {
    Effect::new(move || {
        let (now, row) = ui.dashboard.with(|dashboard| (dashboard.time(), dashboard.row(&name)));
        let due = metrics.with_untracked(|metrics| {
            metrics.as_ref().is_ok_and(|metrics| {
                let behind = now.since(metrics.to);
                behind >= metrics.step_ms / 4 && behind < 4 * metrics.step_ms + 20_000
            })
        });
        if let Some(row) = row.filter(|_| due) {
            metrics.update(|metrics| {
                if let Ok(metrics) = metrics {
                    feed(metrics, now, row.cpu_percent, row.memory_mb, row.figures());
                }
            });
        }
    });
}

/// Asks again for how much of the time an app was there, whenever something happened to it.
pub(crate) fn follow_availability(name: String, events: Memo<Vec<Event>>, told: RwSignal<Result<Availability, String>>) {
    let newest = Memo::new(move |_| events.with(|events| events.first().map(|event| event.id)));
    Effect::watch(
        move || newest.get(),
        move |_, _, _| {
            let name = name.clone();
            spawn_local(async move { told.set(api::availability(&name).await) });
        },
        false,
    );
}

/// Fetches what was written since, with each tick, while the log follows and is seen.
pub(crate) fn follow_log(ui: Ui, name: String, log: RwSignal<LogView>) {
    let asking = StoredValue::new(false);
    Effect::new(move || {
        ui.dashboard.with(|dashboard| dashboard.time());
        let follows = log.with_untracked(|log| log.around.is_none());
        if !follows || asking.get_value() || document().hidden() {
            return;
        }
        asking.set_value(true);
        let name = name.clone();
        spawn_local(async move {
            let cursor = log.with_untracked(|log| log.page.as_ref().ok().and_then(|page| page.after.clone()));
            let since = match &cursor {
                Some(cursor) => logs_since(&name, cursor).await,
                None => Ok(None),
            };
            // Of an app that writes faster than one can read, the end is what matters.
            let (news, more) = match since {
                Ok(Some(page)) => (Ok(page), true),
                Ok(None) => (logs(&name, None).await, false),
                Err(error) => (Err(error), true),
            };
            // The page may have been left, or a moment chosen, while the answer was on its way.
            let still = log.try_with_untracked(|log| {
                log.around.is_none() && log.page.as_ref().ok().and_then(|page| page.after.clone()) == cursor
            });
            if still != Some(true) {
                asking.try_set_value(false);
                return;
            }
            match news {
                Ok(news) if more && (news.lines.is_empty() || news.after == cursor) => {}
                news => log.update(|log| append(log, news, more)),
            }
            asking.try_set_value(false);
        });
    });
}

fn append(log: &mut LogView, news: Result<crate::model::LogPage, String>, more: bool) {
    match (&mut log.page, news) {
        (Ok(page), Ok(news)) if more => {
            page.lines.extend(news.lines);
            let surplus = page.lines.len().saturating_sub(KEPT);
            page.lines.drain(..surplus);
            page.after = news.after;
        }
        (_, news) => log.page = news,
    }
}

/// Shows the lines around a moment, or follows again. The address says so too.
pub(crate) fn look_at(ui: Ui, name: &str, at: Option<Time>, log: RwSignal<LogView>) {
    let route = Route::App { name: name.into(), range: Some(ui.route.get_untracked().range(ui.now.get_untracked())), at };
    rename(&route);
    ui.route.set(route);
    let name = name.to_owned();
    spawn_local(async move {
        let page = logs(&name, at).await;
        log.try_set(LogView { around: at, page });
    });
}

/// Keeps a log that follows at its end, unless the reader went back; shows the moment of one that does not in its middle.
pub(crate) fn keep_in_sight(list: NodeRef<Ol>, around: Signal<Option<Time>>, count: Signal<usize>) {
    let at_end = StoredValue::new(true);
    Effect::new(move || {
        let Some(list) = list.get() else { return };
        let scrolled = list.clone();
        let handle = leptos::ev::scroll;
        let _ = list.on(handle, move |_| {
            at_end.set_value(scrolled.scroll_height() - scrolled.scroll_top() - scrolled.client_height() < NEAR_END)
        });
    });
    Effect::new(move || {
        let (around, _) = (around.get(), count.get());
        let Some(list) = list.get() else { return };
        request_animation_frame(move || {
            let place = list.query_selector("[data-after]").ok().flatten().and_then(|one| one.dyn_into::<HtmlElement>().ok());
            match (around, place) {
                (Some(_), Some(place)) => list.set_scroll_top(place.offset_top() - list.offset_top() - list.client_height() / 2),
                _ if at_end.try_get_value().unwrap_or(false) => list.set_scroll_top(list.scroll_height()),
                _ => {}
            }
        });
    });
}
