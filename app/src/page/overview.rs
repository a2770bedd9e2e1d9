//! Everything at a glance.

mod daemon;

use leptos::prelude::*;

use self::daemon::Daemon;
use crate::chart::{Spark, SparkLine};
use crate::component::{AppRow, EventLine};
use crate::erased::Erase;
use crate::format;
use crate::model::{Event, HostTrend};
use crate::state::Dashboard;
use crate::ui::Ui;
use crate::words::{self, Piece};

/// From how many apps on a filter is always there.
const MANY: usize = 13;
/// How many lines "what happened" has here.
const NEWS: usize = 10;

/// The page.
#[component]
pub(crate) fn OverviewPage() -> impl IntoView {
    let ui = Ui::get();
    let headline = Memo::new(move |_| {
        let now = ui.now.get();
        ui.dashboard.with(|dashboard| words::headline(dashboard.rows().map(|row| &**row), now))
    });
    let detail = move || {
        let piece = |piece| match piece {
            Piece::Name(name) => view! { <b>{name}</b> }.erase(),
            Piece::Text(text) => text.erase(),
        };
        headline.with(|headline| headline.detail.clone()).into_iter().map(piece).collect_view()
    };
    view! {
        <header class="page-head">
            <h1>{Signal::derive(move || headline.with(|headline| headline.title.clone()))}</h1>
            <p class="lead">{detail}</p>
        </header>
        <Host />
        <div class="columns">
            <div class="apps">
                <Filter />
                <Layers />
            </div>
            <News />
        </div>
        <Daemon />
    }
    .erase()
}

/// Four figures of the host.
#[component]
fn Host() -> impl IntoView {
    let ui = Ui::get();
    let told = move |tell: fn(&Dashboard) -> String| Signal::derive(move || ui.dashboard.with(tell));
    let spark = move |part: fn(&HostTrend) -> &Vec<Option<f32>>| {
        Memo::new(move |_| ui.dashboard.with(|dashboard| SparkLine::new(part(&dashboard.host), Some(100.0)).without_limit()))
    };
    let figure = |label, value: Signal<String>, unit, note: Signal<String>, spark: Option<Memo<SparkLine>>| {
        view! {
            <div class="panel host-figure">
                <dt>{label}</dt>
                <dd class="value">{value} <small>{unit}</small></dd>
                <dd class="note">{note}</dd>
                {spark.map(|shown| view! { <dd class="drawing"><Spark shown kind="cpu" /></dd> })}
            </div>
        }
    };
    let cpu_note = told(|dashboard| {
        let cpu = &dashboard.health.cpu;
        let loads = [cpu.load_1, cpu.load_5, cpu.load_15].map(format::hundredths).join(" ");
        [&format::count(u64::from(cpu.cores), "core"), " · load ", &loads].concat()
    });
    let memory_note = told(|dashboard| {
        let memory = &dashboard.health.memory;
        [&format::thousands(memory.used_mb), " of ", &format::thousands(memory.total_mb), " MB"].concat()
    });
    let disk_note = told(|dashboard| {
        let disk = &dashboard.health.disk;
        ["history ", &format::size(disk.history_bytes), " · logs ", &format::size(disk.logs_bytes)].concat()
    });
    let up = told(|dashboard| uptime(dashboard.health.uptime.system_seconds));
    let up_note = told(|dashboard| {
        let own = uptime(dashboard.health.uptime.process_seconds);
        [dashboard.node.hostname.as_str(), " · qd ", &dashboard.node.version, " for ", &own].concat()
    });
    let cpu = told(|dashboard| percent(dashboard.health.cpu.usage_percent));
    let memory = told(|dashboard| percent(dashboard.health.memory.usage_percent));
    let disk = told(|dashboard| percent(dashboard.health.disk.usage_percent));
    view! {
        <dl class="host" aria-label="This host">
            {figure("CPU", cpu, " %", cpu_note, Some(spark(|host| &host.cpu_percent)))}
            {figure("Memory", memory, " %", memory_note, Some(spark(|host| &host.memory_percent)))}
            {figure("Disk", disk, " %", disk_note, Some(spark(|host| &host.disk_percent)))}
            {figure("Up", up, "", up_note, None)}
        </dl>
    }
    .erase()
}

fn percent(value: f32) -> String {
    format::round(f64::from(value)).to_string()
}

fn uptime(seconds: f64) -> String {
    format::span(seconds as u64 * 1000)
}

/// A field that narrows the list by name.
#[component]
fn Filter() -> impl IntoView {
    let ui = Ui::get();
    let shown = Memo::new(move |_| ui.filtering.get() || ui.dashboard.with(|dashboard| dashboard.order.len() >= MANY));
    view! {
        <p class="filter needs-js" hidden=Signal::derive(move || !shown.get())>
            <input
                id="filter"
                type="search"
                aria-label="Filter apps by name"
                placeholder="Filter apps"
                autocomplete="off"
                spellcheck="false"
                prop:value=move || ui.filter.get()
                on:input=move |event| ui.filter.set(event_target_value(&event))
            />
            <kbd>"/"</kbd>
        </p>
    }
    .erase()
}

/// The apps by layer, layers in the order of their first app.
#[component]
fn Layers() -> impl IntoView {
    let ui = Ui::get();
    let layers = Memo::new(move |_| {
        let wanted = ui.filter.get().to_lowercase();
        ui.dashboard.with(|dashboard| {
            let mut layers: Vec<(String, Vec<String>)> = Vec::new();
            for row in dashboard.rows().filter(|row| row.app.name.to_lowercase().contains(&wanted)) {
                let (layer, name) = (&row.app.layer, row.app.name.clone());
                match layers.iter_mut().find(|(known, _)| known == layer) {
                    Some((_, names)) => names.push(name),
                    None => layers.push((layer.clone(), vec![name])),
                }
            }
            layers
        })
    });
    let nothing = move || layers.with(Vec::is_empty);
    let told = move || {
        if ui.dashboard.with(|dashboard| dashboard.order.is_empty()) {
            "Nothing runs here yet. When an app is started, it appears by itself."
        } else {
            "No app is called that."
        }
    };
    view! {
        <For each=move || layers.with(|layers| layers.iter().map(|(layer, _)| layer.clone()).collect::<Vec<_>>()) key=Clone::clone let:layer>
            <Layer
                layer=layer.clone()
                names=Memo::new(move |_| {
                    layers.with(|layers| layers.iter().find(|(name, _)| *name == layer).map(|(_, names)| names.clone()).unwrap_or_default())
                })
            />
        </For>
        <p class="panel empty" hidden=Signal::derive(move || !nothing())>
            {told}
        </p>
    }
    .erase()
}

#[component]
fn Layer(layer: String, names: Memo<Vec<String>>) -> impl IntoView {
    let ui = Ui::get();
    let live = move || {
        names.with(|names| {
            ui.dashboard.with(|dashboard| {
                let live = names.iter().filter(|name| dashboard.row(name).is_some_and(|row| row.app.is_well())).count();
                [&live.to_string(), " of ", &names.len().to_string()].concat()
            })
        })
    };
    view! {
        <section class="layer">
            <h2>{capital(&layer)} " " <small>{live}</small></h2>
            <ul class="panel rows">
                <For each=move || names.get() key=Clone::clone let:name>
                    <AppRow name />
                </For>
            </ul>
        </section>
    }
    .erase()
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// What happened, newest first.
#[component]
fn News() -> impl IntoView {
    let ui = Ui::get();
    let news = Memo::new(move |_| {
        let events = ui.dashboard.with(|dashboard| dashboard.events.clone());
        words::news(&events).into_iter().take(NEWS).cloned().collect::<Vec<Event>>()
    });
    let when = move || {
        let zone = ui.zone.get();
        let now = zone.at(ui.dashboard.with(|dashboard| dashboard.time()));
        let oldest = news.with(|news| news.last().map(|event| format::day(zone.at(event.time), now)));
        match oldest {
            Some(day) if day == "today" => day,
            Some(day) => "since ".to_owned() + &day,
            None => String::new(),
        }
    };
    view! {
        <aside class="news" aria-labelledby="news-title">
            <h2 id="news-title">"What happened " <small>{when}</small></h2>
            <p class="panel empty" hidden=Signal::derive(move || news.with(|news| !news.is_empty()))>
                "Nothing yet. Restarts and failures will stand here, each with its reason."
            </p>
            <ol class="panel events" hidden=Signal::derive(move || news.with(Vec::is_empty))>
                <For each=move || news.get() key=|event| event.id let:event>
                    <EventLine event shape=format::clock_or_day />
                </For>
            </ol>
        </aside>
    }
    .erase()
}
