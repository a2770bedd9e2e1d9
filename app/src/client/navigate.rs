//! From page to page without a reload. The old page stays until the new one is there.

use leptos::ev;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::web_sys::{Element, HtmlAnchorElement};
use wasm_bindgen::{JsCast, JsValue};

use super::api::load;
use super::dom::focus;
use crate::route::Route;
use crate::ui::{Overlay, Ui, View};

/// Goes to a page.
pub(crate) fn go(ui: Ui, route: Route) {
    show(ui, route, true);
}

/// Asks for what the page shows again, after a time in which nothing could come in.
pub(super) fn refresh(ui: Ui) {
    show(ui, ui.route.get_untracked(), false);
}

/// Writes the address of what is shown, without a step in the history.
pub(super) fn rename(route: &Route) {
    // It fails only for an address of another origin.
    let _ = window().history().and_then(|history| history.replace_state_with_url(&JsValue::NULL, "", Some(&route.href())));
}

fn show(ui: Ui, route: Route, step: bool) {
    ui.loading.set(true);
    spawn_local(async move {
        let content = load(ui, &route).await;
        let another = ui.content.with_untracked(|old| View::from(old)) != View::from(&content);
        if step {
            // As above.
            let _ = window().history().and_then(|history| history.push_state_with_url(&JsValue::NULL, "", Some(&route.href())));
        }
        ui.route.set(route);
        ui.content.set(content);
        ui.loading.set(false);
        if another {
            window().scroll_to_with_x_and_y(0.0, 0.0);
            focus("#main");
        }
    });
}

/// Takes over links to pages, the way back and forth, and clicks beside an open menu.
pub(super) fn listen(ui: Ui) {
    window_event_listener(ev::click, move |event| {
        let Some(target) = event.target().and_then(|target| target.dyn_into::<Element>().ok()) else { return };
        if matches!(ui.overlay.get_untracked(), Some(Overlay::Menu(_))) && target.closest(".menu").ok().flatten().is_none() {
            ui.overlay.set(None);
        }
        let plain = event.button() == 0 && !(event.meta_key() || event.ctrl_key() || event.shift_key() || event.alt_key());
        let Some(link) = target.closest("a[href]").ok().flatten().and_then(|link| link.dyn_into::<HtmlAnchorElement>().ok())
        else {
            return;
        };
        let ours = window().location().origin().is_ok_and(|origin| origin == link.origin());
        if !plain || !ours || event.default_prevented() || link.has_attribute("target") || !link.hash().is_empty() {
            return;
        }
        let route = Route::parse(&link.pathname(), link.search().trim_start_matches('?'));
        if route != Route::Unknown {
            event.prevent_default();
            go(ui, route);
        }
    });
    window_event_listener(ev::popstate, move |_| {
        let location = window().location();
        let path = location.pathname().unwrap_or_default();
        let query = location.search().unwrap_or_default();
        show(ui, Route::parse(&path, query.trim_start_matches('?')), false);
    });
}
