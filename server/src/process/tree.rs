//! Which processes belong to an app: who is in its cgroup, descendants, its session and process group, and whoever carries its marker.

use std::collections::{HashMap, HashSet};
use std::io;

use super::cgroup::Cgroup;
use super::marker::MarkerCache;
use super::table::{Proc, Table};

/// What belongs to one run of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// The main process, which leads a session of its own and may be gone; 0 if it is not known.
    pub leader: u32,
    /// Its start in clock ticks, where known: another process with its number is a stranger.
    pub leader_start: Option<u64>,
    /// The value of [`super::MARKER`] in the environment of its processes.
    pub marker: String,
    /// Where its processes were born, if there are cgroups.
    pub cgroup: Option<Cgroup>,
}

impl Table {
    /// The living processes of a tree, by pid. Never this process itself, nor pid 1.
    ///
    /// # Errors
    /// No descriptors or memory are left to look at all of them.
    pub fn members(&self, tree: &Tree, cache: &mut MarkerCache) -> io::Result<Vec<&Proc>> {
        cache.trouble = None;
        let members = self.assign(std::slice::from_ref(tree), cache).pop().unwrap_or_default();
        cache.trouble.take().map_or(Ok(members), Err)
    }

    /// The living processes of each of these trees, in one go. Where trees are nested, a process belongs to the inner one.
    /// Some are missing where no descriptors are left: for measuring that has to do.
    fn assign(&self, trees: &[Tree], cache: &mut MarkerCache) -> Vec<Vec<&Proc>> {
        cache.forget_dead(self);
        let within = within(trees, cache);
        self.grouped(self.owners(trees, within, cache), trees.len())
    }

    /// The living processes of each of these trees, for one who asks again and again. It looks into cgroups only when there is a process that belongs to no tree without
    /// them and is not known to be a stranger: whoever was born in one stays what it is.
    #[must_use]
    pub fn assign_again(&self, trees: &[Tree], cache: &mut MarkerCache, strangers: &mut Strangers) -> Vec<Vec<&Proc>> {
        cache.forget_dead(self);
        let mut owners = self.owners(trees, HashMap::new(), cache);
        let left = |owners: &[Option<usize>]| -> HashSet<(u32, u64)> {
            let left = self.processes().iter().zip(owners).filter(|(_, owner)| owner.is_none());
            // Threads of the kernel have no session, and come and go.
            left.map(|(process, _)| process).filter(|process| process.sid != 0 && !process.is_dead()).map(Proc::key).collect()
        };
        if strangers.trees != trees || !left(&owners).is_subset(&strangers.known) {
            cache.trouble = None;
            let within = within(trees, cache);
            owners = self.owners(trees, within, cache);
            // Who could not be looked at is no stranger for that.
            if cache.trouble.is_none() {
                *strangers = Strangers { trees: trees.to_vec(), known: left(&owners) };
            }
        }
        self.grouped(owners, trees.len())
    }

    fn owners(&self, trees: &[Tree], within: HashMap<u32, usize>, cache: &mut MarkerCache) -> Vec<Option<usize>> {
        let forest = Forest::new(self, trees, within, cache);
        let mut owners: Vec<Option<usize>> = self.processes().iter().map(|process| forest.owner(process, cache)).collect();
        self.inherit(&mut owners);
        owners
    }

    fn grouped(&self, owners: Vec<Option<usize>>, trees: usize) -> Vec<Vec<&Proc>> {
        let mut found = vec![Vec::new(); trees];
        for (process, owner) in self.processes().iter().zip(owners) {
            if let Some(owner) = owner
                && !process.is_dead()
            {
                found[owner].push(process);
            }
        }
        found
    }

    /// Gives every process without an owner that of its nearest ancestor that has one.
    fn inherit(&self, owners: &mut [Option<usize>]) {
        let processes = self.processes();
        // Orphans of every tree are children of these two; they hand nothing on.
        let own = std::process::id();
        let is_end = |process: &Proc| process.pid <= 1 || process.pid == own;
        let mut settled: Vec<bool> = processes.iter().zip(&*owners).map(|(one, owner)| owner.is_some() || is_end(one)).collect();
        let mut path = Vec::new();
        for start in 0..processes.len() {
            let mut here = Some(start);
            // Settled on the way, because the table is not of one instant: parents may form a ring.
            while let Some(at) = here
                && !settled[at]
            {
                settled[at] = true;
                path.push(at);
                here = self.position(processes[at].ppid);
            }
            let owner = here.and_then(|at| owners[at]);
            for at in path.drain(..) {
                owners[at] = owner;
            }
        }
    }
}

/// Processes that belong to none of these trees.
#[derive(Debug, Default)]
pub struct Strangers {
    trees: Vec<Tree>,
    known: HashSet<(u32, u64)>,
}

/// Who is in the cgroup of a tree.
fn within(trees: &[Tree], cache: &mut MarkerCache) -> HashMap<u32, usize> {
    let mut within = HashMap::new();
    for (at, cgroup) in trees.iter().enumerate().filter_map(|(at, tree)| Some((at, tree.cgroup.as_ref()?))) {
        match cgroup.pids() {
            Ok(pids) => within.extend(pids.into_iter().map(|pid| (pid, at))),
            Err(error) => cache.trouble = Some(error),
        }
    }
    within
}

/// The trees that are looked for, by what their processes are known by.
struct Forest<'a> {
    table: &'a Table,
    trees: &'a [Tree],
    leaders: HashMap<u32, usize>,
    markers: HashMap<&'a str, usize>,
    /// Who is in the cgroup of a tree. Read after the table: who ended since cannot have given its number to a stranger in it.
    within: HashMap<u32, usize>,
    own: u32,
}

impl<'a> Forest<'a> {
    fn new(table: &'a Table, trees: &'a [Tree], within: HashMap<u32, usize>, cache: &mut MarkerCache) -> Self {
        let markers = trees.iter().enumerate().map(|(at, tree)| (tree.marker.as_str(), at)).collect();
        let mut forest = Self { table, trees, leaders: HashMap::new(), markers, within, own: std::process::id() };
        for (at, tree) in trees.iter().enumerate().filter(|(_, tree)| tree.leader > 1) {
            let is_stranger = table.get(tree.leader).is_some_and(|process| match tree.leader_start {
                Some(start) => process.start_ticks != start,
                None => !forest.is_ours(process, at, cache),
            });
            if !is_stranger {
                forest.leaders.insert(tree.leader, at);
            }
        }
        forest
    }

    /// The tree that a process belongs to by itself, whatever its ancestors are.
    fn owner(&self, process: &Proc, cache: &mut MarkerCache) -> Option<usize> {
        if process.pid <= 1 || process.pid == self.own || process.is_dead() {
            return None;
        }
        if let Some(at) = self.within.get(&process.pid) {
            return Some(*at);
        }
        let leaders = [process.pid, process.sid, process.pgid].into_iter().filter_map(|id| Some((id, *self.leaders.get(&id)?)));
        for (leader, at) in leaders {
            // While the leader is there, even as a zombie, nobody else has the number. Once session and group had died out,
            // the kernel may have given it to a stranger, whose session looks the same.
            if self.table.get(leader).is_some() || self.is_ours(process, at, cache) {
                return Some(at);
            }
        }
        if !self.may_be_orphan(process) {
            return None;
        }
        self.markers.get(cache.marker(process)?).copied()
    }

    /// Does it carry the marker, or none at all while it is our child? A child that we did not start is an orphan of an app.
    fn is_ours(&self, process: &Proc, tree: usize, cache: &mut MarkerCache) -> bool {
        match cache.marker(process) {
            Some(marker) => marker == self.trees[tree].marker,
            None => process.ppid == self.own,
        }
    }

    /// Orphans go to the nearest subreaper (prctl(2), `PR_SET_CHILD_SUBREAPER`): us, pid 1, or after a death of ours whoever
    /// runs in between, such as a `systemd --user`. None of them is in the orphan's session. Others have a parent to ask.
    fn may_be_orphan(&self, process: &Proc) -> bool {
        process.ppid <= 1 || self.table.get(process.ppid).is_none_or(|parent| parent.sid != process.sid || parent.pid == self.own)
    }
}

#[cfg(test)]
mod tests;
