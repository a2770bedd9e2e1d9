//! A moment: exact for programs, in the zone of the reader for people.

use leptos::prelude::*;

use crate::erased::Erase;
use crate::format;
use crate::model::Time;
use crate::ui::Ui;

/// Shows a moment. `shape` writes it; it is given the moment and the present, both in the zone of the reader.
#[component]
pub(crate) fn When(time: Time, shape: fn(Time, Time) -> String) -> impl IntoView {
    let ui = Ui::get();
    // The day changes at midnight alone: no need to follow each second.
    let told = move || {
        let zone = ui.zone.get();
        shape(zone.at(time), zone.at(ui.dashboard.with_untracked(|dashboard| dashboard.time())))
    };
    let exact = move || {
        let there = ui.zone.get().at(time);
        [format::date_and_year(there).as_str(), " ", &format::clock_exact(there)].concat()
    };
    view! {
        <time datetime=time.to_string() title=Signal::derive(exact)>
            {Signal::derive(told)}
        </time>
    }
    .erase()
}
