//! Find an app, a page, an action.

use leptos::html::{Dialog, Input};
use leptos::prelude::*;

use super::button::{ask, likely};
use crate::client;
use crate::erased::Erase;
use crate::model::Action;
use crate::route::Route;
use crate::ui::{Overlay, Ui};
use crate::words;

const SHOWN: usize = 12;

/// What the palette can do.
#[derive(Clone, Debug, PartialEq)]
enum Deed {
    Go(Route),
    Act(Action, String),
    SwitchTheme,
    Keys,
}

#[derive(Clone, Debug, PartialEq)]
struct Choice {
    label: String,
    hint: &'static str,
    deed: Deed,
}

/// Everything whose words begin with, or else contain, each word of the question; the closest first.
fn find(ui: Ui, question: &str) -> Vec<Choice> {
    let wanted: Vec<_> = question.split_whitespace().map(str::to_lowercase).collect();
    let mut found: Vec<_> = everything(ui)
        .into_iter()
        .filter_map(|choice| {
            let label = choice.label.to_lowercase();
            let rank = |word: &String| {
                if label.starts_with(word.as_str()) {
                    Some(0)
                } else if label.split([' ', '-', '_', '.']).any(|part| part.starts_with(word.as_str())) {
                    Some(1)
                } else {
                    label.contains(word.as_str()).then_some(2)
                }
            };
            let ranks: Option<u32> = wanted.iter().map(rank).sum();
            Some((ranks?, choice))
        })
        .collect();
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, choice)| choice).take(SHOWN).collect()
}

fn everything(ui: Ui) -> Vec<Choice> {
    let apps = ui.dashboard.with_untracked(|dashboard| dashboard.rows().cloned().collect::<Vec<_>>());
    let page = |label: &str, route| Choice { label: label.into(), hint: "page", deed: Deed::Go(route) };
    let mut choices: Vec<_> = apps
        .iter()
        .map(|row| Choice { label: row.app.name.clone(), hint: words::status(row).1, deed: Deed::Go(Route::app(&row.app.name)) })
        .collect();
    choices.extend([page("Overview", Route::Overview), page("Events", Route::Events)]);
    choices.push(Choice { label: "Switch between light and dark".into(), hint: "setting", deed: Deed::SwitchTheme });
    choices.push(Choice { label: "Keys".into(), hint: "help", deed: Deed::Keys });
    if ui.may_control {
        for row in apps {
            let name = &row.app.name;
            let act = |word: &str, action| Choice {
                label: [word, " ", name].concat(),
                hint: "action",
                deed: Deed::Act(action, name.clone()),
            };
            match likely(row.app.state) {
                Action::Restart => {
                    choices.extend([act("Restart", Action::Restart), act("Stop", Action::Stop), act("Reload", Action::Reload)])
                }
                _ => choices.push(act("Start", Action::Start)),
            }
        }
    }
    choices
}

fn carry_out(ui: Ui, deed: Deed) {
    ui.overlay.set(None);
    match deed {
        Deed::Go(route) => client::go(ui, route),
        Deed::Act(action, name) => ask(ui, action, &name),
        Deed::SwitchTheme => client::switch_theme(),
        Deed::Keys => ui.overlay.set(Some(Overlay::Keys)),
    }
}

/// The palette (WAI-ARIA: a combobox with a list box).
#[component]
pub(crate) fn Palette() -> impl IntoView {
    let ui = Ui::get();
    let dialog = NodeRef::<Dialog>::new();
    let input = NodeRef::<Input>::new();
    let open = Memo::new(move |_| ui.overlay.get() == Some(Overlay::Palette));
    let question = RwSignal::new(String::new());
    let chosen = RwSignal::new(0_usize);
    let choices = Memo::new(move |_| if open.get() { find(ui, &question.get()) } else { Vec::new() });
    client::modal(dialog, open.into());
    Effect::new(move || {
        if open.get() {
            question.set(String::new());
            chosen.set(0);
        }
    });
    let keyed = move |event: leptos::ev::KeyboardEvent| {
        let count = choices.with_untracked(Vec::len).max(1);
        match event.key().as_str() {
            "ArrowDown" => chosen.update(|index| *index = (*index + 1) % count),
            "ArrowUp" => chosen.update(|index| *index = (*index + count - 1) % count),
            "Enter" => {
                if let Some(choice) = choices.with_untracked(|choices| choices.get(chosen.get_untracked()).cloned()) {
                    carry_out(ui, choice.deed);
                }
            }
            _ => return,
        }
        event.prevent_default();
    };
    let option = move |(index, choice): (usize, Choice)| {
        let deed = choice.deed;
        view! {
            <li
                id=["choice-", &index.to_string()].concat()
                role="option"
                aria-selected=move || (chosen.get() == index).to_string()
                on:click=move |_| carry_out(ui, deed.clone())
                on:pointermove=move |_| chosen.set(index)
            >
                <span>{choice.label}</span>
                <small>{choice.hint}</small>
            </li>
        }
    };
    view! {
        <dialog class="floating palette" node_ref=dialog aria-label="Find or do anything" on:close=move |_| client::closed(ui, |overlay| *overlay == Overlay::Palette)>
            <input
                node_ref=input
                type="text"
                role="combobox"
                aria-label="Find an app, a page or an action"
                aria-expanded="true"
                aria-controls="choices"
                aria-activedescendant=move || ["choice-", &chosen.get().to_string()].concat()
                placeholder="Find an app, a page or an action"
                autocomplete="off"
                spellcheck="false"
                prop:value=move || question.get()
                on:input=move |event| {
                    question.set(event_target_value(&event));
                    chosen.set(0);
                }
                on:keydown=keyed
            />
            <ul id="choices" role="listbox" aria-label="What was found">
                {move || choices.get().into_iter().enumerate().map(option).collect_view()}
            </ul>
            <p class="empty" hidden=Signal::derive(move || !open.get() || choices.with(|choices| !choices.is_empty()))>
                "Nothing is called that."
            </p>
        </dialog>
    }
    .erase()
}
