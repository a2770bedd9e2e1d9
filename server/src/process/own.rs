//! What `qd` sets for itself at its start, and must not hand on to its apps.

use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What we were started with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inherited {
    pub(super) umask: rustix::fs::Mode,
    pub(super) files: Rlimit,
}

static INHERITED: OnceLock<Inherited> = OnceLock::new();

/// Makes new files private to us, allows as many open files as we may have, and keeps the allocator from spreading over many
/// arenas. Call it before any thread is made; apps get what we were started with.
pub fn settle_in() {
    take_ours();
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "a setting of the C library")]
    // SAFETY: plain numbers; called before other threads exist.
    unsafe {
        // Each arena keeps what was freed in it: with one for every thread a long-running server grows (mallopt(3)).
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}

/// Sets mask and limit, and remembers what they were before the first time.
pub(super) fn take_ours() {
    let umask = rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let files = getrlimit(Resource::Nofile);
    let _ = INHERITED.set(Inherited { umask, files });
    // Where the hard limit is low, the soft one stays as it was: nothing is lost.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, maximum: files.maximum });
}

/// Undoes what [`take_ours`] set, for a program that takes our place.
pub(super) fn restore() {
    if let Some(inherited) = inherited() {
        rustix::process::umask(inherited.umask);
        let _ = setrlimit(Resource::Nofile, inherited.files);
    }
}

pub(super) fn inherited() -> Option<Inherited> {
    INHERITED.get().copied()
}
