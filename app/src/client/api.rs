//! The API, asked from the browser. Every error is a sentence for people.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, RequestCache, RequestInit, Response};

use crate::model::{AppMetrics, Availability, Event, EventList, LogPage, Time};
use crate::page::{ALL_EVENTS, APP_EVENTS, AppContent, Content, LINES, LINES_AROUND, POINTS, chart_span};
use crate::route::{Route, encode};
use crate::ui::Ui;
use leptos::prelude::{WithUntracked, window};

/// Told when the server cannot be reached.
pub(super) const AWAY: &str = "The server does not answer. Look whether qd runs and the network is there, then try again.";
/// Told when the session has ended.
pub(super) const SIGNED_OUT: &str = "Your session has ended. Load the page again to sign in.";

/// An answer: its status, its `Retry-After`, and its body.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<String>,
    pub(super) body: String,
}

/// What an answer says when it is an error, of the control routes and of all others.
#[derive(Default, Deserialize)]
struct Said {
    message: Option<String>,
    error: Option<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    message: String,
}

impl Answer {
    /// What it says, in words for people.
    pub(super) fn problem(&self) -> String {
        let said = serde_json::from_str::<Said>(&self.body).unwrap_or_default();
        match self.status {
            401 => SIGNED_OUT.into(),
            status => said
                .error
                .map(|problem| problem.message)
                .or(said.message)
                .unwrap_or_else(|| ["The server answered ", &status.to_string(), "."].concat()),
        }
    }
}

/// Sends a document, and waits for one.
pub(super) async fn post<T: DeserializeOwned>(path: &str, body: &impl Serialize) -> Result<T, String> {
    let away = |_: JsValue| AWAY.to_owned();
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_body(&serde_json::to_string(body).unwrap_or_default().into());
    let headers = web_sys::Headers::new().map_err(away)?;
    headers.set("content-type", "application/json").map_err(away)?;
    init.set_headers(&headers);
    let response = JsFuture::from(window().fetch_with_str_and_init(path, &init)).await.map_err(away)?;
    let response: Response = response.dyn_into().map_err(away)?;
    let text = JsFuture::from(response.text().map_err(away)?).await.map_err(away)?;
    document(&Answer { status: response.status(), retry_after: None, body: text.as_string().unwrap_or_default() })
}

/// Sends a request. `last_event_id` goes with those of the live stream.
pub(super) async fn request(
    method: &str,
    path: &str,
    signal: Option<&AbortSignal>,
    last_event_id: Option<u64>,
) -> Result<Response, JsValue> {
    let init = RequestInit::new();
    init.set_method(method);
    init.set_cache(RequestCache::NoStore);
    init.set_signal(signal);
    if let Some(id) = last_event_id {
        let headers = web_sys::Headers::new()?;
        headers.set("last-event-id", &id.to_string())?;
        init.set_headers(&headers);
    }
    JsFuture::from(window().fetch_with_str_and_init(path, &init)).await?.dyn_into()
}

/// Sends a request and waits for the whole answer.
pub(super) async fn ask(method: &str, path: &str) -> Result<Answer, String> {
    let away = |_: JsValue| AWAY.to_owned();
    let response = request(method, path, None, None).await.map_err(away)?;
    let body = JsFuture::from(response.text().map_err(away)?).await.map_err(away)?;
    let retry_after = response.headers().get("retry-after").ok().flatten();
    Ok(Answer { status: response.status(), retry_after, body: body.as_string().unwrap_or_default() })
}

/// Asks for a document.
pub(super) async fn get<T: DeserializeOwned>(path: &str) -> Result<T, String> {
    document(&ask("GET", path).await?)
}

fn document<T: DeserializeOwned>(answer: &Answer) -> Result<T, String> {
    if answer.status != 200 {
        return Err(answer.problem());
    }
    serde_json::from_str(&answer.body).map_err(|_| "The answer of the server is of another version. Load the page again.".into())
}

/// What a page has beyond the overview.
pub(super) async fn load(ui: Ui, route: &Route) -> Content {
    match route {
        Route::Overview => Content::Overview,
        Route::Unknown => Content::NotFound,
        Route::Events => {
            let path = ["/api/events?limit=", &ALL_EVENTS.to_string()].concat();
            Content::Events(get::<EventList>(&path).await.map(|list| list.events))
        }
        Route::App { name, .. } if ui.dashboard.with_untracked(|dashboard| dashboard.row(name).is_none()) => {
            Content::NoApp(name.clone())
        }
        Route::App { name, at, .. } => {
            let (from, to) = chart_span(route, ui.dashboard.with_untracked(|dashboard| dashboard.time()));
            let (metrics, logs, events) = (metrics(name, from, to).await, logs(name, *at).await, events(name).await);
            let availability = availability(name).await;
            Content::App(Box::new(AppContent { name: name.clone(), at: *at, metrics, logs, events, availability }))
        }
    }
}

fn of_app(name: &str, rest: &str) -> String {
    ["/api/apps/", &encode(name), rest].concat()
}

async fn metrics(name: &str, from: Time, to: Time) -> Result<AppMetrics, String> {
    let query = ["/metrics?from=", &from.to_string(), "&to=", &to.to_string(), "&points=", &POINTS.to_string()].concat();
    get(&of_app(name, &query)).await
}

async fn events(name: &str) -> Result<Vec<Event>, String> {
    let path = ["/api/events?app=", &encode(name), "&limit=", &APP_EVENTS.to_string()].concat();
    get::<EventList>(&path).await.map(|list| list.events)
}

/// How much of the time an app was there.
pub(super) async fn availability(name: &str) -> Result<Availability, String> {
    get(&of_app(name, "/availability")).await
}

/// So many lines are taken at once while a log is followed.
const LINES_SINCE: usize = 500;

/// The latest lines of an app, or those around a moment.
pub(super) async fn logs(name: &str, at: Option<Time>) -> Result<LogPage, String> {
    let part =
        |field: &str, value: &str, limit: usize| of_app(name, &["/logs?limit=", &limit.to_string(), field, value].concat());
    let Some(at) = at else { return get(&part("", "", LINES)).await };
    let before: LogPage = get(&part("&before=", &at.to_string(), LINES_AROUND)).await?;
    let after: LogPage = get(&part("&after=", &at.to_string(), LINES_AROUND)).await?;
    Ok(LogPage { lines: [before.lines, after.lines].concat(), before: before.before, after: after.after })
}

/// What an app wrote since; none if that is more than can be followed.
pub(super) async fn logs_since(name: &str, cursor: &str) -> Result<Option<LogPage>, String> {
    let query = ["/logs?limit=", &LINES_SINCE.to_string(), "&after=", &encode(cursor)].concat();
    let page: LogPage = get(&of_app(name, &query)).await?;
    Ok(Some(page).filter(|page| page.lines.len() < LINES_SINCE))
}
