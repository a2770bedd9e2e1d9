//! What an app may do and use is what its definition says.

use crate::common::{Daemon, Place, skipped};

fn line(text: &str, beginning: &str) -> String {
    let line = text.lines().find(|line| line.starts_with(beginning)).unwrap_or_else(|| panic!("no {beginning} in {text}"));
    line[beginning.len()..].split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn nice_umask_open_files_and_privileges() {
    let told = r#"{"apps":[
        {"name":"told","script":"sleep","args":"600","nice":7,"umask":"0137","no_new_privs":true,"limits":{"nofile":123}},
        {"name":"plain","script":"sleep","args":"600"}
    ]}"#;
    let daemon = Daemon::serve(told, 2);
    let read = |name: &str, file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", daemon.pid(name))).unwrap();
    let nice = |name: &str| read(name, "stat").rsplit_once(')').unwrap().1.split_whitespace().nth(16).unwrap().to_owned();
    let of = |name: &str| {
        let (status, limits) = (read(name, "status"), read(name, "limits"));
        [nice(name), line(&status, "Umask:"), line(&status, "NoNewPrivs:"), line(&limits, "Max open files")]
    };
    assert_eq!(of("told"), ["7", "0137", "1", "123 123 files"]);
    let ours = std::fs::read_to_string("/proc/self/limits").unwrap();
    let [own_nice, _, own_privileges, files] = of("plain");
    assert_eq!((own_nice.as_str(), own_privileges.as_str(), files), ("0", "0", line(&ours, "Max open files")));
}

#[test]
fn what_cannot_be_had_is_told_with_its_key() {
    let daemon = Daemon::serve(r#"{"apps":[{"name":"a","script":"sleep","args":"600","limits":{"nofile":4294967295}}]}"#, 0);
    daemon.until("it was tried", || daemon.events("a").iter().any(|event| event["kind"] == "spawn-failed"));
    let events = daemon.events("a");
    let told = events.iter().find(|event| event["kind"] == "spawn-failed").unwrap();
    assert!(told["message"].as_str().unwrap().contains("limits.nofile"), "{told}");
}

/// The file that makes a worker of it is where any user can read it.
#[test]
fn workers_of_another_user() {
    if !rustix::process::geteuid().is_root() {
        return skipped("workers of another user, because only root may start them");
    }
    let place = Place::new();
    let script = "require('http').createServer((_, response) => response.end('up')).listen(0, '127.0.0.1', () => console.log(process.getuid()));";
    place.write("worker.js", script);
    std::fs::set_permissions(place.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let apps =
        r#"{"apps":[{"name":"a","script":"worker.js","exec_mode":"cluster","instances":2,"uid":"nobody","max_restarts":2}]}"#;
    let daemon = Daemon::serve_in(place, apps, 2);
    daemon.until("both listen", || daemon.place.qd("logs a --nostream --lines 10").out.matches("65534").count() == 2);
    assert_eq!(daemon.restarts("a"), 0);
}
