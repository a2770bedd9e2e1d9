//! Pages that say that there is nothing, and what to do.

use leptos::prelude::*;

use crate::client;
use crate::erased::Erase;
use crate::ui::Ui;

/// No such address.
#[component]
pub(crate) fn NotFound() -> impl IntoView {
    view! {
        <section class="nothing">
            <h1>"There is no such page."</h1>
            <p>"It may have been renamed. " <a href="/">"Back to the overview"</a></p>
        </section>
    }
    .erase()
}

/// No such app.
#[component]
pub(crate) fn NoApp(name: String) -> impl IntoView {
    view! {
        <section class="nothing">
            <h1>"No app is called " <b>{name}</b></h1>
            <p>"It was deleted or renamed, or the address has a slip in it. " <a href="/">"Back to the overview"</a></p>
        </section>
    }
    .erase()
}

/// It could not be asked for.
#[component]
pub(crate) fn Failed(why: String) -> impl IntoView {
    let ui = Ui::get();
    let again = move |_| client::go(ui, ui.route.get_untracked());
    view! {
        <section class="nothing">
            <h1>"This page could not be loaded."</h1>
            <p>{why}</p>
            <p>
                <button class="button" type="button" on:click=again>
                    "Try again"
                </button>
            </p>
        </section>
    }
    .erase()
}
