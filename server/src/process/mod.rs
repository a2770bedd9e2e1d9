//! Everything that touches the kernel. Decides nothing. The only module with `unsafe`.

mod boot;
mod born;
mod cgroup;
mod channel;
mod clone;
mod cluster;
mod command;
mod conditions;
mod daemon;
mod files;
mod listeners;
mod lock;
mod manager;
mod marker;
mod notify;
mod own;
mod pidfd;
mod ports;
mod reaper;
mod replace;
mod seen;
mod signal;
mod sockets;
mod spawn;
mod starter;
mod steer;
mod table;
#[cfg(test)]
pub(crate) mod testing;
mod threads;
mod tree;
mod user;

pub use boot::{boot_id, page_size, start_time, ticks_per_second, ticks_to_time};
pub use cgroup::{Cgroup, Cgroups};
#[cfg(any(test, feature = "fuzz"))]
pub(crate) use channel::probe;
pub use channel::{Channel, Word, channel};
pub use cluster::{ClusterWord, Query};
pub use command::{MARKER, Program, environment, program};
pub use conditions::Conditions;
pub use daemon::detach;
pub use files::{OpenFiles, open_files};
pub use lock::{holders, lock};
pub use manager::Manager;
pub use marker::{MarkerCache, marker_of};
pub use notify::Notices;
pub use own::{settle_in, slim};
pub use pidfd::{PidFd, RawExit};
pub use ports::{Ports, listeners_of, ports_of};
pub use reaper::{Reaper, become_subreaper, orphans_present};
pub use replace::{inherited_socket, replace};
pub use seen::despite_want;
pub use signal::{group_is_empty, kill_group, send as send_signal, signal_name, signal_number};
pub use sockets::{find_listener, listen_on, share_their_ports};
pub use spawn::{Child, Launch, SpawnError};
pub use starter::{Coming, Starter};
pub use steer::{Steered, steer};
pub use table::{Proc, Table, command_of};
pub use threads::runtime;
pub use tree::{Strangers, Tree};
pub use user::{Identity, UserError};

/// Milliseconds since boot, suspended time included: it never jumps (`CLOCK_BOOTTIME`, clock_gettime(2)).
#[must_use]
pub fn monotonic_ms() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1000 + u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000
}

/// The time of day.
#[must_use]
pub fn wall_clock() -> app::model::Time {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    app::model::Time(now.tv_sec * 1000 + now.tv_nsec / 1_000_000)
}
