//! What stands above and below every page.

use leptos::prelude::*;

use crate::client;
use crate::erased::Erase;
use crate::format;
use crate::route::Route;
use crate::ui::{Link, Overlay, Ui};

/// The pages that there are.
const PAGES: [(Route, &str); 2] = [(Route::Overview, "Overview"), (Route::Events, "Events")];

fn links() -> impl IntoView {
    let ui = Ui::get();
    let link = move |(route, label): (Route, &'static str)| {
        let href = route.href();
        let here = move || {
            let now = ui.route.get();
            let within = matches!((&route, &now), (Route::Overview, Route::App { .. }));
            if now == route {
                Some("page")
            } else if within {
                Some("true")
            } else {
                None
            }
        };
        view! { <a href=href aria-current=here>{label}</a> }
    };
    PAGES.map(link).to_vec()
}

/// The bar at the top.
#[component]
pub(crate) fn Header() -> impl IntoView {
    let ui = Ui::get();
    let tone = Signal::derive(move || match ui.link.get() {
        Link::Get | Link::Post | Link::Polling => "link good",
        Link::Still | Link::Connecting => "link quiet",
        Link::Lost | Link::SignedOut => "link bad",
    });
    let word = Signal::derive(move || match ui.link.get() {
        Link::Still => "as of ".to_owned() + &format::clock(ui.dashboard.with(|dashboard| dashboard.time())) + " UTC",
        Link::Connecting => "connecting…".into(),
        Link::Get => "live".into(),
        Link::Post => "live (POST)".into(),
        Link::Polling => "polling".into(),
        Link::Lost => "reconnecting…".into(),
        Link::SignedOut => "signed out".into(),
    });
    view! {
        <header class="bar">
            <a class="brand" href="/">
                "quarterdeck"
            </a>
            <nav class="pages" aria-label="Pages">{links()}</nav>
            <button class="find needs-js" type="button" on:click=move |_| ui.overlay.set(Some(Overlay::Palette))>
                <span>"Find or do anything"</span>
                <kbd>{Signal::derive(move || client::palette_key(ui))}</kbd>
            </button>
            <p class=tone role="status">
                <span class="dot" aria-hidden="true"></span>
                <span>{word}</span>
            </p>
            <button class="theme needs-js" type="button" aria-label="Switch between light and dark" on:click=move |_| client::switch_theme()>
                <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M8 1.5a6.5 6.5 0 1 0 0 13zM8 0a8 8 0 1 1 0 16A8 8 0 0 1 8 0z"></path></svg>
            </button>
        </header>
        <div class="progress" hidden=Signal::derive(move || !ui.loading.get())></div>
    }
    .erase()
}

/// The bar at the bottom of a small screen.
#[component]
pub(crate) fn BottomBar() -> impl IntoView {
    let ui = Ui::get();
    view! {
        <nav class="bottom" aria-label="Pages">
            {links()}
            <button class="needs-js" type="button" on:click=move |_| ui.overlay.set(Some(Overlay::Palette))>
                "Find"
            </button>
        </nav>
    }
    .erase()
}
