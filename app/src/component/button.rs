//! Actions: asking for one, and saying what came of it where it was asked for.

use leptos::prelude::*;

use crate::client;
use crate::erased::Erase;
use crate::model::{Action, State};
use crate::ui::{Overlay, Ui};

const fn label(action: Action) -> &'static str {
    match action {
        Action::Start => "Start",
        Action::Stop => "Stop",
        Action::Restart => "Restart",
        Action::Reload => "Reload",
    }
}

const fn under_way(action: Action) -> &'static str {
    match action {
        Action::Start => "Starting…",
        Action::Stop => "Stopping…",
        Action::Restart => "Restarting…",
        Action::Reload => "Reloading…",
    }
}

/// The one action that one is likely to want.
pub(crate) const fn likely(state: State) -> Action {
    match state {
        State::Online | State::Starting | State::Stopping => Action::Restart,
        State::Stopped | State::BackingOff | State::Errored | State::Unkillable => Action::Start,
    }
}

/// Asks for an action, after a question where it could do harm.
pub(crate) fn ask(ui: Ui, action: Action, name: &str) {
    let critical = ui.dashboard.with_untracked(|dashboard| dashboard.row(name).is_some_and(|row| row.app.critical));
    if action == Action::Stop && critical {
        ui.overlay.set(Some(Overlay::Confirm(action, name.into())));
    } else {
        ui.overlay.set(None);
        client::act(ui, action, name.into());
    }
}

/// A button that asks for an action. While one is under way it says so and takes no other.
#[component]
pub(crate) fn ActionButton(
    name: String,
    /// Which action.
    #[prop(into)]
    action: Signal<Action>,
    /// Its class: `button`, `button strong` or `item`.
    #[prop(into)]
    class: Signal<&'static str>,
) -> impl IntoView {
    let ui = Ui::get();
    let pending = {
        let name = name.clone();
        Memo::new(move |_| ui.acts.with(|acts| acts.get(&name).filter(|act| act.result.is_none()).map(|act| act.action)))
    };
    let text = move || {
        let action = action.get();
        if pending.get() == Some(action) { under_way(action) } else { label(action) }
    };
    let described = [" ", &name].concat();
    view! {
        <button
            class=class
            type="button"
            aria-busy=move || (pending.get() == Some(action.get())).to_string()
            disabled=move || pending.get().is_some()
            on:click=move |_| ask(ui, action.get_untracked(), &name)
        >
            {text}
            <span class="unseen">{described}</span>
        </button>
    }
    .erase()
}

/// What else can be done, behind `⋯`.
#[component]
pub(crate) fn ActionMenu(
    name: String,
    /// The actions in it.
    #[prop(into)]
    actions: Signal<Vec<Action>>,
) -> impl IntoView {
    let ui = Ui::get();
    let this = Overlay::Menu(name.clone());
    let open = {
        let this = this.clone();
        Memo::new(move |_| ui.overlay.with(|overlay| overlay.as_ref() == Some(&this)))
    };
    let toggle = move |_| ui.overlay.set(if open.get_untracked() { None } else { Some(this.clone()) });
    let described = ["More actions for ", &name].concat();
    view! {
        <div class="menu">
            <button class="button more" type="button" aria-label=described aria-expanded=move || open.get().to_string() on:click=toggle>
                "⋯"
            </button>
            {move || {
                let name = name.clone();
                open.get()
                    .then(|| {
                        let item = |action| view! { <li><ActionButton name=name.clone() action=Signal::stored(action) class=Signal::stored("item") /></li> };
                        view! { <ul class="floating">{actions.get().into_iter().map(item).collect_view()}</ul> }
                    })
            }}
        </div>
    }
    .erase()
}

/// What came of the last action, where its button is.
#[component]
pub(crate) fn Feedback(name: String) -> impl IntoView {
    let ui = Ui::get();
    let key = name.clone();
    let result = Memo::new(move |_| ui.acts.with(|acts| acts.get(&key).and_then(|act| act.result.clone())));
    move || {
        let name = name.clone();
        result.get().map(|result| {
            let (class, words) = match result {
                Ok(words) => ("feedback", words),
                Err(words) => ("feedback bad", words),
            };
            let dismiss = move |_| ui.acts.update(|acts| drop(acts.remove(&name)));
            view! {
                <p class=class>
                    <span>{words}</span>
                    <button class="plain" type="button" aria-label="Dismiss" on:click=dismiss>
                        "×"
                    </button>
                </p>
            }
        })
    }
}
