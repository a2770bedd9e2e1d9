use std::process::{Command, Stdio};

use super::*;
use crate::process::testing::wait_for;

/// Where this machine lets us make cgroups.
fn here(home: &str) -> Option<Cgroups> {
    Cgroups::find(None, home).inspect_err(|why| eprintln!("\n*** SKIPPED: no cgroups here: {why}\n")).ok()
}

#[test]
fn what_is_in_one_is_found_and_killed() {
    let home = format!("test{}", std::process::id());
    let Some(cgroups) = here(&home) else { return };
    let cgroup = cgroups.make(&format!("{home}.1.1")).unwrap();
    let below = cgroup.path().join("below");
    std::fs::create_dir(&below).unwrap();
    let mut children: Vec<_> =
        (0..2).map(|_| Command::new("sleep").arg("600").env_clear().stdin(Stdio::null()).spawn().unwrap()).collect();
    super::write(cgroup.path(), "cgroup.procs", &children[0].id().to_string()).unwrap();
    super::write(&below, "cgroup.procs", &children[1].id().to_string()).unwrap();
    let mut pids = cgroup.pids().unwrap();
    pids.sort_unstable();
    let mut ids: Vec<_> = children.iter().map(std::process::Child::id).collect();
    ids.sort_unstable();
    assert_eq!(pids, ids);
    assert_eq!(cgroups.of(&format!("{home}.1.1")), Some(cgroup.clone()));
    assert!(!cgroup.remove(), "it was removed with processes in it");
    cgroup.kill().unwrap();
    for child in &mut children {
        assert!(!child.wait().unwrap().success());
    }
    wait_for("the end of the cgroup", || cgroup.remove().then_some(()));
    assert_eq!(cgroups.all(&home), []);
    assert!(cgroup.pids().unwrap().is_empty() && cgroup.kill().is_err() && cgroup.oom_kills().is_none());
}

#[test]
fn what_the_kernel_ended_for_lack_of_memory() {
    let folder = tempfile::tempdir().unwrap();
    let cgroup = Cgroup::at(folder.path());
    assert_eq!(cgroup.oom_kills(), None);
    std::fs::write(folder.path().join("memory.events"), "low 0\nhigh 0\nmax 9\noom 4\noom_kill 2\noom_group_kill 0\n").unwrap();
    assert_eq!(cgroup.oom_kills(), Some(2));
}

#[test]
fn those_of_earlier_supervisors_are_known() {
    let [base, earlier] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let cgroups = Cgroups::for_tests(base.path(), true).and_earlier([earlier.path().to_owned(), base.path().to_owned()]);
    std::fs::create_dir(earlier.path().join("qd.home.3.9")).unwrap();
    let made = cgroups.make("home.4.9").unwrap();
    assert_eq!(cgroups.of("home.3.9"), Some(Cgroup::at(earlier.path().join("qd.home.3.9"))));
    assert_eq!((cgroups.of("home.4.9"), cgroups.of("home.5.9")), (Some(made), None));
    let mut all: Vec<_> = cgroups.all("home.").into_iter().map(|(marker, _)| marker).collect();
    all.sort();
    assert_eq!(all, ["home.3.9", "home.4.9"]);
}
