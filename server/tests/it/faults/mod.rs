//! System calls that fail: the Nth of a kind, or a row of them, while `qd` starts, works, or comes back to apps that run. A short
//! run by default; `QD_FAULT_ROUNDS=1000 cargo test -p server --test it faults` makes a long one, `QD_FAULT_SEED` another one,
//! and `QD_FAULT_ONLY` takes the faults that have this word in their names.

mod filter;
mod hangs;
mod listener;
mod scenario;
mod table;

use std::path::Path;
use std::process::Command;

use listener::{Listener, Plan};
use scenario::{Moment, Round};
use table::{FAULTS, Fault};

use crate::common::random::{Random, number};
use crate::common::skipped;

/// How many calls in a row fail.
const LENGTHS: [u64; 4] = [1, 1, 2, 4];

/// May a filter ask this process?
fn can_ask() -> Result<(), String> {
    let mut command = Command::new("true");
    let socket = filter::ask_about(&mut command, &[libc::SYS_getppid]).map_err(|error| error.to_string())?;
    Listener::start(socket, Path::new("true"), Path::new("/"), None);
    let ended = command.status().map_err(|error| error.to_string())?;
    if ended.success() { Ok(()) } else { Err(format!("{ended}")) }
}

/// How many calls of each kind there are without a fault, by the moment from which they are counted.
fn count() -> [Vec<u64>; 3] {
    Moment::ALL.map(|moment| scenario::play(&Round { moment, plan: None }).counts)
}

fn plan(random: &mut Random, fault: &'static Fault, calls: u64) -> Plan {
    let first = 1 + random.below(calls);
    Plan { fault, first, last: first + LENGTHS[usize::try_from(random.below(4)).unwrap()] - 1 }
}

#[test]
fn whatever_call_fails() {
    if let Err(error) = can_ask() {
        return skipped(&format!("faults of system calls, because the host lets nobody ask about them (seccomp(2)): {error}"));
    }
    let counts = count();
    let only = std::env::var("QD_FAULT_ONLY").unwrap_or_default();
    let chosen: Vec<_> = FAULTS.iter().enumerate().filter(|(_, fault)| fault.name.contains(&only)).collect();
    let (seed, rounds) = (number("QD_FAULT_SEED").unwrap_or(1), number("QD_FAULT_ROUNDS").unwrap_or(chosen.len() as u64));
    let (mut random, mut struck) = (Random(seed), 0);
    for round in 0..rounds {
        let (row, fault) = chosen[usize::try_from(round).unwrap() % chosen.len()];
        let moments = Moment::ALL.iter().zip(&counts).filter(|(_, counts)| counts[row] > 0).collect::<Vec<_>>();
        // Nothing of the kind is ever called.
        assert!(!moments.is_empty(), "{} is never met", fault.name);
        let (moment, counts) = moments[usize::try_from(random.below(moments.len() as u64)).unwrap()];
        let plan = plan(&mut random, fault, counts[row]);
        let played = scenario::play(&Round { moment: *moment, plan: Some(plan) });
        struck += u64::from(played.failed > 0);
    }
    // Which call is the Nth depends on how threads meet, so some rounds come to their end before it.
    assert!(struck * 2 > rounds, "only {struck} of {rounds} rounds met their fault");
}
