use std::process::{Child, Command, Stdio};

use proptest::prelude::*;

use super::*;
use crate::process::testing::wait_for;
use crate::process::{MARKER, start_time};

/// A real app: a session leader that runs a script.
struct Family {
    child: Child,
    tree: Tree,
}

impl Family {
    fn start(name: &str, script: &str) -> Self {
        let marker = format!("test-{name}.{}", std::process::id());
        let mut command = Command::new("setsid");
        command.args(["sh", "-c", script]).env(MARKER, &marker).stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().unwrap();
        let tree = Tree { leader: child.id(), leader_start: start_time(child.id()), marker, cgroup: None };
        Self { child, tree }
    }

    fn pids(&self) -> Vec<u32> {
        members(&self.tree)
    }

    fn wait_for_count(&self, count: usize) {
        wait_for(&format!("{count} processes of {}", self.tree.marker), || (self.pids().len() == count).then_some(()));
    }

    /// Ends the main process alone.
    fn behead(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        for pid in self.pids() {
            let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn members(tree: &Tree) -> Vec<u32> {
    Table::read().unwrap().members(tree, &mut MarkerCache::default()).unwrap().iter().map(|process| process.pid).collect()
}

#[test]
fn children_and_their_children() {
    let family = Family::start("children", "sleep 600 & sh -c 'sleep 600; :' & wait");
    family.wait_for_count(4);
    assert_eq!(family.pids().iter().filter(|pid| **pid == family.tree.leader).count(), 1);
}

#[test]
fn sessions_of_their_own_and_double_forks() {
    let family = Family::start("sessions", "setsid sleep 600 & (setsid sh -c 'sleep 600; :' &) ; wait; sleep 600; :");
    family.wait_for_count(4);
}

#[test]
fn what_outlives_its_leader() {
    let mut family = Family::start("orphans", "sleep 600 & setsid sleep 600 & setsid sh -c 'sleep 600; :' & wait");
    family.wait_for_count(5);
    family.behead();
    family.wait_for_count(4);
    let unknown = Tree { leader: 0, leader_start: None, ..family.tree.clone() };
    assert_eq!(members(&unknown), family.pids());
}

#[test]
fn a_child_without_environment_belongs_to_the_session_of_its_leader() {
    let family = Family::start("bare", "(env -i sleep 600 &) ; sleep 600; :");
    family.wait_for_count(3);
}

#[test]
fn zombies_are_no_members() {
    // The child of `sleep` ends; `sleep` never waits for it.
    let family = Family::start("zombie", "sh -c 'exit 0' & exec sleep 600");
    wait_for("a zombie alone beside the leader", || {
        let table = Table::read().unwrap();
        let zombie = table.processes().iter().find(|process| process.ppid == family.tree.leader && process.is_dead())?;
        (table.is_zombie(zombie.pid) && family.pids() == [family.tree.leader]).then_some(())
    });
}

#[test]
fn another_process_with_the_number_of_the_leader_is_a_stranger() {
    let family = Family::start("stranger", "sleep 600 & wait");
    family.wait_for_count(2);
    let other = Tree { marker: "test-another".into(), ..family.tree.clone() };
    assert_eq!(members(&other).len(), 2, "number and start time prove it, whatever its marker is");
    let later = Tree { leader_start: other.leader_start.map(|ticks| ticks + 1), ..other.clone() };
    assert_eq!(members(&later), Vec::<u32>::new());
    let unknown = Tree { leader_start: None, ..other };
    assert_eq!(members(&unknown), Vec::<u32>::new(), "it carries another marker");
    let unknown = Tree { leader_start: None, ..family.tree.clone() };
    assert_eq!(members(&unknown).len(), 2);
}

#[test]
fn the_session_of_a_dead_stranger_is_left_alone() {
    let mut stranger = Family::start("dead-stranger", "sleep 600 & wait");
    stranger.wait_for_count(2);
    stranger.behead();
    stranger.wait_for_count(1);
    let ours = Tree { marker: "test-ours".into(), ..stranger.tree.clone() };
    assert_eq!(members(&ours), Vec::<u32>::new());
}

#[test]
fn all_that_carry_a_marker_are_found_at_once() {
    let (a, b) = (Family::start("marked-a", "sleep 600; :"), Family::start("marked-b", "setsid sleep 600 & wait"));
    // What was just forked has no environment while it becomes another program, which takes its time on a busy host.
    let table = wait_for("two of each with their marker", || {
        let table = Table::read().unwrap();
        let found = table.find_marked("test-marked-", &mut MarkerCache::default()).unwrap();
        let of = |family: &Family| found.iter().filter(|(_, marker)| *marker == family.tree.marker).count();
        ((of(&a), of(&b)) == (2, 2)).then_some(table)
    });
    let trees = [a.tree.clone(), b.tree.clone()];
    let assigned = table.assign(&trees, &mut MarkerCache::default());
    assert_eq!(assigned.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
}

/// Above the greatest process id there can be, so that nothing real is read.
const BASE: u32 = 10_000_000;

fn made_up(pid: u32, ppid: u32, sid: u32, state: u8) -> Proc {
    let (pid, ppid, sid) = (BASE + pid, BASE + ppid, BASE + sid);
    Proc { pid, ppid, pgid: sid, sid, state, threads: 1, start_ticks: 7, cpu_ticks: 0, reaped_ticks: 0, rss_pages: 1 }
}

fn tree_of(leader: u32) -> Tree {
    Tree { leader: BASE + leader, leader_start: Some(7), marker: leader.to_string(), cgroup: None }
}

#[test]
fn the_inner_tree_wins() {
    let table = Table::new(vec![
        made_up(1, 99, 1, b'S'),
        made_up(2, 1, 2, b'S'),
        made_up(3, 2, 2, b'S'),
        made_up(4, 3, 4, b'S'),
        made_up(5, 1, 1, b'S'),
    ]);
    let found = table.assign(&[tree_of(1), tree_of(2)], &mut MarkerCache::default());
    let pids = |found: &[&Proc]| found.iter().map(|process| process.pid - BASE).collect::<Vec<_>>();
    assert_eq!((pids(&found[0]), pids(&found[1])), (vec![1, 5], vec![2, 3, 4]));
}

#[test]
fn cgroups_are_looked_into_when_somebody_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let write = |pids: &[u32]| {
        let lines: String = pids.iter().map(|pid| format!("{}\n", BASE + pid)).collect();
        std::fs::write(folder.path().join("cgroup.procs"), lines).unwrap();
    };
    let trees = [Tree { cgroup: Some(Cgroup::at(folder.path())), ..tree_of(1) }];
    let (mut cache, mut strangers) = (MarkerCache::default(), Strangers::default());
    let mut members = |rows: &[u32]| {
        // Each in a session of its own, with a parent that is not there.
        let table = Table::new(rows.iter().map(|pid| made_up(*pid, 90, *pid, b'S')).collect());
        let found = table.assign_again(&trees, &mut cache, &mut strangers);
        found[0].iter().map(|process| process.pid - BASE).collect::<Vec<_>>()
    };
    write(&[1, 5]);
    assert_eq!(members(&[1, 5, 9]), [1, 5]);
    assert_eq!(members(&[1, 5, 9]), [1, 5], "it is not taken for a stranger");
    write(&[1, 9]);
    assert_eq!(members(&[1, 9]), [1], "a stranger stays one");
    write(&[1, 11]);
    assert_eq!(members(&[1, 9, 11]), [1, 11]);
}

proptest! {
    /// However parents and sessions lie, rings included: a process has one tree at most, and has one exactly if it or an
    /// ancestor is in the session of a leader that is there.
    #[test]
    fn any_table(
        rows in prop::collection::btree_map(2_u32..30, (2_u32..30, 2_u32..30, prop::sample::select(b"SRDTZ".to_vec())), 0..28),
        leaders in prop::collection::btree_set(2_u32..30, 0..5),
    ) {
        let table = Table::new(rows.iter().map(|(pid, (ppid, sid, state))| made_up(*pid, *ppid, *sid, *state)).collect());
        let trees: Vec<Tree> = leaders.iter().map(|leader| tree_of(*leader)).collect();
        let found = table.assign(&trees, &mut MarkerCache::default());
        let mut strangers = Strangers::default();
        for _ in 0..2 {
            prop_assert_eq!(&table.assign_again(&trees, &mut MarkerCache::default(), &mut strangers), &found);
        }
        for (pid, (_, _, state)) in &rows {
            let times = found.iter().flatten().filter(|process| process.pid == BASE + pid).count();
            let lives = |id: &u32| rows.contains_key(id);
            let (mut here, mut claimed) = (Some(*pid), false);
            for _ in 0..rows.len() {
                let Some((at, (ppid, sid, state))) = here.and_then(|at| Some((at, rows.get(&at)?))) else { break };
                let is_leader = |id: &u32| leaders.contains(id) && lives(id);
                claimed |= *state != b'Z' && (is_leader(&at) || is_leader(sid));
                here = Some(*ppid);
            }
            prop_assert_eq!(times, usize::from(claimed && *state != b'Z'), "process {}", pid);
        }
    }
}
