//! What happened, in words.

use app::model::{Cause, TreeFigures, TreeHold};

use super::terms::{Ended, Why};
use crate::process::signal_name;

/// Why a process ended by itself.
#[must_use]
pub(super) fn cause(ended: &Ended) -> Cause {
    match ended {
        Ended::Code(0) => Cause::Finished,
        Ended::Code(_) | Ended::Signal(_) => Cause::Crash,
        Ended::OutOfMemory(_) => Cause::OutOfMemory,
        Ended::Unknown => Cause::Unknown,
    }
}

/// `exit 1`, `SIGKILL`.
#[must_use]
pub(super) fn ended(ended: &Ended) -> String {
    match ended {
        Ended::Code(code) => format!("exit {code}"),
        Ended::Signal(number) => signal_name(*number),
        Ended::OutOfMemory(Some(code)) => format!("out of memory, exit {code}"),
        Ended::OutOfMemory(None) => "out of memory, SIGKILL".into(),
        Ended::Unknown => "an exit that nobody saw".into(),
    }
}

/// `restarted by ana`, `restarted: memory 301 MB over its limit of 300 MB`.
#[must_use]
pub(super) fn asked(verb: &str, why: &Why) -> String {
    let reason = match (&why.actor, &why.detail) {
        (Some(actor), Some(detail)) => return format!("{verb} by {actor}: {detail}"),
        (Some(actor), None) => return format!("{verb} by {actor}"),
        (None, Some(detail)) => detail.as_str(),
        (None, None) => match why.cause {
            Cause::Crash => "after a crash",
            Cause::Finished => "after it had ended",
            Cause::OutOfMemory => "after it ran out of memory",
            Cause::MemoryLimit => "for its memory limit",
            Cause::Watch => "because a watched file changed",
            Cause::Cron => "by its schedule",
            Cause::Probe => "by its health check",
            Cause::NotReady => "because it did not become ready",
            Cause::Config => "as configured",
            Cause::Restart => return format!("{verb} again"),
            Cause::HostReboot => "after the host was restarted",
            Cause::Shutdown => "because qd is going down",
            Cause::Spawn | Cause::Request | Cause::Unknown => return verb.into(),
        },
    };
    let joint = if why.detail.is_some() { ":" } else { "" };
    format!("{verb}{joint} {reason}")
}

/// `0.4 s`, `41 s`, `9 min`, `2 h 26 min`, `2 d 19 h`.
#[must_use]
pub(crate) fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..10 if !ms.is_multiple_of(1000) => format!("{:.1} s", ms as f64 / 1000.0),
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// `once`, `3 times`.
#[must_use]
pub(super) fn times(count: u32) -> String {
    if count == 1 { "once".into() } else { format!("{count} times") }
}

/// `301 MB` (MiB, as PM2 counts).
#[must_use]
pub(super) fn megabytes(bytes: u64) -> String {
    format!("{} MB", (bytes + (1 << 19)) >> 20)
}

/// How trees are held where there are cgroups, which can keep these limits.
#[must_use]
pub(super) fn held_by_cgroup(limits: Vec<String>) -> TreeFigures {
    let kept = match limits.as_slice() {
        [] => "limits of cpu, memory and pids cannot be kept here".to_owned(),
        limits => format!("limits that can be kept: {}", limits.join(", ")),
    };
    let message = format!("Each app runs in a cgroup of its own, so nothing that it starts is left after a stop; {kept}.");
    TreeFigures { held_by: TreeHold::Cgroup, limits, message }
}

/// How trees are held where there are none.
#[must_use]
pub(super) fn held_by_search(why: &str) -> TreeFigures {
    let message = format!(
        "What an app starts is found by session, parent and a marker in its environment, and limits of cpu, memory and pids are not \
         kept, because there are no cgroups to use: {why}."
    );
    TreeFigures { held_by: TreeHold::Search, limits: Vec::new(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let told = [400, 3000, 41_000, 9 * 60_000, 8_760_000, 241_200_000].map(duration);
        assert_eq!(told, ["0.4 s", "3 s", "41 s", "9 min", "2 h 26 min", "2 d 19 h"]);
    }

    #[test]
    fn reasons() {
        assert_eq!(asked("restarted", &Why::asked_by("ana")), "restarted by ana");
        assert_eq!(asked("stopped", &Why::plain(Cause::Shutdown)), "stopped because qd is going down");
        let why = Why { cause: Cause::MemoryLimit, actor: None, detail: Some("memory 301 MB over its limit of 300 MB".into()) };
        assert_eq!(asked("restarted", &why), "restarted: memory 301 MB over its limit of 300 MB");
        assert_eq!(ended(&Ended::Signal(9)), "SIGKILL");
        assert_eq!(ended(&Ended::OutOfMemory(None)), "out of memory, SIGKILL");
        assert_eq!(cause(&Ended::OutOfMemory(Some(137))), Cause::OutOfMemory);
    }
}
