//! Files whose change restarts an app.

use crate::common::{Daemon, Place};

#[test]
fn a_change_restarts_and_what_cannot_be_watched_is_told() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("src")).unwrap();
    let apps = r#"{"apps":[{"name":"a","script":"sleep","args":"600","watch":["src","nowhere"],"watch_delay":50,"ignore_watch":["*.log"]}]}"#;
    let daemon = Daemon::serve_in(place, apps, 1);
    let told = |kind: &str| daemon.events("a").into_iter().rfind(|event| event["kind"] == kind);
    daemon.until("it is told", || told("warning").is_some());
    let warning = told("warning").unwrap()["message"].as_str().unwrap().to_owned();
    assert!(warning.contains("/nowhere is not watched: ") && warning.contains("does it exist"), "{warning}");
    let pid = daemon.pid("a");
    std::fs::write(daemon.place.path().join("src/x.log"), "").unwrap();
    std::fs::write(daemon.place.path().join("src/x.js"), "").unwrap();
    daemon.until("it is restarted", || daemon.runs_anew("a", pid));
    let exit = told("exit").unwrap();
    assert_eq!((&exit["cause"], daemon.restarts("a")), (&"watch".into(), 1));
    assert!(exit["message"].as_str().unwrap().contains("x.js changed"), "{exit}");
}
