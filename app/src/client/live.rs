//! The one connection of this tab: a stream that GET opened; where nothing comes through, one that POST opened (Quick Tunnels
//! hold back the former); else a question every two seconds. What was lost comes back by itself.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use js_sys::{Reflect, Uint8Array};
use leptos::leptos_dom::helpers::TimeoutHandle;
use leptos::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, ReadableStreamDefaultReader};

use super::api::{get, request};
use super::navigate::refresh;
use super::sse::{Frame, Parser};
use crate::model::{App, Event, Instance, Overview, StreamEvent};
use crate::state::Message;
use crate::ui::{Link, Ui};

/// How long a first sign of life may take.
const FIRST: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_secs(2);
/// After so many questions a stream is tried again.
const POLLS: u32 = 60;
const LONGEST_WAIT_MS: f64 = 15_000.0;

/// Why a stream is over.
enum End {
    /// Nothing came through.
    Silent,
    /// It broke off.
    Lost,
    /// The session has ended.
    SignedOut,
}

/// Follows the node until the session ends.
pub(super) async fn run(ui: Ui) {
    let mut method = Link::Get;
    let mut failures = 0_u32;
    loop {
        let alive = Rc::new(Cell::new(false));
        let end = if method == Link::Polling { poll(ui, &alive).await } else { follow(ui, method, &alive).await };
        if alive.get() {
            failures = 0;
        }
        match (end, method) {
            (End::SignedOut, _) => {
                ui.link.set(Link::SignedOut);
                return;
            }
            (End::Silent, Link::Get) => method = Link::Post,
            (End::Silent, Link::Post) => method = Link::Polling,
            (End::Silent, _) => method = Link::Get,
            (End::Lost, _) => {
                ui.link.set(Link::Lost);
                if method == Link::Polling {
                    method = Link::Get;
                }
                sleep(pause(failures)).await;
                failures = failures.saturating_add(1);
            }
        }
    }
}

/// Twice as long each time, up to 15 s; by chance up to half of it less, so that not all tabs come back at once.
fn pause(failures: u32) -> Duration {
    let longest = (500.0 * f64::from(1_u32 << failures.min(5))).min(LONGEST_WAIT_MS);
    Duration::from_millis((longest * (0.5 + js_sys::Math::random() / 2.0)) as u64)
}

async fn sleep(time: Duration) {
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        set_timeout(move || drop(resolve.call0(&JsValue::NULL)), time);
    });
    // It is never rejected.
    let _ = JsFuture::from(promise).await;
}

/// Ends a request when nothing has come for too long.
struct Patience {
    controller: AbortController,
    timer: Option<TimeoutHandle>,
}

impl Patience {
    fn new() -> Result<Self, JsValue> {
        Ok(Self { controller: AbortController::new()?, timer: None })
    }

    /// Begins to wait anew.
    fn wait(&mut self, time: Duration) {
        let controller = self.controller.clone();
        self.stop();
        self.timer = set_timeout_with_handle(move || controller.abort(), time).ok();
    }

    fn stop(&mut self) {
        if let Some(timer) = self.timer.take() {
            timer.clear();
        }
    }
}

impl Drop for Patience {
    fn drop(&mut self) {
        self.stop();
        self.controller.abort();
    }
}

async fn follow(ui: Ui, method: Link, alive: &Cell<bool>) -> End {
    let result = read(ui, method, alive).await;
    match result {
        Ok(end) => end,
        // Cut off by our own patience: the server is there, and nothing comes through.
        Err(error) if !alive.get() && is_abort(&error) => End::Silent,
        Err(_) => End::Lost,
    }
}

fn is_abort(error: &JsValue) -> bool {
    Reflect::get(error, &"name".into()).is_ok_and(|name| name == "AbortError")
}

async fn read(ui: Ui, method: Link, alive: &Cell<bool>) -> Result<End, JsValue> {
    let mut patience = Patience::new()?;
    patience.wait(FIRST);
    let (last, every) = ui.dashboard.with_untracked(|dashboard| (dashboard.last_event_id, dashboard.node.sample_every_ms));
    let word = if method == Link::Post { "POST" } else { "GET" };
    let response = request(word, "/api/stream", Some(&patience.controller.signal()), Some(last)).await?;
    match response.status() {
        200 => {}
        401 | 403 => return Ok(End::SignedOut),
        _ => return Ok(End::Silent),
    }
    let Some(body) = response.body() else { return Ok(End::Silent) };
    let reader: ReadableStreamDefaultReader = body.get_reader().dyn_into()?;
    let mut parser = Parser::default();
    // A tick may be late; a lost connection is to be noticed within 5 s.
    let tolerance = Duration::from_millis((every * 2 + 500).max(4500));
    loop {
        let piece = JsFuture::from(reader.read()).await?;
        if Reflect::get(&piece, &"done".into())?.is_truthy() {
            return Ok(End::Lost);
        }
        patience.wait(tolerance);
        alive.set(true);
        came_back(ui, method);
        let bytes = Reflect::get(&piece, &"value".into())?.dyn_into::<Uint8Array>()?.to_vec();
        let messages: Vec<_> = parser.feed(&bytes).iter().filter_map(decode).collect();
        if !messages.is_empty() {
            ui.dashboard.update(|dashboard| messages.into_iter().for_each(|message| dashboard.apply(message)));
        }
    }
}

fn came_back(ui: Ui, link: Link) {
    let before = ui.link.get_untracked();
    if before != link {
        ui.link.set(link);
        if before == Link::Lost {
            refresh(ui);
        }
    }
}

/// The two parts of a [`StreamEvent`] that are not the event itself. Read on their own: to read both at once, as the type
/// would, costs the browser a whole second reader.
#[derive(Deserialize)]
struct Became {
    instance: Option<Instance>,
    definition: Option<App>,
}

fn decode(frame: &Frame) -> Option<Message> {
    match frame.event.as_str() {
        "snapshot" => Some(Message::Snapshot(Box::new(json(&frame.data)?))),
        "health" => Some(Message::Health(Box::new(json(&frame.data)?))),
        "event" => {
            let event: Event = json(&frame.data)?;
            let Became { instance, definition } = json(&frame.data)?;
            Some(Message::Event(Box::new(StreamEvent { event, instance, definition })))
        }
        _ => None,
    }
}

fn json<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

async fn poll(ui: Ui, alive: &Cell<bool>) -> End {
    for _ in 0..POLLS {
        match get::<Overview>("/api/overview").await {
            Ok(overview) => {
                alive.set(true);
                came_back(ui, Link::Polling);
                ui.dashboard.update(|dashboard| dashboard.apply(Message::Overview(Box::new(overview))));
            }
            Err(words) if words == super::api::SIGNED_OUT => return End::SignedOut,
            Err(_) => return End::Lost,
        }
        sleep(POLL).await;
    }
    End::Silent
}
