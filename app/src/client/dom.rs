//! Small dealings with the document.

use leptos::prelude::*;
use leptos::web_sys::{Element, HtmlElement};
use wasm_bindgen::JsCast;

use crate::model::Time;
use crate::ui::{Ui, Zone};

/// The `<html>` element.
pub(super) fn root() -> Option<Element> {
    document().document_element()
}

/// Minutes that the zone of the browser was behind UTC at that time, in ms.
pub(crate) fn offset_ms(time: Time) -> i64 {
    let date = js_sys::Date::new(&(time.0 as f64).into());
    date.get_timezone_offset() as i64 * 60_000
}

/// Where in the element that listens the pointer is, from 0 at its left edge to 1 at its right.
pub(crate) fn fraction(event: &leptos::ev::PointerEvent) -> f64 {
    let Some(element) = event.current_target().and_then(|target| target.dyn_into::<Element>().ok()) else { return 0.0 };
    let place = element.get_bounding_client_rect();
    (f64::from(event.client_x()) - place.left()) / place.width().max(1.0)
}

/// The other one of light and dark. What the system has is not written down, so that it is followed again.
pub(crate) fn switch_theme() {
    let Some(root) = root() else { return };
    let dark_system = window().match_media("(prefers-color-scheme: dark)").ok().flatten().is_some_and(|query| query.matches());
    let dark = root.get_attribute("data-theme").map_or(dark_system, |theme| theme == "dark");
    let storage = window().local_storage().ok().flatten();
    let theme = if dark { "light" } else { "dark" };
    // Without storage it is forgotten with the page, which is all that can be done.
    let _ = root.set_attribute("data-theme", theme);
    if let Some(storage) = storage {
        let _ = if dark_system == dark { storage.set_item("theme", theme) } else { storage.remove_item("theme") };
    }
}

/// The keys of the palette, as this system calls them.
pub(crate) fn palette_key(ui: Ui) -> &'static str {
    let is_apple = || window().navigator().platform().is_ok_and(|name| name.starts_with("Mac") || name.starts_with("iP"));
    // Until it is hydrated the text must be that of the server.
    if ui.zone.get() == Zone::Local && is_apple() { "⌘K" } else { "Ctrl K" }
}

/// The element that has the focus.
pub(super) fn focused() -> Option<Element> {
    document().active_element()
}

/// Gives the focus to the first element that fits.
pub(super) fn focus(selector: &str) {
    if let Some(element) = document().query_selector(selector).ok().flatten().and_then(|one| one.dyn_into::<HtmlElement>().ok()) {
        // An element that cannot have it leaves it where it is.
        let _ = element.focus();
    }
}
