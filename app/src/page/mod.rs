//! The pages, and what each is made of.

mod app;
mod events;
mod overview;
mod plain;

use serde::{Deserialize, Serialize};

pub(crate) use app::{AppPage, ProfileView};
pub(crate) use events::EventsPage;
pub(crate) use overview::OverviewPage;
pub(crate) use plain::{Failed, NoApp, NotFound};

use crate::model::{AppMetrics, Availability, Event, LogPage, Overview, Time};
use crate::route::Route;

/// All that a page is rendered from. It travels to the browser with the page, so that it comes alive without a second request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PageData {
    /// Which page.
    pub route: Route,
    /// How things stand.
    pub overview: Overview,
    /// May the reader control apps?
    pub may_control: bool,
    /// What this page has beyond that.
    pub content: Content,
}

/// What a page has beyond the overview.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Content {
    /// Nothing.
    Overview,
    /// One app.
    App(Box<AppContent>),
    /// There is no app of this name.
    NoApp(String),
    /// The latest events, newest first.
    Events(Result<Vec<Event>, String>),
    /// There is no such page.
    NotFound,
    /// It could not be asked for: a sentence.
    Failed(String),
}

/// The history of one app. Each part may be missing by itself, with a sentence that says why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AppContent {
    /// Its name.
    pub name: String,
    /// The moment that is looked at.
    pub at: Option<Time>,
    /// Its samples.
    pub metrics: Result<AppMetrics, String>,
    /// Lines that it wrote: the latest, or those around `at`.
    pub logs: Result<LogPage, String>,
    /// What happened to it, newest first.
    pub events: Result<Vec<Event>, String>,
    /// How much of the time it was there.
    pub availability: Result<Availability, String>,
}

/// How many points a chart asks for.
pub(crate) const POINTS: usize = 240;
/// How many lines a log begins with.
pub(crate) const LINES: usize = 200;
/// How many lines on each side of a moment that is looked at.
pub(crate) const LINES_AROUND: usize = 60;
/// How many events of one app are asked for.
pub(crate) const APP_EVENTS: usize = 200;
/// How many events the events page asks for.
pub(crate) const ALL_EVENTS: usize = 500;

/// The span of the charts of an app: it ends now, or a little after the moment that is looked at, if that is long ago.
#[must_use]
pub(crate) fn chart_span(route: &Route, now: Time) -> (Time, Time) {
    let length = route.range(now).ms();
    let to = match route {
        Route::App { at: Some(at), .. } if now.0 - at.0 > length => *at + length / 2,
        _ => now,
    };
    (to - length, to)
}
