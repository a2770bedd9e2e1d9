//! A page as HTML, on the server.

use leptos::prelude::*;

use crate::backend::{Around, Backend};
use crate::model::LogPage;
use crate::page::{ALL_EVENTS, APP_EVENTS, AppContent, Content, LINES, LINES_AROUND, POINTS, PageData, chart_span};
use crate::route::Route;
use crate::shell::{ShellOptions, shell};

/// A page that was rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// HTTP status: 200, or 404 for an app or a page that there is not.
    pub status: u16,
    /// The whole document.
    pub html: String,
}

/// Answers a request for a page: `target` is its path with its query, as it stands in the request line.
///
/// The server needs one route for it (or its fallback) and a nonce of its own making, which goes into the header as well:
/// `script-src 'nonce-…' 'strict-dynamic' 'wasm-unsafe-eval'; style-src 'self'`. There are no server functions, no route list
/// and nothing that streams: the data of a page is asked for first, so that the document is whole with JavaScript off.
pub async fn render(backend: &dyn Backend, target: &str, options: &ShellOptions, nonce: &str) -> Rendered {
    let data = load(backend, Route::parse_target(target)).await;
    let status = if matches!(data.content, Content::NoApp(_) | Content::NotFound) { 404 } else { 200 };
    Rendered { status, html: document(data, options, nonce) }
}

/// The document that shows this data.
#[must_use]
pub fn document(data: PageData, options: &ShellOptions, nonce: &str) -> String {
    let owner = Owner::new();
    let html = owner.with(|| shell(data, options, nonce));
    owner.cleanup();
    html
}

async fn load(backend: &dyn Backend, route: Route) -> PageData {
    let mut overview = backend.overview().await;
    // The browser does not show the environment before it is asked for, and pages should be small.
    for app in &mut overview.apps {
        if !matches!(&route, Route::App { name, .. } if *name == app.name) {
            app.env.clear();
        }
    }
    let content = match &route {
        Route::Overview => Content::Overview,
        Route::Unknown => Content::NotFound,
        Route::Events => Content::Events(backend.events(None, ALL_EVENTS).await),
        Route::App { name, .. } if !overview.apps.iter().any(|app| app.name == *name) => Content::NoApp(name.clone()),
        Route::App { name, at, .. } => {
            let (from, to) = chart_span(&route, overview.health.timestamp);
            Content::App(Box::new(AppContent {
                name: name.clone(),
                at: *at,
                metrics: backend.metrics(name, from, to, POINTS).await,
                logs: logs(backend, name, *at).await,
                events: backend.events(Some(name), APP_EVENTS).await,
                availability: backend.availability(name).await,
            }))
        }
    };
    PageData { route, overview, may_control: backend.may_control(), content }
}

async fn logs(backend: &dyn Backend, name: &str, at: Option<crate::model::Time>) -> Result<LogPage, String> {
    let Some(at) = at else { return backend.logs(name, Around::End, LINES).await };
    let before = backend.logs(name, Around::Before(at), LINES_AROUND).await?;
    let after = backend.logs(name, Around::After(at), LINES_AROUND).await?;
    Ok(LogPage { lines: [before.lines, after.lines].concat(), before: before.before, after: after.after })
}
