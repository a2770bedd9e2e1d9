//! How much of the time an app was there: what really happened to it, over kills of the node.

use serde_json::Value;

use crate::common::Daemon;
use crate::common::daemon::kill;

const APP: &str = r#"{"apps":[
    {"name":"a","script":"/bin/sleep","args":"600","restart_delay":300,"availability_target":99.9}
]}"#;

fn availability(daemon: &Daemon) -> Value {
    daemon.get("/api/apps/a/availability")
}

fn outages(daemon: &Daemon) -> usize {
    availability(daemon)["outages"].as_array().unwrap().len()
}

#[test]
fn a_crash_counts_and_what_was_asked_for_does_not() {
    let mut daemon = Daemon::serve(APP, 1);
    let none = availability(&daemon);
    assert_eq!((&none["spans"][2]["down_ms"], &none["budget"]["left_ms"]), (&0.into(), &2_592_000.into()), "{none}");
    let pid = daemon.pid("a");
    kill(pid);
    daemon.until("it crashed", || daemon.runs_anew("a", pid));
    daemon.until("it is known", || availability(&daemon)["outages"][0]["to"].is_string());
    let told = availability(&daemon);
    let down = told["spans"][0]["down_ms"].as_u64().unwrap();
    assert!((250..60_000).contains(&down), "{told}");
    assert_eq!(told["budget"]["left_ms"].as_u64(), Some(2_592_000 - down), "{told}");
    assert_eq!((&told["outages"][0]["cause"], told["outages"].as_array().unwrap().len()), (&"crash".into(), 1), "{told}");
    daemon.done("restart a");
    daemon.done("stop a");
    daemon.done("start a");
    daemon.until_online(1);
    // The node is away, and the app lives.
    daemon.kill();
    daemon.come_back();
    daemon.until_online(1);
    assert_eq!(outages(&daemon), 1);
    assert_eq!(availability(&daemon)["spans"][2]["down_ms"].as_u64(), Some(down));
    let described = daemon.done("describe a");
    assert!(described.contains("99.9 %: ") && described.contains("left these 30 days"), "{described}");
}

#[test]
fn an_outage_goes_on_over_a_kill_of_the_node() {
    let apps = r#"{"apps":[{"name":"a","script":"sleep","args":"600","restart_delay":"20s"}]}"#;
    let mut daemon = Daemon::serve(apps, 1);
    kill(daemon.pid("a"));
    daemon.until("it is down", || daemon.status("a") == "waiting restart");
    let before = availability(&daemon);
    assert!(before["outages"][0]["to"].is_null(), "{before}");
    daemon.kill();
    daemon.come_back();
    daemon.until_online(1);
    daemon.until("it has ended", || availability(&daemon)["outages"][0]["to"].is_string());
    let after = availability(&daemon);
    assert_eq!(after["outages"][0]["from"], before["outages"][0]["from"], "{after}");
    assert_eq!(outages(&daemon), 1, "{after}");
}
