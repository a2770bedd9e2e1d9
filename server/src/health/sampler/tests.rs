use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use super::*;
use crate::process::testing::wait_for;

/// A shell that leads its session and ends with the test.
struct App(Child, Watched);

impl App {
    fn start(pm_id: u32, script: &str) -> Self {
        let marker = format!("test-sampler-{pm_id}.{}", std::process::id());
        let mut command = Command::new("setsid");
        command.args(["sh", "-c", script]).env(process::MARKER, &marker).stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().unwrap();
        let tree = Tree { leader: child.id(), leader_start: process::start_time(child.id()), marker, cgroup: None };
        Self(child, Watched { pm_id, tree, env_port: None })
    }

    fn pids(&self) -> Vec<u32> {
        let table = Table::read().unwrap();
        table.members(&self.1.tree, &mut MarkerCache::default()).unwrap().iter().map(|one| one.pid).collect()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        for pid in self.pids() {
            let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

#[test]
fn ticks_to_percent() {
    assert_eq!(percent(process::ticks_per_second(), 2000), 50.0);
    assert_eq!(percent(process::ticks_per_second() * 8, 2000), 400.0);
    assert_eq!(percent(5, 0), 0.0);
}

#[test]
fn memory_and_processes_of_the_tree() {
    let app = App::start(3, "sleep 600 & setsid sleep 600 & wait");
    wait_for("three processes", || (app.pids().len() == 3).then_some(()));
    let sample = Sampler::new("/").sample(std::slice::from_ref(&app.1)).unwrap();
    let one = sample.instances[&3];
    assert_eq!((one.processes, one.port, one.cpu_percent), (3, None, 0.0));
    assert!(one.memory_bytes >= 3 * process::page_size(), "{one:?}");
    assert!(sample.host.memory.total_mb > 0 && sample.host.disk.total_mb > 0);
}

#[test]
fn a_child_that_spins_is_seen_and_an_idle_app_is_not_blamed() {
    let busy = App::start(1, "sh -c 'while :; do :; done' & wait");
    let idle = App::start(2, "sleep 600; :");
    wait_for("both trees", || (busy.pids().len() == 2 && idle.pids().len() == 2).then_some(()));
    let mut sampler = Sampler::new("/");
    let watched = [busy.1.clone(), idle.1.clone()];
    assert_eq!(sampler.sample(&watched).unwrap().instances[&1].cpu_percent, 0.0, "nothing to compare with yet");
    let begun = std::time::Instant::now();
    wait_for("half a second of work", || (begun.elapsed().as_millis() > 500).then_some(()));
    let sample = sampler.sample(&watched).unwrap();
    let (busy, idle) = (sample.instances[&1].cpu_percent, sample.instances[&2].cpu_percent);
    // One thread; other tests may hold the cores, and a tick of the clock is 2 % of the time.
    assert!(busy > 5.0 && busy < 125.0 && idle < 5.0, "{busy} {idle}");
}

#[test]
fn the_port_of_our_own_process() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // A copy of the descriptor, as an app inherits it: its standard input.
    let child = Command::new("setsid").args(["sleep", "600"]).stdin(Stdio::from(std::os::fd::OwnedFd::from(listener))).spawn();
    let child = child.unwrap();
    let tree =
        Tree { leader: child.id(), leader_start: process::start_time(child.id()), marker: "test-port".into(), cgroup: None };
    let app = App(child, Watched { pm_id: 4, tree, env_port: Some(port) });
    let mut sampler = Sampler::new("/");
    let watched = std::slice::from_ref(&app.1);
    wait_for("the port", || (sampler.sample(watched).unwrap().instances[&4].port == Some(port)).then_some(()));
}

#[test]
#[ignore = "a measurement: cargo test -p server --lib sampler::tests::cost -- --ignored --nocapture"]
fn cost() {
    let apps: Vec<App> = (0..9).map(|pm_id| App::start(pm_id, "sleep 600 & wait")).collect();
    let watched: Vec<Watched> = apps.iter().map(|app| app.1.clone()).collect();
    let mut sampler = Sampler::new("/");
    sampler.sample(&watched).unwrap();
    let begun = std::time::Instant::now();
    for _ in 0..100 {
        sampler.sample(&watched).unwrap();
    }
    println!("{} processes, {:?} for a sample", Table::read().unwrap().processes().len(), begun.elapsed() / 100);
}
