//! The keys.

use leptos::html::Dialog;
use leptos::prelude::*;

use crate::client;
use crate::erased::Erase;
use crate::ui::{Overlay, Ui};

const KEYS: [(&str, &str); 7] = [
    ("⌘K  Ctrl K", "find an app, a page or an action"),
    ("j  k", "next and previous app"),
    ("Enter", "open it"),
    ("r", "restart it"),
    ("/", "filter apps by name"),
    ("?", "these keys"),
    ("Esc", "close what lies over the page"),
];

/// Lists the keys.
#[component]
pub(crate) fn Keys() -> impl IntoView {
    let ui = Ui::get();
    let dialog = NodeRef::<Dialog>::new();
    client::modal(dialog, Signal::derive(move || ui.overlay.get() == Some(Overlay::Keys)));
    view! {
        <dialog class="floating keys" node_ref=dialog aria-labelledby="keys-title" on:close=move |_| client::closed(ui, |overlay| *overlay == Overlay::Keys)>
            <h2 id="keys-title">"Keys"</h2>
            <dl>
                {KEYS
                    .map(|(keys, meaning)| {
                        view! {
                            <div>
                                <dt>{keys.split("  ").map(|key| view! { <kbd>{key}</kbd> }).collect_view()}</dt>
                                <dd>{meaning}</dd>
                            </div>
                        }
                    })
                    .to_vec()}
            </dl>
            <p class="choice">
                <button class="button" type="button" on:click=move |_| ui.overlay.set(None)>
                    "Close"
                </button>
            </p>
        </dialog>
    }
    .erase()
}
