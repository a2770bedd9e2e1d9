//! How much of the time it was there, what is left of its budget, and when it was not.

use leptos::prelude::*;

use crate::availability as words;
use crate::component::When;
use crate::erased::Erase;
use crate::format;
use crate::model::{Availability, Outage};
use crate::route::Route;
use crate::ui::Ui;

/// How many outages are shown.
const SHOWN: usize = 8;

/// Shows all of it.
#[component]
pub(super) fn AvailabilityPart(name: String, told: RwSignal<Result<Availability, String>>) -> impl IntoView {
    let ui = Ui::get();
    let figures = Memo::new(move |_| told.with(|told| told.as_ref().map(figures).unwrap_or_default()));
    let trouble = Memo::new(move |_| told.with(|told| told.as_ref().err().cloned().unwrap_or_default()));
    let outages = Memo::new(move |_| {
        told.with(|told| {
            told.as_ref().map(|told| told.outages.iter().take(SHOWN).cloned().collect::<Vec<_>>()).unwrap_or_default()
        })
    });
    let outage = move |one: Outage| {
        let href = Route::App { name: name.clone(), range: None, at: Some(one.from) }.href();
        let from = one.from;
        view! {
            <li>
                <a href=href>
                    <When time=from shape=format::moment />
                </a>
                " "
                {Signal::derive(move || words::outage(&one, ui.now.get()))}
            </li>
        }
    };
    view! {
        <section class="details availability" aria-labelledby="availability-title">
            <h2 id="availability-title">"How much of the time it was there"</h2>
            <div class="panel">
                <p hidden=Signal::derive(move || trouble.with(String::is_empty))>{trouble}</p>
                <dl class="pairs">
                    {move || {
                        figures
                            .get()
                            .into_iter()
                            .map(|(key, value)| {
                                view! {
                                    <div>
                                        <dt>{key}</dt>
                                        <dd>{value}</dd>
                                    </div>
                                }
                            })
                            .collect_view()
                    }}
                </dl>
                <details hidden=Signal::derive(move || outages.with(Vec::is_empty))>
                    <summary>"When it was not, newest first"</summary>
                    <ol>
                        <For each=move || outages.get() key=|one| (one.from, one.to) children=outage />
                    </ol>
                </details>
            </div>
        </section>
    }
    .erase()
}

fn figures(told: &Availability) -> Vec<(String, String)> {
    if told.since.is_none() {
        return vec![("since".to_owned(), "nothing is known yet; it is counted from its next event on".to_owned())];
    }
    let mut figures: Vec<_> = told.spans.iter().map(|span| (words::span_name(span.hours), words::span(span))).collect();
    figures.extend(told.budget.as_ref().map(|budget| ("target".to_owned(), words::budget(budget))));
    figures
}
