//! What is configured, and each instance.

use leptos::prelude::*;

use crate::erased::Erase;
use crate::format;
use crate::model::{App, ExecMode, Instance};
use crate::ui::Ui;

fn facts(app: &App) -> Vec<(&'static str, String)> {
    let yes = |is: bool| if is { "yes".to_owned() } else { "no".to_owned() };
    let limits = &app.limits;
    let mut facts = vec![
        ("Script", app.script.clone()),
        ("Folder", app.cwd.clone()),
        ("Mode", if app.exec_mode == ExecMode::Cluster { "cluster".into() } else { "fork".into() }),
        ("Started again when it ends", yes(app.autorestart)),
        ("Watched for changes", yes(app.watch)),
        (
            "Gives up after",
            [&format::count(u64::from(limits.max_restarts), "failure"), " shorter than ", &format::span(limits.min_uptime_ms)]
                .concat(),
        ),
        ("Time to stop", format::span(limits.kill_timeout_ms)),
    ];
    if let Some(probe) = &app.probe {
        facts.push(("Health check", [probe.what.as_str(), "; ", &probe.policy].concat()));
        let came = match (&probe.message, probe.latency_ms) {
            (Some(message), _) => message.clone(),
            (None, Some(ms)) => ["passed in ", &format::decimal(ms), " ms"].concat(),
            (None, None) => "not yet".into(),
        };
        facts.push(("Last check", came));
    }
    facts.extend(app.findings.iter().map(|one| ("Trouble", one.message.clone())));
    facts.extend(limits.memory_bytes.map(|bytes| ("Memory limit", format::size(bytes))));
    facts
}

/// Shows both.
#[component]
pub(super) fn Details(name: String) -> impl IntoView {
    let ui = Ui::get();
    let row = ui.row(name);
    let facts = Memo::new(move |_| row.with(|row| row.as_ref().map(|row| facts(&row.app)).unwrap_or_default()));
    let env = Memo::new(move |_| row.with(|row| row.as_ref().map(|row| row.app.env.clone()).unwrap_or_default()));
    let instances = Memo::new(move |_| {
        row.with(|row| row.as_ref().map(|row| row.app.instances.clone()).filter(|all| all.len() > 1).unwrap_or_default())
    });
    let pair = |(key, value): (String, String)| {
        view! {
            <div>
                <dt>{key}</dt>
                <dd>{value}</dd>
            </div>
        }
    };
    let instance = |one: Instance| {
        view! {
            <tr>
                <td>{one.index}</td>
                <td>{one.state.word()}</td>
                <td>{one.pid.map_or_else(|| format::NOTHING.into(), |pid| pid.to_string())}</td>
                <td>{format::decimal(f64::from(one.cpu_percent))} " %"</td>
                <td>{format::size(one.memory_bytes)}</td>
                <td>{one.restarts}</td>
            </tr>
        }
    };
    view! {
        <section class="details" hidden=Signal::derive(move || instances.with(Vec::is_empty))>
            <h2>"Instances"</h2>
            <div class="panel scrolls">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">"No."</th>
                            <th scope="col">"State"</th>
                            <th scope="col">"Process"</th>
                            <th scope="col">"CPU"</th>
                            <th scope="col">"Memory"</th>
                            <th scope="col">"Restarts"</th>
                        </tr>
                    </thead>
                    <tbody>{move || instances.get().into_iter().map(instance).collect_view()}</tbody>
                </table>
            </div>
        </section>
        <section class="details">
            <h2>"How it is configured"</h2>
            <div class="panel">
                <dl class="pairs">
                    {move || facts.get().into_iter().map(|(key, value)| pair((key.into(), value))).collect_view()}
                </dl>
                <details hidden=Signal::derive(move || env.with(|env| env.is_empty()))>
                    <summary>"Its environment"</summary>
                    <dl class="pairs code">{move || env.get().into_iter().map(pair).collect_view()}</dl>
                </details>
            </div>
        </section>
    }
    .erase()
}
