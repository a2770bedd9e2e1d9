//! One app: charts under one axis of time, its log beside them, and why it restarted.

mod availability;
mod charts;
mod details;
mod figures;
mod profiles;
mod runs;

use leptos::prelude::*;

use self::availability::AvailabilityPart;
use self::charts::Charts;
use self::details::Details;
pub(crate) use self::profiles::ProfileView;
use self::profiles::Profiles;
use self::runs::Runs;
use super::{AppContent, Content};
use crate::client;
use crate::component::{ActionButton, ActionMenu, Feedback, Log, LogView, likely};
use crate::erased::Erase;
use crate::format;
use crate::model::{Action, AppMetrics, Event, EventKind, Time};
use crate::route::Route;
use crate::state::is_failure;
use crate::ui::Ui;
use crate::words::{self, Tone};

/// What the parts of the page share.
#[derive(Clone, Copy)]
struct Looked {
    metrics: RwSignal<Result<AppMetrics, String>>,
    /// What happened to the app, newest first.
    events: Memo<Vec<Event>>,
    /// The moment that was chosen.
    at: RwSignal<Option<Time>>,
    log: RwSignal<LogView>,
}

/// Does it tell what checks and judgement found, under the axis of the figures that led to it?
fn is_verdict(kind: EventKind) -> bool {
    matches!(kind, EventKind::Unhealthy | EventKind::Healthy | EventKind::Warning | EventKind::Cleared | EventKind::Exception)
}

/// The page.
#[component]
pub(crate) fn AppPage(name: String) -> impl IntoView {
    let ui = Ui::get();
    let content = {
        let name = name.clone();
        move || {
            ui.content.with(|content| match content {
                Content::App(app) if app.name == name => Some((**app).clone()),
                _ => None,
            })
        }
    };
    let first = untrack(&content).unwrap_or_else(|| AppContent {
        name: name.clone(),
        at: None,
        metrics: Err(String::new()),
        logs: Ok(crate::model::LogPage::default()),
        events: Ok(Vec::new()),
        availability: Ok(Default::default()),
    });
    let metrics = RwSignal::new(first.metrics);
    let log = RwSignal::new(LogView { around: first.at, page: first.logs });
    let at = RwSignal::new(first.at);
    let older = RwSignal::new(first.events);
    let availability = RwSignal::new(first.availability);
    // A new address of the same app: another range, another moment.
    Effect::watch(
        content,
        move |content, _, _| {
            if let Some(new) = content.clone() {
                metrics.set(new.metrics);
                older.set(new.events);
                availability.set(new.availability);
                at.set(new.at);
                log.set(LogView { around: new.at, page: new.logs });
            }
        },
        false,
    );
    let events = {
        let name = name.clone();
        Memo::new(move |_| {
            let live = ui.dashboard.with(|dashboard| dashboard.events.clone());
            let known = older.with(|older| older.as_ref().ok().cloned().unwrap_or_default());
            let mut all: Vec<_> = live.iter().filter(|event| event.app.as_ref() == Some(&name)).cloned().chain(known).collect();
            all.sort_by_key(|event| std::cmp::Reverse(event.id));
            all.dedup_by_key(|event| event.id);
            all
        })
    };
    let looked = Looked { metrics, events, at, log };
    client::feed_charts(ui, name.clone(), metrics);
    client::follow_log(ui, name.clone(), log);
    client::follow_availability(name.clone(), events, availability);
    let marks = Memo::new(move |_| {
        let told = |event: &Event| {
            (matches!(event.kind, EventKind::Exit | EventKind::SpawnFailed | EventKind::Start) || is_verdict(event.kind))
                .then(|| (event.time, event.message.clone()))
        };
        events.with(|events| events.iter().rev().filter_map(told).collect::<Vec<_>>())
    });
    let follow = {
        let name = name.clone();
        Callback::new(move |()| {
            at.set(None);
            client::look_at(ui, &name, None, log);
        })
    };
    view! {
        <Head name=name.clone() />
        <div class="columns look">
            <Charts name=name.clone() looked />
            <Log name=name.clone() log marks follow />
        </div>
        <Runs name=name.clone() looked />
        <AvailabilityPart name=name.clone() told=availability />
        {ui.may_control.then(|| view! { <Profiles name=name.clone() /> })}
        <Details name />
    }
    .erase()
}

/// What it is, how it stands and what can be done.
#[component]
fn Head(name: String) -> impl IntoView {
    let ui = Ui::get();
    let row = ui.row(name.clone());
    let status = Memo::new(move |_| row.with(|row| row.as_ref().map_or((Tone::Quiet, "Deleted"), |row| words::status(row))));
    let layer = Signal::derive(move || row.with(|row| row.as_ref().map(|row| row.app.layer.clone() + " /").unwrap_or_default()));
    let today = {
        let name = name.clone();
        move || {
            let zone = ui.zone.get();
            let now = zone.at(ui.dashboard.with(|dashboard| dashboard.time()));
            ui.dashboard.with(|dashboard| {
                let mine = |event: &&Event| {
                    event.app.as_ref() == Some(&name) && is_failure(event) && zone.at(event.time).date() == now.date()
                };
                dashboard.events.iter().filter(mine).count() as u64
            })
        }
    };
    let facts = move || {
        let now = ui.now.get();
        let failures = today();
        row.with(|row| {
            let Some(row) = row else { return Vec::new() };
            let mut facts = Vec::new();
            let (tone, word) = status.get();
            let since = words::since(row, now);
            facts.push(match tone {
                Tone::Bad if since.starts_with("down ") => ["Down for ", since.trim_start_matches("down ")].concat(),
                _ => [word, " for ", &since].concat(),
            });
            if let Some(one) = row.app.first() {
                facts.extend(one.pid.map(|pid| "pid ".to_owned() + &pid.to_string()));
                facts.extend(one.port.map(|port| "port ".to_owned() + &port.to_string()));
            }
            facts.push(words::command(&row.app));
            if failures > 0 {
                facts.push(format::count(failures, "failure") + " today");
            }
            facts
        })
    };
    let trouble = Memo::new(move |_| {
        let now = ui.now.get();
        row.with(|row| row.as_ref().filter(|_| matches!(status.get().0, Tone::Bad | Tone::Warn)).map(|row| words::note(row, now)))
    });
    let main = Memo::new(move |_| match row.with(|row| row.as_ref().map(|row| likely(row.app.state))) {
        Some(Action::Start) => vec![Action::Start, Action::Stop],
        Some(_) => vec![Action::Restart, Action::Reload, Action::Stop],
        None => Vec::new(),
    });
    let buttons = {
        let name = name.clone();
        move || {
            let button = |action| {
                let class = if action == Action::Start { "button strong" } else { "button" };
                view! { <ActionButton name=name.clone() action=Signal::stored(action) class=Signal::stored(class) /> }
            };
            main.get().into_iter().map(button).collect_view()
        }
    };
    let menu =
        Signal::derive(
            move || if main.with(|main| main.contains(&Action::Start)) { vec![Action::Restart] } else { vec![Action::Start] },
        );
    let actions = if ui.may_control {
        view! {
            <div class="acts needs-js">
                <span class="group">{buttons}</span>
                <ActionMenu name=name.clone() actions=menu />
            </div>
        }
        .erase()
    } else {
        view! { <p class="acts note">"Your role may look but not touch."</p> }.erase()
    };
    view! {
        <header class="page-head app-head">
            <p class="crumb">
                <a href=Route::Overview.href()>{layer}</a>
            </p>
            <h1>
                <span class=Signal::derive(move || ["dot ", status.get().0.class()].concat()) aria-hidden="true"></span>
                <span>{name.clone()}</span>
            </h1>
            <p class="facts">{Signal::derive(move || facts().join(" · "))}</p>
            {actions}
            <p class=Signal::derive(move || ["trouble ", status.get().0.class()].concat()) hidden=Signal::derive(move || trouble.with(Option::is_none))>
                {trouble}
            </p>
            <Feedback name />
        </header>
    }
    .erase()
}
