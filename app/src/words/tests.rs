use super::*;
use crate::model::{Cause, Overview, ProbeReport};
use crate::sample::{NOW, app, crash, overview};
use crate::state::Dashboard;

const MINUTE: i64 = 60_000;

fn down(name: &str, critical: bool, minutes: i64) -> App {
    let mut app = App { critical, reason: Some("exit 1".into()), ..app(name, State::Errored) };
    app.instances[0].since = NOW - minutes * MINUTE;
    app
}

fn said(overview: Overview) -> (String, String) {
    let dashboard = Dashboard::new(overview);
    let headline = headline(dashboard.rows().map(|row| &**row), NOW);
    let piece = |piece| match piece {
        Piece::Name(name) => ["*", &name, "*"].concat(),
        Piece::Text(text) => text,
    };
    (headline.title, headline.detail.into_iter().map(piece).collect())
}

fn of(apps: Vec<App>) -> (String, String) {
    said(overview(apps))
}

fn pair(title: &str, detail: &str) -> (String, String) {
    (title.into(), detail.into())
}

fn failing() -> ProbeReport {
    ProbeReport {
        what: "GET http://127.0.0.1:5000/api-health".into(),
        policy: "restarts after 3 failed checks in a row".into(),
        healthy: Some(false),
        since: Some(NOW - 2 * MINUTE),
        failures: 4,
        latency_ms: None,
        detail: None,
        checked_at: Some(NOW),
        message: Some("GET /api-health: answered 500".into()),
    }
}

#[test]
fn one_that_is_not_healthy_says_why_and_since_when() {
    let dashboard = Dashboard::new(overview(vec![App { probe: Some(failing()), ..app("a", State::Online) }]));
    let row = dashboard.row("a").unwrap();
    assert_eq!(status(&row), (Tone::Bad, "Unhealthy"));
    assert_eq!((since(&row, NOW).as_str(), note(&row, NOW).as_str()), ("2 m", "GET /api-health: answered 500"));
}

#[test]
fn headlines() {
    let up = |name| app(name, State::Online);
    assert_eq!(of(vec![]), pair("No services yet.", "Start the first one on the command line: qd start ecosystem.config.js"));
    assert_eq!(of(vec![up("a")]), pair("a is running.", "Nothing has restarted for 1 hour."));
    assert_eq!(of(vec![up("a"), up("b")]), pair("Both services are running.", "Nothing has restarted for 1 hour."));
    assert_eq!(of(vec![up("a"), up("b"), up("c")]).0, "All 3 services are running.");
    assert_eq!(
        of(vec![up("a"), up("b"), down("cloudflared", false, 3)]),
        pair("2 of 3 services are running.", "*cloudflared* has been down for 3 minutes; nothing critical is affected.")
    );
    assert_eq!(
        of(vec![up("a"), down("db", true, 120), down("c", false, 1)]),
        pair("1 of 3 services is running.", "*db*, which is critical, has been down for 2 hours; also down: *c*.")
    );
    let sick = App { probe: Some(failing()), ..up("sick") };
    assert_eq!(of(vec![sick.clone()]).0, "sick is not healthy.");
    assert_eq!(
        of(vec![up("a"), sick]),
        pair("1 of 2 services is healthy.", "*sick* runs, but does not pass its health check; nothing critical is affected.")
    );
    let many = (0..5).map(|index| down(&format!("s{index}"), false, 1)).collect();
    assert_eq!(
        of(many),
        pair("None of the 5 services is running.", "*s0*, *s1* and 3 more are down; nothing critical is affected.")
    );
    assert_eq!(of(vec![up("a"), app("b", State::Stopped)]), pair("1 of 2 services is running.", "*b* was stopped on purpose."));
    let critical = App { critical: true, ..app("b", State::Stopped) };
    assert_eq!(
        of(vec![up("a"), critical, down("c", false, 1)]),
        pair("1 of 3 services is running.", "*c* has been down for 1 minute. *b*, which is critical, was stopped on purpose.")
    );
}

#[test]
fn an_unsteady_app_says_why() {
    let unsteady = Overview {
        events: vec![crash(2, "a", NOW - MINUTE), crash(1, "a", NOW - 2 * MINUTE)],
        ..overview(vec![app("a", State::Online)])
    };
    let dashboard = Dashboard::new(unsteady.clone());
    let row = dashboard.row("a").expect("it is there");
    assert_eq!((status(&row), note(&row, NOW).as_str()), ((Tone::Warn, "Unsteady"), "2 restarts in 10 min"));
    assert_eq!(said(unsteady).1, "*a* is unsteady: look at why it restarts.");
}

#[test]
fn rows() {
    let mut waiting = App { state: State::BackingOff, ..down("a", false, 3) };
    waiting.instances[0].retry_at = Some(NOW + 23_400);
    waiting.instances[0].state = State::BackingOff;
    let calm = App { critical: true, env_port: Some(8080), ..app("b", State::Online) };
    let dashboard = Dashboard::new(overview(vec![waiting, calm]));
    let told = |name: &str| dashboard.row(name).map(|row| (status(&row).1, since(&row, NOW), note(&row, NOW)));
    assert_eq!(told("a"), Some(("Down", "down 3 m".into(), "exit 1 · retry in 24 s".into())));
    assert_eq!(told("b"), Some(("Running", "1 h".into(), "critical · :8080".into())));
}

#[test]
fn runs_and_days() {
    let run_of = Event { ran_ms: Some(8_760_000), peak_memory_bytes: Some(131 << 20), exit_code: Some(0), ..crash(1, "a", NOW) };
    assert_eq!(run(&run_of), "ran 2 h 26 m · peak 131 MB · exit 0");
    assert_eq!(run(&Event { signal: Some("SIGKILL".into()), exit_code: None, ..run_of }), "ran 2 h 26 m · peak 131 MB · SIGKILL");
    assert_eq!(
        day(&[DayCell::Up, DayCell::Down, DayCell::Restarted]),
        "Last 24 hours: restarted in 1 half-hour, down in 1 half-hour"
    );
    assert_eq!(day(&[DayCell::Up]), "Last 24 hours: no failure");
    assert_eq!(command(&app("a", State::Online)), "node a.js");
}

#[test]
fn a_request_is_told_once() {
    let asked = |kind, message: &str| Event { actor: Some("ana".into()), ..Event::new(NOW, kind, Cause::Request, message) };
    let told = [
        asked(EventKind::Online, "is ready"),
        asked(EventKind::Start, "started by ana"),
        asked(EventKind::Exit, "restarted by ana"),
        asked(EventKind::Stopping, "restarting by ana"),
    ];
    assert_eq!(news(&told).iter().map(|event| event.message.as_str()).collect::<Vec<_>>(), ["restarted by ana"]);
    let told = [asked(EventKind::Start, "started by ana"), asked(EventKind::Stopped, "stopped by ana")];
    assert_eq!(news(&told).len(), 1);
}
