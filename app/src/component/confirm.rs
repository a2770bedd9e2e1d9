//! A question before something that could do harm.

use leptos::html::Dialog;
use leptos::prelude::*;

use crate::client;
use crate::erased::Erase;
use crate::ui::{Overlay, Ui};

/// Asks before a critical app is stopped.
#[component]
pub(crate) fn Confirm() -> impl IntoView {
    let ui = Ui::get();
    let dialog = NodeRef::<Dialog>::new();
    let asked = Memo::new(move |_| match ui.overlay.get() {
        Some(Overlay::Confirm(action, name)) => Some((action, name)),
        _ => None,
    });
    client::modal(dialog, Signal::derive(move || asked.get().is_some()));
    let question = move || asked.get().map(|(_, name)| ["Stop ", &name, "?"].concat());
    let go = move |_| {
        if let Some((action, name)) = asked.get_untracked() {
            ui.overlay.set(None);
            client::act(ui, action, name);
        }
    };
    view! {
        <dialog class="floating ask" node_ref=dialog aria-labelledby="ask-title" on:close=move |_| client::closed(ui, |overlay| matches!(overlay, Overlay::Confirm(..)))>
            <h2 id="ask-title">{question}</h2>
            <p>"It is critical: the system counts as down until it is started again."</p>
            <p class="choice">
                <button class="button" type="button" on:click=move |_| ui.overlay.set(None)>
                    "Leave it running"
                </button>
                <button class="button strong danger" type="button" on:click=go>
                    "Stop it"
                </button>
            </p>
        </dialog>
    }
    .erase()
}
