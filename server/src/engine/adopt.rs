//! What an earlier supervisor left running. A process is taken back only if it is proven to be the one that was started:
//! its number and its start time are those on disk, or it carries our marker and leads its session.

use std::collections::HashMap;
use std::time::Duration;

use app::model::EventKind;

use super::identity::Identity;
use super::instance::{Beginning, Past};
use super::shared::Shared;
use crate::process::{self, MarkerCache, PidFd, Table};

/// How long to wait before the processes are looked at again, if they cannot be.
const AGAIN: Duration = Duration::from_millis(200);

/// What can be left of an earlier supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// There was none: the number of the home was made just now, and nothing can carry it.
    Nothing,
    /// It ran in this boot, or it is not known in which.
    ThisBoot,
    /// None ran in this boot.
    AnotherBoot,
}

/// Processes and files that were found at the start.
#[derive(Default)]
pub(super) struct Survivors {
    /// Was the host started anew since anything was written down? Then nothing can be left.
    pub(super) rebooted: bool,
    identities: HashMap<(String, u32), Identity>,
    leaders: HashMap<String, Found>,
    /// Markers of processes that live, of leaders and others, and of cgroups with processes in them.
    alive: HashMap<String, Vec<u32>>,
    /// What was last told of each process, by the instance.
    runs: HashMap<(String, u32), HashMap<u32, EventKind>>,
    /// What identities were asked for.
    claimed: std::sync::Mutex<Vec<String>>,
}

#[derive(Clone, Copy)]
struct Found {
    pid: u32,
    start_ticks: u64,
}

impl Survivors {
    pub(super) fn find(shared: &Shared, earlier: Earlier) -> Self {
        let mut found = Self { runs: shared.board.last_runs(), ..Self::default() };
        let known = shared.identities();
        let is_of_another = known.iter().all(|(_, one)| one.boot_id != shared.boot_id);
        found.rebooted = is_of_another && (earlier == Earlier::AnotherBoot || !known.is_empty());
        found.identities = known
            .into_iter()
            .filter(|(_, one)| one.boot_id == shared.boot_id)
            .map(|(_, one)| ((one.name.clone(), one.index), one))
            .collect();
        if found.rebooted {
            return found;
        }
        let (table, marked) = loop {
            let looked = Table::read().and_then(|table| {
                let marked = table.find_marked(&shared.marker_prefix(), &mut MarkerCache::default())?;
                Ok((table, marked))
            });
            match looked {
                Ok(found) => break found,
                // To go on without knowing what runs would start all of it once more.
                Err(error) => {
                    tracing::error!(%error, "failed to look for apps that run; nothing is started before that is known");
                    std::thread::sleep(AGAIN);
                }
            }
        };
        for (process, marker) in marked {
            found.alive.entry(marker.clone()).or_default().push(process.pid);
            if process.pid == process.sid {
                found.keep_leader(marker, Found { pid: process.pid, start_ticks: process.start_ticks });
            }
        }
        // In a cgroup there may be some that carry no marker any more.
        for (marker, cgroup) in shared.all_cgroups(&shared.marker_prefix()) {
            let pids = process::despite_want(|| cgroup.pids()).unwrap_or_default();
            if pids.is_empty() {
                cgroup.remove();
                continue;
            }
            let alive = found.alive.entry(marker).or_default();
            let unmarked: Vec<u32> = pids.into_iter().filter(|pid| !alive.contains(pid)).collect();
            alive.extend(unmarked);
        }
        // An app may have overwritten or hidden its environment: then number and start time tell.
        for one in found.identities.values() {
            if let (Some(pid), Some(start_ticks)) = (one.pid, one.start_ticks)
                && process::start_time(pid) == Some(start_ticks)
                && !table.is_zombie(pid)
            {
                found.leaders.insert(one.marker.clone(), Found { pid, start_ticks });
            }
        }
        found
    }

    /// Of several session leaders of one run, the first one is the app itself: the others are daemons that it made.
    fn keep_leader(&mut self, marker: String, one: Found) {
        let kept = self.leaders.entry(marker).or_insert(one);
        if (one.start_ticks, one.pid) < (kept.start_ticks, kept.pid) {
            *kept = one;
        }
    }

    /// How an instance begins, and how often it was restarted, where that is known better than from the database.
    pub(super) fn beginning(&self, pm_id: u32, name: &str, index: u32) -> (Beginning, Option<Past>) {
        let identity = self.identities.get(&(name.to_owned(), index));
        let past = identity.map(|one| Past { restarts: one.restarts, used: one.used.clone() });
        let Some(marker) = self.marker_of(pm_id, identity) else {
            let rests = identity.and_then(|one| one.rests.clone());
            return (rests.map_or(Beginning::Fresh, Beginning::Rests), past);
        };
        self.claimed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(marker.clone());
        let runs = self.runs.get(&(name.to_owned(), index));
        let known = identity.filter(|one| one.marker == marker);
        let main = known.and_then(|one| Some((one.pid?, one.start_ticks?)));
        let leader = self.leaders.get(&marker).filter(|leader| main.is_none_or(|(pid, _)| pid == leader.pid));
        if let Some(leader) = leader
            && let Ok(pidfd) = process::despite_want(|| PidFd::open(leader.pid))
            // The handle was opened by number: only now is it certain that it means the same process.
            && process::start_time(leader.pid) == Some(leader.start_ticks)
        {
            let noted = known.and_then(|one| one.started_at);
            let started_at = noted.unwrap_or_else(|| process::ticks_to_time(leader.start_ticks));
            // Of what is too long ago to be remembered it was told.
            let told = runs.is_none_or(|runs| runs.get(&leader.pid).is_some_and(|kind| *kind != EventKind::Exit));
            return (Beginning::TakenBack { pidfd, start_ticks: leader.start_ticks, started_at, marker, told }, past);
        }
        // An identity without a process was written after the end of the process had been told.
        let is_told = |pid| runs.is_some_and(|runs| runs.get(&pid) == Some(&EventKind::Exit));
        let told = known.is_some_and(|one| one.pid.is_none_or(is_told));
        (Beginning::Lost { marker, main, told }, past)
    }

    /// The marker of the run that was last known to run, or of the newest that lives.
    fn marker_of(&self, pm_id: u32, identity: Option<&Identity>) -> Option<String> {
        let newest = self.alive.keys().filter_map(|marker| Some((run(marker, pm_id)?, marker))).max();
        match (identity, newest) {
            // What runs beside it was to take its place, or had to give it up.
            (Some(one), _) if one.pid.is_some() && self.leaders.get(&one.marker).map(|leader| leader.pid) == one.pid => {
                Some(one.marker.clone())
            }
            // Killed between the start of a process and the note of it: the marker alone knows.
            (Some(one), Some((newest, marker))) if run(&one.marker, pm_id).is_none_or(|old| old < newest) => Some(marker.clone()),
            (Some(one), _) if one.pid.is_some() || self.alive.contains_key(&one.marker) => Some(one.marker.clone()),
            (Some(_), _) => None,
            (None, newest) => newest.map(|(_, marker)| marker.clone()),
        }
    }

    /// Other processes of an instance than the one that was taken back: an earlier supervisor ended while it put one in the
    /// place of another. They are to be ended. Says with each whether it was told of.
    pub(super) fn beside(&self, pm_id: u32, name: &str, index: u32) -> Vec<(Beginning, bool)> {
        let mut claimed = self.claimed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let others: Vec<&String> =
            self.alive.keys().filter(|marker| run(marker, pm_id).is_some() && !claimed.contains(marker)).collect();
        claimed.extend(others.iter().map(|marker| (*marker).clone()));
        let runs = self.runs.get(&(name.to_owned(), index));
        let begin = |marker: &String| {
            let main = self.leaders.get(marker);
            let told = main.is_some_and(|main| runs.is_some_and(|runs| runs.contains_key(&main.pid)));
            let taken = main.and_then(|main| {
                let pidfd = process::despite_want(|| PidFd::open(main.pid))
                    .ok()
                    .filter(|_| process::start_time(main.pid) == Some(main.start_ticks))?;
                let started_at = process::ticks_to_time(main.start_ticks);
                let (start_ticks, marker) = (main.start_ticks, marker.clone());
                Some(Beginning::TakenBack { pidfd, start_ticks, started_at, marker, told: true })
            });
            (taken.unwrap_or_else(|| Beginning::Lost { marker: marker.clone(), main: None, told: true }), told)
        };
        others.into_iter().map(begin).collect()
    }

    /// Sentences about processes that carry our marker, or are in a cgroup of ours, and belong to no app that is known.
    pub(super) fn strays(&self) -> Vec<String> {
        let claimed = self.claimed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let strays = self.alive.iter().filter(|(marker, _)| !claimed.contains(marker));
        strays
            .map(|(_, pids)| {
                let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
                format!(
                    "processes {} were started by qd for an app that it does not know any more; they were left alone",
                    pids.join(", ")
                )
            })
            .collect()
    }
}

/// The number of a run of this instance, from its marker.
fn run(marker: &str, pm_id: u32) -> Option<i64> {
    let mut parts = marker.rsplitn(3, '.');
    let run = parts.next()?.parse().ok()?;
    (parts.next()?.parse() == Ok(pm_id)).then_some(run)
}
