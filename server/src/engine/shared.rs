//! What the actors of all instances share.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use app::model::AppSpec;
use tokio::sync::watch;

use super::board::Board;
use super::environments::Environments;
use super::heartbeat::Heartbeats;
use super::identity::{Identities, Identity, Locks};
use super::primary::Primary;
use super::remember::Written;
use super::sockets::Sockets;
use super::starts::Starts;
use super::terms::Mono;
use crate::inside::Inside;
use crate::logs::Logs;
use crate::process::{self, Cgroup, Cgroups, MarkerCache, Reaper, Starter, Tree};

pub(super) struct Shared {
    pub(super) board: Arc<Board>,
    pub(super) logs: Logs,
    pub(super) reaper: Reaper,
    pub(super) starter: Starter,
    pub(super) heartbeats: Heartbeats,
    pub(super) boot_id: String,
    /// The value of `NOTIFY_SOCKET`, where somebody listens there.
    pub(super) notify_address: Option<String>,
    /// What apps tell of their insides, where they may.
    pub(super) inside: Option<Inside>,
    /// The file that each worker of a cluster loads.
    pub(super) worker: PathBuf,
    /// Where trees are born, or why there are no cgroups.
    pub(super) cgroups: Result<Cgroups, String>,
    home_id: String,
    identities: Identities,
    written: Mutex<HashMap<u32, Identity>>,
    markers: Mutex<MarkerCache>,
    peaks: Mutex<HashMap<u32, u64>>,
    starts: Mutex<Starts>,
    pub(super) environments: Environments,
    closing: AtomicBool,
    /// Whoever runs a command beside an app listens here: this process is about to end, or to become another.
    pub(super) leaving: watch::Sender<bool>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Makes it, and the threads that start processes.
    ///
    /// # Errors
    /// The host gives no threads.
    pub(super) fn new(
        board: Arc<Board>,
        logs: Logs,
        home_id: String,
        secret: String,
        identities: Identities,
        notify_address: Option<String>,
        worker: PathBuf,
    ) -> io::Result<Self> {
        let reaper = Reaper::default();
        Ok(Self {
            cgroups: Err("they were not looked for".into()),
            inside: None,
            worker,
            notify_address,
            board,
            logs,
            starter: Starter::new(&reaper)?,
            reaper,
            heartbeats: Heartbeats::new(secret),
            boot_id: process::boot_id().unwrap_or_default(),
            home_id,
            identities,
            written: Mutex::default(),
            markers: Mutex::default(),
            peaks: Mutex::default(),
            starts: Mutex::default(),
            environments: Environments::default(),
            closing: AtomicBool::new(false),
            leaving: watch::Sender::new(false),
        })
    }

    /// Looks where cgroups may be made, and remembers where earlier supervisors made some.
    pub(super) fn with_cgroups(mut self, hierarchy: Option<&Path>) -> Self {
        let known = self.identities();
        let earlier = known.iter().filter_map(|(_, one)| Some(one.cgroup.as_ref()?.parent()?.to_owned()));
        self.cgroups = Cgroups::find(hierarchy, &self.home_id).map(|cgroups| cgroups.and_earlier(earlier));
        self
    }

    pub(super) fn with_inside(mut self, inside: Inside) -> Self {
        self.inside = Some(inside);
        self
    }

    /// What the processes of a run carry in their environment.
    pub(super) fn marker(&self, pm_id: u32, run: i64) -> String {
        format!("{}.{pm_id}.{run}", self.home_id)
    }

    /// Is this the marker of a run of that instance?
    pub(super) fn is_marker_of(&self, marker: &str, pm_id: u32) -> bool {
        marker.strip_prefix(&format!("{}.{pm_id}.", self.home_id)).is_some_and(|run| !run.contains('.'))
    }

    /// What all our processes carry at the beginning of it.
    pub(super) fn marker_prefix(&self) -> String {
        format!("{}.", self.home_id)
    }

    pub(super) fn markers(&self) -> MutexGuard<'_, MarkerCache> {
        lock(&self.markers)
    }

    pub(super) fn identities(&self) -> Vec<(u32, Identity)> {
        self.identities.read_all()
    }

    pub(super) fn locks(&self, pm_id: u32) -> Locks {
        self.identities.locks(pm_id)
    }

    /// Writes it unless nothing changed. A failure does not stop an app: its marker still tells who it is.
    pub(super) fn write_identity(&self, pm_id: u32, identity: Identity) {
        let mut written = lock(&self.written);
        if written.get(&pm_id) == Some(&identity) {
            return;
        }
        match self.identities.write(pm_id, &identity) {
            Ok(()) => {
                written.insert(pm_id, identity);
            }
            Err(error) => tracing::warn!(app = %identity.name, %error, "failed to write down the identity of an instance"),
        }
    }

    /// The processes of every instance that runs.
    pub(super) fn trees(&self) -> Vec<(u32, Tree)> {
        let written = lock(&self.written);
        let tree = |(pm_id, one): (&u32, &Identity)| {
            Some((
                *pm_id,
                Tree {
                    leader: one.pid?,
                    leader_start: one.start_ticks,
                    marker: one.marker.clone(),
                    cgroup: one.cgroup.clone().map(Cgroup::at),
                },
            ))
        };
        written.iter().filter_map(tree).collect()
    }

    /// Forgets an instance, and removes what empty cgroups its runs have left.
    pub(super) fn forget_identity(&self, pm_id: u32) {
        lock(&self.written).remove(&pm_id);
        self.identities.remove(pm_id);
        self.remove_cgroups(&format!("{}.{pm_id}.", self.home_id));
    }

    /// Removes the cgroups of runs whose markers begin so, if nothing is in them.
    pub(super) fn remove_cgroups(&self, prefix: &str) {
        for (_, cgroup) in self.all_cgroups(prefix) {
            cgroup.remove();
        }
    }

    /// The cgroup of a run, if it is there.
    pub(super) fn cgroup_of(&self, marker: &str) -> Option<Cgroup> {
        self.cgroups.as_ref().ok()?.of(marker)
    }

    /// Every cgroup of runs whose markers begin so.
    pub(super) fn all_cgroups(&self, prefix: &str) -> Vec<(String, Cgroup)> {
        self.cgroups.as_ref().map(|cgroups| cgroups.all(prefix)).unwrap_or_default()
    }

    /// Everything is being stopped: from now on nothing is started, because nobody would stop it again.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// Counts a start.
    ///
    /// # Errors
    /// There are too many; the next one is allowed at this time.
    pub(super) fn may_spawn(&self, now: Mono) -> Result<(), Mono> {
        lock(&self.starts).take(now)
    }

    /// Notes memory that an instance uses, in bytes.
    pub(super) fn note_memory(&self, pm_id: u32, bytes: u64) {
        let mut peaks = lock(&self.peaks);
        let peak = peaks.entry(pm_id).or_default();
        *peak = bytes.max(*peak);
    }

    /// The most memory that was noted in this run; the next run begins anew.
    pub(super) fn take_peak(&self, pm_id: u32) -> Option<u64> {
        lock(&self.peaks).remove(&pm_id)
    }
}

/// The definition of an app: the one that counts now, and one that counts from the next start.
pub(super) struct AppCell {
    name: String,
    board: Arc<Board>,
    /// That there is this app. Before, nothing of it may run: after a kill nobody would know what that is.
    pub(super) written: Written,
    specs: Mutex<Specs>,
    /// Of the workers, in cluster mode.
    pub(super) primary: Primary,
    /// What `qd` listens on for it.
    pub(super) sockets: Sockets,
}

struct Specs {
    running: Arc<AppSpec>,
    pending: Option<Arc<AppSpec>>,
}

impl AppCell {
    pub(super) fn new(spec: Arc<AppSpec>, written: Written, board: Arc<Board>) -> Self {
        Self {
            name: spec.name.clone(),
            board,
            written,
            specs: Mutex::new(Specs { running: spec, pending: None }),
            primary: Primary::default(),
            sockets: Sockets::default(),
        }
    }

    pub(super) fn name(&self) -> String {
        self.name.clone()
    }

    /// The definition that running processes were started with.
    pub(super) fn running(&self) -> Arc<AppSpec> {
        lock(&self.specs).running.clone()
    }

    /// The definition that counts from the next start.
    pub(super) fn latest(&self) -> Arc<AppSpec> {
        let specs = lock(&self.specs);
        specs.pending.as_ref().unwrap_or(&specs.running).clone()
    }

    pub(super) fn put(&self, spec: AppSpec) {
        lock(&self.specs).pending = Some(Arc::new(spec));
    }

    /// Forgets the definition that was to count from the next start. Says whether there was one.
    pub(super) fn give_up_pending(&self) -> bool {
        let given_up = lock(&self.specs).pending.take().is_some();
        if given_up {
            self.board.with_app(&self.name, |app| app.changed = false);
        }
        given_up
    }

    /// The definition for a process that is started now.
    pub(super) fn take_for_start(&self) -> Arc<AppSpec> {
        let mut specs = lock(&self.specs);
        if let Some(pending) = specs.pending.take() {
            specs.running = pending;
            let spec = specs.running.clone();
            drop(specs);
            self.board.with_app(&self.name, |app| super::view::describe(app, &spec));
            return spec;
        }
        specs.running.clone()
    }
}
