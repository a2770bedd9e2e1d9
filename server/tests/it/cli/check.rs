//! `qd check`: every mistake at once, and what is odd besides.

use crate::common::Place;

const MISTAKES: &str = r#"{"apps":[
    {"name":"first","script":"/bin/sleep","max_memory_restart":"lots"},
    {"name":"second","script":"/bin/sleep","instances":"many"},
    {"name":"third","script":"/bin/sleep","kill_timeout":"soon"},
    {"name":"fine","script":"/bin/sleep"}
]}"#;

#[test]
fn every_mistake_with_file_app_and_key() {
    let place = Place::new();
    place.write("bad.config.json", MISTAKES);
    for words in ["check bad.config.json", "start bad.config.json"] {
        let ended = place.qd(words);
        assert_eq!(ended.code, Some(2), "{words}: {ended:?}");
        for (app, key) in [("first", "max_memory_restart"), ("second", "instances"), ("third", "kill_timeout")] {
            let told = ended.err.lines().any(|line| line.contains("bad.config.json") && line.contains(app) && line.contains(key));
            assert!(told, "{words}: {app} and {key} are missing in {}", ended.err);
        }
    }
    assert!(!place.home().exists(), "a daemon was started for a bad file");
}

#[test]
fn the_same_as_json() {
    let place = Place::new();
    place.write("bad.config.json", MISTAKES);
    let ended = place.qd("check bad.config.json --json");
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let report: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    let keys: Vec<_> = report["errors"].as_array().unwrap().iter().map(|error| error["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["max_memory_restart", "instances", "kill_timeout"]);
}

#[test]
fn odd_is_not_wrong() {
    let place = Place::new();
    place.write("ecosystem.config.json", r#"{"apps":[{"name":"a","script":"/bin/sleep","max_memory_restrat":"1G"}]}"#);
    let ended = place.qd("check");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.err.starts_with("warning: ") && ended.err.contains("max_memory_restart"), "{ended:?}");
}

#[test]
fn a_file_that_is_not_there() {
    let place = Place::new();
    let ended = place.qd("check no-such-file.config.js");
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.err.contains("no-such-file"), "{ended:?}");
    let ended = place.qd("check");
    assert_eq!(ended.code, Some(2), "{ended:?}");
}
