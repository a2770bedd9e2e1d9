//! The unit for systemd, as far as it goes without one.

use std::path::Path;

use crate::common::{Ended, Place, qd};

#[test]
fn printed_and_nothing_changed() {
    let place = Place::new();
    let ended = place.qd("startup --print --user nobody --home /srv/home");
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{ended:?}");
    for line in ["User=nobody", "KillMode=process", "RestartKillSignal=SIGQUIT", "WantedBy=multi-user.target"] {
        assert!(ended.out.lines().any(|written| written == line), "{line} is missing in {}", ended.out);
    }
    assert!(ended.out.contains(&format!("ExecStart=\"{}\" serve --home \"/srv/home\"\n", qd())), "{}", ended.out);
    assert!(!place.home().exists(), "a home was made");
}

#[test]
fn in_the_words_of_pm2() {
    let place = Place::new();
    let link = place.path().join("pm2");
    std::os::unix::fs::symlink(qd(), &link).unwrap();
    let words = ["startup", "systemd", "-u", "nobody", "--hp", "/srv/it's 50%", "--wait-ip", "--print"];
    let ended = Ended::of(place.command(&link, words));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("serve --home \"/srv/it's 50%%/.quarterdeck\"\n"), "{}", ended.out);
}

#[test]
fn without_systemd_it_says_what_to_do() {
    // Where systemd runs this would change the host.
    if Path::new("/run/systemd/system").exists() {
        return;
    }
    let place = Place::new();
    for words in ["startup", "unstartup"] {
        let ended = place.qd(words);
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
        assert!(ended.err.contains("qd serve") && ended.err.contains("--print"), "{ended:?}");
    }
}
