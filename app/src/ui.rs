//! What all components share, and the frame around every page.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use leptos::prelude::*;

use crate::client;
use crate::component::{BottomBar, Confirm, Header, Keys, Palette};
use crate::erased::Erase;
use crate::model::{Action, Time};
use crate::page::{AppPage, Content, EventsPage, Failed, NoApp, NotFound, OverviewPage, PageData};
use crate::route::Route;
use crate::state::{Dashboard, Row};
use crate::words;

/// How news comes to this tab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "only a browser is connected and has a zone"))]
pub(crate) enum Link {
    /// It does not: the page stands as it was rendered.
    Still,
    /// The first attempt is under way.
    Connecting,
    /// Over a stream that GET opened.
    Get,
    /// Over a stream that POST opened.
    Post,
    /// By asking every two seconds.
    Polling,
    /// The connection is lost; what is shown may be old.
    Lost,
    /// The session has ended.
    SignedOut,
}

/// In which zone times are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "only a browser is connected and has a zone"))]
pub(crate) enum Zone {
    /// On the server, and in the browser until it is hydrated.
    Utc,
    /// That of the browser.
    Local,
}

impl Zone {
    /// The time whose UTC clock shows what the clock of this zone shows at `time`.
    pub(crate) fn at(self, time: Time) -> Time {
        match self {
            Self::Utc => time,
            Self::Local => time - client::offset_ms(time),
        }
    }
}

/// Something that was asked of an app, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Act {
    /// What was asked.
    pub(crate) action: Action,
    /// What came of it; none while it is under way. The error is a sentence.
    pub(crate) result: Option<Result<String, String>>,
}

/// What lies over the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Overlay {
    /// Find or do anything.
    Palette,
    /// The keys.
    Keys,
    /// Shall this really be done?
    Confirm(Action, String),
    /// More actions of this app.
    Menu(String),
}

/// Which component shows the page. While it stays the same, a new address changes only what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum View {
    Overview,
    App(String),
    Events,
    NoApp(String),
    NotFound,
    Failed(String),
}

impl From<&Content> for View {
    fn from(content: &Content) -> Self {
        match content {
            Content::Overview => Self::Overview,
            Content::App(app) => Self::App(app.name.clone()),
            Content::Events(_) => Self::Events,
            Content::NoApp(name) => Self::NoApp(name.clone()),
            Content::NotFound => Self::NotFound,
            Content::Failed(why) => Self::Failed(why.clone()),
        }
    }
}

/// A row that is compared by its place in memory.
#[derive(Clone, Debug)]
pub(crate) struct Shared(pub(crate) Arc<Row>);

impl PartialEq for Shared {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Deref for Shared {
    type Target = Row;
    fn deref(&self) -> &Row {
        &self.0
    }
}

/// What all components share.
#[derive(Clone, Copy)]
pub(crate) struct Ui {
    pub(crate) dashboard: RwSignal<Dashboard>,
    pub(crate) may_control: bool,
    /// The clock of the page; ticks each second in the browser, by the clock of the server.
    pub(crate) now: RwSignal<Time>,
    pub(crate) zone: RwSignal<Zone>,
    pub(crate) link: RwSignal<Link>,
    pub(crate) route: RwSignal<Route>,
    pub(crate) content: RwSignal<Content>,
    /// Is the next page being asked for?
    pub(crate) loading: RwSignal<bool>,
    pub(crate) acts: RwSignal<BTreeMap<String, Act>>,
    pub(crate) overlay: RwSignal<Option<Overlay>>,
    pub(crate) filter: RwSignal<String>,
    /// Was a filter asked for by its key?
    pub(crate) filtering: RwSignal<bool>,
    /// What is told to those who listen.
    pub(crate) said: RwSignal<String>,
}

impl Ui {
    /// Begins with what the page was rendered from.
    pub(crate) fn new(data: PageData) -> Self {
        let now = data.overview.health.timestamp;
        Self {
            dashboard: RwSignal::new(Dashboard::new(data.overview)),
            may_control: data.may_control,
            now: RwSignal::new(now),
            zone: RwSignal::new(Zone::Utc),
            link: RwSignal::new(Link::Still),
            route: RwSignal::new(data.route),
            content: RwSignal::new(data.content),
            loading: RwSignal::new(false),
            acts: RwSignal::default(),
            overlay: RwSignal::new(None),
            filter: RwSignal::default(),
            filtering: RwSignal::new(false),
            said: RwSignal::default(),
        }
    }

    /// What the page was given; every component lives within it.
    pub(crate) fn get() -> Self {
        expect_context()
    }

    /// An app, told anew only when something about it changed.
    pub(crate) fn row(self, name: String) -> Memo<Option<Shared>> {
        Memo::new(move |_| self.dashboard.with(|dashboard| dashboard.row(&name).map(Shared)))
    }

    /// The title of the document.
    pub(crate) fn title(self) -> String {
        match self.content.with(|content| View::from(content)) {
            View::App(name) | View::NoApp(name) => words::page_title(Some(&name)),
            View::Events => words::page_title(Some("Events")),
            View::NotFound => words::page_title(Some("No such page")),
            View::Failed(_) => words::page_title(None),
            View::Overview => {
                let now = self.now.get();
                let line = self.dashboard.with(|dashboard| words::headline(dashboard.rows().map(|row| &**row), now).title);
                words::page_title(Some(line.trim_end_matches('.')))
            }
        }
    }
}

/// The whole page.
#[component]
pub(crate) fn App() -> impl IntoView {
    let ui = Ui::get();
    let view = Memo::new(move |_| ui.content.with(|content| View::from(content)));
    client::start(ui);
    let page = move || match view.get() {
        View::Overview => view! { <OverviewPage /> }.erase(),
        View::App(name) => view! { <AppPage name /> }.erase(),
        View::Events => view! { <EventsPage /> }.erase(),
        View::NoApp(name) => view! { <NoApp name /> }.erase(),
        View::NotFound => view! { <NotFound /> }.erase(),
        View::Failed(why) => view! { <Failed why /> }.erase(),
    };
    let stale = move || if matches!(ui.link.get(), Link::Lost | Link::SignedOut) { "page stale" } else { "page" };
    view! {
        <a class="skip" href="#main">"Skip to the content"</a>
        <Header />
        <main id="main" class=stale tabindex="-1" aria-busy=move || ui.loading.get().to_string()>
            {page}
        </main>
        <BottomBar />
        <Palette />
        <Keys />
        <Confirm />
        <p class="unseen" role="status">{ui.said}</p>
    }
    .erase()
}
