//! What keys do.

use leptos::ev;
use leptos::prelude::*;
use leptos::web_sys::{Element, HtmlElement};
use wasm_bindgen::JsCast;

use super::dom::{focus, focused};
use super::navigate::go;
use crate::component::ask;
use crate::model::Action;
use crate::route::Route;
use crate::ui::{Overlay, Ui};

/// Listens for them.
pub(super) fn listen(ui: Ui) {
    window_event_listener(ev::keydown, move |event| {
        let command = event.meta_key() || event.ctrl_key();
        let key = event.key();
        if command && key.eq_ignore_ascii_case("k") {
            event.prevent_default();
            let open = ui.overlay.with_untracked(|overlay| *overlay == Some(Overlay::Palette));
            ui.overlay.set((!open).then_some(Overlay::Palette));
            return;
        }
        let over = ui.overlay.with_untracked(|overlay| overlay.is_some());
        if key == "Escape" {
            escape(ui);
            return;
        }
        if command || event.alt_key() || over || is_writing() {
            return;
        }
        match key.as_str() {
            "j" => step(1),
            "k" => step(-1),
            "r" => restart(ui),
            "/" => filter(ui),
            "?" => ui.overlay.set(Some(Overlay::Keys)),
            _ => return,
        }
        event.prevent_default();
    });
}

fn is_writing() -> bool {
    focused().is_some_and(|element| matches!(element.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT"))
}

/// Dialogs close by themselves; what is left are a menu and the filter.
fn escape(ui: Ui) {
    if matches!(ui.overlay.get_untracked(), Some(Overlay::Menu(_))) {
        ui.overlay.set(None);
    } else if focused().is_some_and(|element| element.id() == "filter") {
        ui.filter.set(String::new());
        ui.filtering.set(false);
        focus("#main");
    }
}

/// Moves the focus to the next or the previous app.
fn step(by: i32) {
    let Ok(names) = document().query_selector_all(".row .name") else { return };
    let all: Vec<HtmlElement> = (0..names.length()).filter_map(|index| names.get(index)?.dyn_into().ok()).collect();
    let current = current_row().and_then(|row| all.iter().position(|name| row.contains(Some(name))));
    let last = all.len().saturating_sub(1);
    let next = match (current, by) {
        (None, _) => 0,
        (Some(index), 1) => (index + 1).min(last),
        (Some(index), _) => index.saturating_sub(1),
    };
    if let Some(name) = all.get(next) {
        // A link can always have the focus.
        let _ = name.focus();
    }
}

fn current_row() -> Option<Element> {
    focused()?.closest("[data-app]").ok().flatten()
}

fn restart(ui: Ui) {
    let here = match ui.route.get_untracked() {
        Route::App { name, .. } => Some(name),
        _ => current_row().and_then(|row| row.get_attribute("data-app")),
    };
    if let Some(name) = here.filter(|_| ui.may_control) {
        ask(ui, Action::Restart, &name);
    }
}

fn filter(ui: Ui) {
    ui.filtering.set(true);
    if ui.route.get_untracked() != Route::Overview {
        go(ui, Route::Overview);
    }
    request_animation_frame(|| focus("#filter"));
}
