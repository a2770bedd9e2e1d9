//! The calls that are made, answered by a `systemctl` that writes them down.

use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;

/// It also keeps the unit as it was at the time of a stop.
const SCRIPT: &str = r#"#!/bin/sh
cd "$(dirname "$0")"
echo "$*" >> calls
case "$*" in
  *stop*) cp units/quarterdeck.service stopped ;;
  *show*) echo 0 ;;
  *refuse*) echo "Failed to connect to bus" >&2; exit 1 ;;
esac
"#;

fn place(is_system: bool) -> (TempDir, Systemd) {
    let folder = tempfile::tempdir().unwrap();
    let systemctl = folder.path().join("systemctl");
    std::fs::write(&systemctl, SCRIPT).unwrap();
    std::fs::set_permissions(&systemctl, std::fs::Permissions::from_mode(0o755)).unwrap();
    let booted = folder.path().to_owned();
    let systemd = Systemd { folder: folder.path().join("units"), is_system, booted, systemctl };
    (folder, systemd)
}

fn calls(folder: &TempDir) -> Vec<String> {
    let told = std::fs::read_to_string(folder.path().join("calls")).unwrap_or_default();
    told.lines().map(|line| line.replace("--no-ask-password --quiet ", "")).collect()
}

fn text() -> String {
    let (program, home) = (Path::new("/usr/bin/qd"), Path::new("/srv/home"));
    Unit { program, home, is_system: true, user: None, environment: &[] }.text().unwrap()
}

#[test]
fn there_and_back() {
    let (folder, systemd) = place(true);
    systemd.install(&text()).unwrap();
    assert_eq!(std::fs::read_to_string(systemd.path()).unwrap(), text());
    assert!(systemd.may_replace(false).unwrap());
    assert!(systemd.keeps(Path::new("/srv/home")) && !systemd.keeps(Path::new("/srv/home2")));
    systemd.restart().unwrap();
    assert_eq!(systemd.main_pid().unwrap(), None);
    systemd.uninstall(false).unwrap();
    assert!(!systemd.path().exists());
    let unit = "quarterdeck.service";
    assert_eq!(
        calls(&folder),
        [
            "daemon-reload".into(),
            format!("enable {unit}"),
            format!("is-enabled {unit}"),
            format!("restart {unit}"),
            format!("show --property=MainPID --value {unit}"),
            format!("disable {unit}"),
            "daemon-reload".into(),
            format!("stop {unit}"),
            "daemon-reload".into(),
        ]
    );
    let stopped = std::fs::read_to_string(folder.path().join("stopped")).unwrap();
    assert!(stopped.ends_with("[Service]\nKillMode=process\nKillSignal=SIGQUIT\n"), "a stop stops the apps: {stopped}");
}

#[test]
fn of_a_user_it_is_the_users_manager() {
    let (folder, systemd) = place(false);
    systemd.restart().unwrap();
    assert_eq!(calls(&folder), ["--user restart quarterdeck.service"]);
}

#[test]
fn what_is_not_ours_stays() {
    let (folder, systemd) = place(true);
    std::fs::create_dir(systemd.path().parent().unwrap()).unwrap();
    std::fs::write(systemd.path(), "[Service]\nExecStart=/bin/true\n").unwrap();
    assert!(systemd.may_replace(false).is_err());
    assert!(systemd.uninstall(false).is_err());
    assert_eq!(calls(&folder), Vec::<String>::new());
    assert!(systemd.path().exists());
    systemd.uninstall(true).unwrap();
    assert!(!systemd.path().exists());
}

#[test]
fn no_systemd_and_one_that_refuses() {
    let (folder, systemd) = place(false);
    systemd.must_run().unwrap();
    let Err(Failure::Failed(told)) = systemd.call(&["refuse"]) else { panic!("it was accepted") };
    assert!(told.starts_with("`systemctl --user refuse` failed: Failed to connect to bus; "), "{told}");
    let systemd = Systemd { booted: folder.path().join("none"), ..systemd };
    let Err(Failure::Failed(told)) = systemd.must_run() else { panic!("there is none") };
    assert!(told.contains("qd startup --print") && told.contains("qd serve"), "{told}");
}
