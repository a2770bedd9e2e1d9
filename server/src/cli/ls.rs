//! `qd ls`: every app in a table, and a sentence about each that needs a person.

use app::model::{App, Instance, State, Time};
use clap::Args;

use super::context::Context;
use super::screen::{Screen, Tone};
use super::table::{Cell, Column, render, wrap};
use super::{Failure, format};

/// The words of `qd ls`.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Ls {
    /// Print the apps as JSON, as the API tells them
    #[arg(long)]
    json: bool,
}

impl Ls {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let apps = context.apps().await?;
        if self.json {
            return context.print_json(&apps);
        }
        context.screen.print(&overview(&apps, context.now(), &context.screen))
    }
}

/// The table and the sentences below it.
pub(super) fn overview(apps: &[App], now: Time, screen: &Screen) -> String {
    if apps.is_empty() {
        return "There are no apps yet; add some with `qd start CONFIG` or `qd start SCRIPT`.\n".into();
    }
    let layered = apps.iter().any(|app| layer(app) != "default");
    let rows = apps.iter().flat_map(|app| app.instances.iter().map(move |instance| row(app, instance, now, layered)));
    let mut text = render(&columns(layered), &rows.collect::<Vec<_>>(), screen);
    let sentences: Vec<String> = apps.iter().filter_map(|app| format::trouble(app, now)).collect();
    for (place, sentence) in sentences.iter().enumerate() {
        if place == 0 {
            text.push('\n');
        }
        text.push_str(&wrap(sentence, screen.width));
        text.push('\n');
    }
    text
}

fn columns(layered: bool) -> Vec<Column> {
    let figure = |title, drop| Column { title, right: true, narrow: None, drop };
    let layer = Column { title: "layer", right: false, narrow: Some(8), drop: 9 };
    let mut columns = vec![
        figure("id", 3),
        Column { title: "name", right: false, narrow: Some(20), drop: 0 },
        Column { title: "state", right: false, narrow: None, drop: 0 },
        figure("uptime", 2),
        figure("↺", 5),
        figure("cpu", 6),
        figure("mem", 4),
        figure("pid", 7),
        figure("port", 8),
    ];
    if layered {
        columns.insert(2, layer);
    }
    columns
}

fn row(app: &App, instance: &Instance, now: Time, layered: bool) -> Vec<Cell> {
    let runs = instance.pid.is_some();
    // A process of this moment has no figures yet.
    let measured = runs && instance.memory_bytes > 0;
    let figure = |text: Option<String>| text.map_or_else(|| Cell::toned(Tone::Quiet, "–"), Cell::new);
    let unwell = app.is_unhealthy() && instance.state == State::Online;
    let (tone, state) = if unwell { (Tone::Bad, "✕ unhealthy".to_owned()) } else { state(instance.state) };
    let mut cells = vec![
        Cell::new(instance.pm_id.to_string()),
        Cell::toned(Tone::Strong, format::plain(&app.name)),
        Cell::toned(tone, state),
        figure(instance.started_at.filter(|_| runs).map(|started| format::short_span(now.since(started)))),
        Cell::new(instance.restarts.to_string()),
        figure(measured.then(|| format::percent(instance.cpu_percent))),
        figure(measured.then(|| format::size(instance.memory_bytes))),
        figure(instance.pid.map(|pid| pid.to_string())),
        figure(instance.port.map(|port| port.to_string())),
    ];
    if layered {
        cells.insert(2, Cell::new(layer(app)));
    }
    cells
}

/// The layer, and the namespace where it is another word.
fn layer(app: &App) -> String {
    if app.namespace == app.layer || app.namespace == "default" {
        return format::plain(&app.layer);
    }
    format::plain(&format!("{}/{}", app.namespace, app.layer))
}

/// A state as sign and word: never by colour alone.
pub(super) fn state(state: State) -> (Tone, String) {
    let (tone, sign) = match state {
        State::Online => (Tone::Good, '●'),
        State::Stopped => (Tone::Quiet, '○'),
        State::Starting | State::Stopping => (Tone::Warning, '◐'),
        State::BackingOff => (Tone::Warning, '↻'),
        State::Errored | State::Unkillable => (Tone::Bad, '✕'),
    };
    (tone, format!("{sign} {}", state.word()))
}

#[cfg(test)]
mod tests {
    use super::super::samples::{NOW, app, errored};
    use super::*;

    fn stack() -> Vec<App> {
        let mut apps = vec![app("sttttserver", 0), app("database-api-server-of-the-old-machine", 1), errored("cloudflared", 2)];
        for (app, layer) in apps.iter_mut().zip(["core", "monitoring", "infrastructure"]) {
            app.layer = layer.into();
        }
        apps[0].namespace = "translation".into();
        apps[1].instances[0].memory_bytes = 1_500 << 20;
        apps
    }

    fn shown(apps: &[App], width: usize) -> String {
        overview(apps, NOW, &Screen { width, colour: false, terminal: false, silent: false })
    }

    #[test]
    fn fits_80_columns() {
        insta::assert_snapshot!(shown(&stack(), 80));
    }

    #[test]
    fn fits_120_columns() {
        insta::assert_snapshot!(shown(&stack(), 120));
    }

    #[test]
    fn fits_200_columns() {
        insta::assert_snapshot!(shown(&stack(), 200));
    }

    #[test]
    fn fits_every_width() {
        for width in 12..220 {
            for line in shown(&stack(), width).lines() {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn no_layer_where_none_was_told() {
        assert!(!shown(&[app("a", 0)], 200).contains("layer"));
        assert!(shown(&[], 80).contains("no apps"));
    }

    #[test]
    fn colours_only_where_allowed() {
        let coloured = overview(&stack(), NOW, &Screen { width: 80, colour: true, terminal: true, silent: false });
        assert!(coloured.contains("\x1b[31m✕ errored\x1b[0m"));
        assert!(!shown(&stack(), 80).contains('\x1b'));
    }
}
