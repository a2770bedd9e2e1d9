//! One thing that happened.

use leptos::prelude::*;

use super::When;
use crate::erased::Erase;
use crate::model::{Event, Time};
use crate::route::Route;
use crate::words;

/// A line of "what happened": it leads to that moment in the page of its app.
#[component]
pub(crate) fn EventLine(
    event: Event,
    /// Writes its time; it is given the moment and the present, both in the zone of the reader.
    shape: fn(Time, Time) -> String,
) -> impl IntoView {
    let dot = ["dot ", words::tone(&event).class()].concat();
    let message = event.message.clone();
    let inner = view! {
        <When time=event.time shape />
        <span class=dot aria-hidden="true"></span>
        <span class="told">
            {event.app.clone().map(|app| view! { <b>{app}</b> " " })}
            {message}
        </span>
    };
    match event.app {
        Some(name) => {
            let href = Route::App { name, range: None, at: Some(event.time) }.href();
            view! { <li><a class="happened" href=href>{inner}</a></li> }.erase()
        }
        None => view! { <li><span class="happened">{inner}</span></li> }.erase(),
    }
}
