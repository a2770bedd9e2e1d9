//! Dialogs: the browser keeps the focus within them and closes them on Escape.

use leptos::html::Dialog;
use leptos::prelude::*;

use crate::ui::{Overlay, Ui};

/// Opens and closes a dialog as `open` says.
pub(crate) fn modal(dialog: NodeRef<Dialog>, open: Signal<bool>) {
    Effect::new(move || {
        let Some(dialog) = dialog.get() else { return };
        match (open.get(), dialog.open()) {
            // It fails only for a dialog that is open or not in the document.
            (true, false) => drop(dialog.show_modal()),
            (false, true) => dialog.close(),
            _ => {}
        }
    });
}

/// A dialog was closed by the browser.
pub(crate) fn closed(ui: Ui, is_it: fn(&Overlay) -> bool) {
    if ui.overlay.with_untracked(|overlay| overlay.as_ref().is_some_and(is_it)) {
        ui.overlay.set(None);
    }
}
