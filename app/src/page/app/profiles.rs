//! Profiles of a Node app: taking one, and those that were taken. For those who may touch, as a heap holds secrets.

use leptos::prelude::*;

use crate::client;
use crate::component::When;
use crate::erased::Erase;
use crate::format;
use crate::model::{ProfileFile, ProfileKind};
use crate::ui::Ui;

/// What is known of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ProfileView {
    /// What is being taken.
    pub(crate) taking: Option<ProfileKind>,
    /// Why there is none, as a sentence.
    pub(crate) error: Option<String>,
    /// Newest first.
    pub(crate) files: Vec<ProfileFile>,
}

/// The section, where there is something to be taken of.
#[component]
pub(super) fn Profiles(name: String) -> impl IntoView {
    let ui = Ui::get();
    let row = ui.row(name.clone());
    let state = RwSignal::new(ProfileView::default());
    client::list_profiles(name.clone(), state);
    let speaks = Memo::new(move |_| row.with(|row| row.as_ref().is_some_and(|row| row.lag.is_some())));
    let hidden = Signal::derive(move || !speaks.get() && state.with(|state| state.files.is_empty() && state.error.is_none()));
    let button = move |kind: ProfileKind, label: &'static str, under_way: &'static str| {
        let name = name.clone();
        let text = move || if state.with(|state| state.taking == Some(kind)) { under_way } else { label };
        view! {
            <button
                class="button"
                type="button"
                aria-busy=move || state.with(|state| state.taking == Some(kind)).to_string()
                disabled=move || !speaks.get() || state.with(|state| state.taking.is_some())
                on:click=move |_| client::take_profile(name.clone(), kind, state)
            >
                {text}
            </button>
        }
    };
    let file = |one: ProfileFile| {
        let href = "/api/profiles/".to_owned() + &one.name;
        let what = match one.kind {
            ProfileKind::Heap => "Heap snapshot",
            ProfileKind::Cpu => "CPU profile",
        };
        view! {
            <li>
                <a href=href download=one.name.clone() rel="external">
                    {what}
                </a>
                " of instance "
                {one.index}
                " · "
                {format::size(one.bytes)}
                " · "
                <When time=one.time shape=format::moment />
            </li>
        }
    };
    view! {
        <section class="profiles needs-js" aria-labelledby="profiles-title" hidden=hidden>
            <h2 id="profiles-title">"Look inside"</h2>
            <div class="panel">
                <p class="note">
                    "A heap snapshot holds what the app has in memory, secrets too, and the app stands still while it is taken. A CPU profile takes 10 seconds. Chrome DevTools opens both."
                </p>
                <p class="group">
                    {button(ProfileKind::Heap, "Take a heap snapshot", "Taking a heap snapshot…")}
                    {button(ProfileKind::Cpu, "Take a CPU profile", "Taking a CPU profile…")}
                </p>
                <p class="error-text" role="alert" hidden=Signal::derive(move || state.with(|state| state.error.is_none()))>
                    {move || state.with(|state| state.error.clone())}
                </p>
                <ul aria-label="Profiles">
                    <For each=move || state.with(|state| state.files.clone()) key=|one| one.name.clone() children=file />
                </ul>
            </div>
        </section>
    }
    .erase()
}
