//! What begins when the page comes alive.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{dom, keys, live, navigate};
use crate::model::Time;
use crate::page::PageData;
use crate::ui::{Link, Ui, Zone};

/// What the page was rendered from.
pub(crate) fn page_data() -> Option<PageData> {
    let json = document().get_element_by_id("page-data")?.text_content()?;
    serde_json::from_str(&json).ok()
}

/// Begins to listen and to follow. The effects run after hydration, when the page is what the server sent.
pub(crate) fn start(ui: Ui) {
    keys::listen(ui);
    navigate::listen(ui);
    Effect::new(move |begun: Option<()>| {
        if begun.is_none() {
            ui.zone.set(Zone::Local);
            ui.link.set(Link::Connecting);
            spawn_local(live::run(ui));
            if let Some(root) = dom::root() {
                // Tests wait for it; it cannot fail, for the name is a good one.
                let _ = root.set_attribute("data-hydrated", "");
            }
        }
    });
    let title = Memo::new(move |_| ui.title());
    Effect::new(move || document().set_title(&title.get()));
    tick(ui);
}

/// The clock of the server, by that of the browser and what they last differed by.
fn tick(ui: Ui) {
    let ahead = StoredValue::new(0.0_f64);
    Effect::new(move || {
        let time = ui.dashboard.with(|dashboard| dashboard.time());
        ahead.set_value(time.0 as f64 - js_sys::Date::now());
    });
    set_interval(move || ui.now.set(Time((js_sys::Date::now() + ahead.get_value()) as i64)), Duration::from_secs(1));
}
