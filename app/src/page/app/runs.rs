//! Why it restarted: each run with its cause, its length, its peak, its end and its last words.

use leptos::prelude::*;

use super::Looked;
use crate::component::When;
use crate::erased::Erase;
use crate::format;
use crate::model::{Event, EventKind};
use crate::route::Route;
use crate::words;

const SHOWN: usize = 20;

/// The runs that ended, newest first.
#[component]
pub(super) fn Runs(name: String, looked: Looked) -> impl IntoView {
    let runs = Memo::new(move |_| {
        let ended = |event: &&Event| matches!(event.kind, EventKind::Exit | EventKind::SpawnFailed | EventKind::Errored);
        looked.events.with(|events| events.iter().filter(ended).take(SHOWN).cloned().collect::<Vec<_>>())
    });
    let run = move |event: Event| {
        let href = Route::App { name: name.clone(), range: None, at: Some(event.time) }.href();
        let lines = event.last_lines.join("\n");
        let details = words::run(&event);
        view! {
            <li>
                <p>
                    <a href=href>
                        <When time=event.time shape=format::moment />
                    </a>
                    " "
                    {event.message.clone()}
                </p>
                <p class="note">{details}</p>
                {(!lines.is_empty())
                    .then(|| {
                        view! {
                            <details>
                                <summary>"Its last lines"</summary>
                                <pre>{lines}</pre>
                            </details>
                        }
                    })}
            </li>
        }
    };
    view! {
        <section class="runs" aria-labelledby="runs-title">
            <h2 id="runs-title">"Why it restarted"</h2>
            <p class="panel empty" hidden=Signal::derive(move || runs.with(|runs| !runs.is_empty()))>
                "It has not ended since it is known here."
            </p>
            <ol class="panel" hidden=Signal::derive(move || runs.with(Vec::is_empty))>
                <For each=move || runs.get() key=|event| event.id children=run />
            </ol>
        </section>
    }
    .erase()
}
