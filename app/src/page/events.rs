//! What happened, to all apps.

use leptos::prelude::*;

use super::Content;
use crate::component::EventLine;
use crate::erased::Erase;
use crate::format;
use crate::model::Event;
use crate::ui::Ui;
use crate::words;

/// The latest events by day, with what comes in while it is looked at.
#[component]
pub(crate) fn EventsPage() -> impl IntoView {
    let ui = Ui::get();
    let loaded = ui.content.with_untracked(|content| match content {
        Content::Events(events) => events.clone(),
        _ => Ok(Vec::new()),
    });
    let error = loaded.as_ref().err().cloned();
    let older = StoredValue::new(loaded.unwrap_or_default());
    let days = Memo::new(move |_| {
        let zone = ui.zone.get();
        let now = zone.at(ui.dashboard.with(|dashboard| dashboard.time()));
        let live = ui.dashboard.with(|dashboard| dashboard.events.clone());
        let mut all: Vec<Event> = older.with_value(|older| older.iter().chain(live.iter()).cloned().collect());
        all.sort_by_key(|event| std::cmp::Reverse(event.id));
        all.dedup_by_key(|event| event.id);
        let mut days: Vec<(String, Vec<Event>)> = Vec::new();
        for event in words::news(&all).into_iter().cloned() {
            let day = format::day(zone.at(event.time), now);
            match days.last_mut() {
                Some((last, events)) if *last == day => events.push(event),
                _ => days.push((day, vec![event])),
            }
        }
        days
    });
    let events_of = move |day: String| {
        move || days.with(|days| days.iter().find(|(name, _)| *name == day).map(|(_, events)| events.clone()).unwrap_or_default())
    };
    view! {
        <header class="page-head">
            <h1>"What happened"</h1>
            <p class="lead">"Each line leads to that second in the page of its app."</p>
        </header>
        {error.map(|error| view! { <p class="error-text">{error}</p> })}
        <p class="panel empty" hidden=Signal::derive(move || days.with(|days| !days.is_empty()))>
            "Nothing has happened yet. Restarts, failures and stops will stand here."
        </p>
        <For each=move || days.with(|days| days.iter().map(|(day, _)| day.clone()).collect::<Vec<_>>()) key=Clone::clone let:day>
            <section class="day">
                <h2>{day.clone()}</h2>
                <ol class="panel events">
                    <For each=events_of(day) key=|event| event.id let:event>
                        <EventLine event shape=|time, _| format::clock(time) />
                    </For>
                </ol>
            </section>
        </For>
    }
    .erase()
}
