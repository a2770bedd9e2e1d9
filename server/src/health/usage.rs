//! CPU time that a tree used between two samples.

use std::collections::HashMap;

use crate::process::Proc;

/// CPU time of a process at a sample, in clock ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ticks {
    /// Its own.
    own: u64,
    /// Its own and that of the children that it had waited for.
    all: u64,
}

impl Ticks {
    fn of(process: &Proc) -> Self {
        Self { own: process.cpu_ticks, all: process.cpu_ticks.saturating_add(process.reaped_ticks) }
    }
}

/// The processes of a tree at the last sample.
#[derive(Clone, Debug, Default)]
pub(super) struct Usage(HashMap<(u32, u64), Ticks>);

impl Usage {
    /// Ticks that the tree used since the last sample, which was `last` ticks after boot.
    ///
    /// A process that started since then counts from 0; one that is older but new to us, as after a start of `qd`, from now.
    /// Children that came and went in between are in the figures of the parent that waited for them. So is what was counted
    /// already of a child that ended: it is taken off, and where nobody of the tree had waited for the child, what the living
    /// used is the better answer.
    pub(super) fn advance(&mut self, members: &[&Proc], last: u64) -> u64 {
        let (mut own, mut all, mut all_before) = (0_u64, 0_u64, 0_u64);
        let mut gone = std::mem::take(&mut self.0);
        for process in members {
            let now = Ticks::of(process);
            let unseen = if process.start_ticks >= last { Ticks::default() } else { now };
            let before = gone.remove(&process.key()).unwrap_or(unseen);
            own = own.saturating_add(now.own.saturating_sub(before.own));
            all = all.saturating_add(now.all);
            all_before = all_before.saturating_add(before.all);
            self.0.insert(process.key(), now);
        }
        let all_before = gone.values().fold(all_before, |sum, ticks| sum.saturating_add(ticks.all));
        own.max(all.saturating_sub(all_before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn process(pid: u32, start_ticks: u64, cpu_ticks: u64, reaped_ticks: u64) -> Proc {
        Proc { pid, ppid: 1, pgid: 1, sid: 1, state: b'S', threads: 1, start_ticks, cpu_ticks, reaped_ticks, rss_pages: 1 }
    }

    fn advance(usage: &mut Usage, last: u64, processes: &[Proc]) -> u64 {
        usage.advance(&processes.iter().collect::<Vec<_>>(), last)
    }

    #[test]
    fn one_process() {
        let mut usage = Usage::default();
        assert_eq!(advance(&mut usage, 100, &[process(2, 50, 4000, 9)]), 0, "older than the last sample, new to us");
        assert_eq!(advance(&mut usage, 300, &[process(2, 50, 4020, 9)]), 20);
        assert_eq!(advance(&mut usage, 500, &[process(2, 50, 4020, 9)]), 0);
        assert_eq!(advance(&mut usage, 700, &[process(2, 600, 5, 0)]), 0, "the number now means another, older than the sample");
        assert_eq!(advance(&mut usage, 700, &[process(2, 600, 5, 0), process(3, 750, 30, 0)]), 30, "a child that started since");
    }

    #[test]
    fn children_that_came_and_went() {
        let mut usage = Usage::default();
        advance(&mut usage, 0, &[process(2, 1, 10, 0)]);
        assert_eq!(advance(&mut usage, 200, &[process(2, 1, 11, 150)]), 151);
    }

    #[test]
    fn a_child_is_not_counted_again_when_it_ends() {
        let mut usage = Usage::default();
        assert_eq!(advance(&mut usage, 0, &[process(2, 1, 10, 0), process(3, 2, 500, 0)]), 510);
        assert_eq!(advance(&mut usage, 200, &[process(2, 1, 10, 520)]), 20, "it used 20 more before it ended");
    }

    #[test]
    fn a_child_that_nobody_waited_for() {
        let mut usage = Usage::default();
        advance(&mut usage, 0, &[process(2, 1, 10, 0), process(3, 2, 500, 0)]);
        assert_eq!(advance(&mut usage, 200, &[process(2, 1, 17, 0)]), 7);
    }

    proptest! {
        /// Whatever comes and goes: never less than the living used, and no more than there is to see.
        #[test]
        fn bounds(samples in prop::collection::vec(prop::collection::btree_map(2_u32..8, (0_u64..9, 0_u64..500, 0_u64..500), 0..6), 1..8)) {
            let mut usage = Usage::default();
            for (at, sample) in samples.iter().enumerate() {
                let processes: Vec<Proc> = sample.iter().map(|(pid, (start, own, reaped))| process(*pid, *start, *own, *reaped)).collect();
                let before = usage.clone();
                let used = advance(&mut usage, at as u64, &processes);
                let seen: u64 = processes.iter().map(|one| Ticks::of(one).all).sum();
                let own: u64 = processes.iter().filter_map(|one| Some(one.cpu_ticks.saturating_sub(before.0.get(&one.key())?.own))).sum();
                prop_assert!(own <= used && used <= seen, "{} {} {}", own, used, seen);
                prop_assert_eq!(usage.0.len(), processes.len());
                prop_assert_eq!(advance(&mut usage, at as u64, &processes), 0, "nothing happened in between");
            }
        }
    }
}
