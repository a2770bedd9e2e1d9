//! What `qd` sets for itself at its start, and must not hand on to its apps.

use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What we were started with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inherited {
    pub(super) umask: rustix::fs::Mode,
    pub(super) files: Rlimit,
}

/// Room for the files of about 500 apps: 8 bytes for each file, in the kernel.
const FILES: std::os::fd::RawFd = 4096;

static INHERITED: OnceLock<Inherited> = OnceLock::new();

/// Makes new files private to us, allows as many open files as we may have, and keeps the allocator in one
/// arena. Call it before any thread is made; apps get what we were started with.
pub fn settle_in() {
    take_ours();
    make_room_for_files();
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "a setting of the C library")]
    // SAFETY: plain numbers; called before other threads exist.
    unsafe {
        // Each arena keeps what was freed in it: with one for every thread a long-running server grows (mallopt(3)). Others than the
        // first also grow by single pages, with a system call for each (glibc, malloc/arena.c, `grow_heap`).
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Makes the table of open files as large as it will be. A process of several threads waits when it grows until no processor
/// reads the old one (fs/file.c, `expand_fdtable`: `synchronize_rcu`), and all who open something with it: 6.5 ms in a start of
/// 100 apps that was traced. It never shrinks.
fn make_room_for_files() {
    // Where fewer are allowed, it grows as it must.
    let _ = std::fs::File::open("/dev/null").map(|file| rustix::io::fcntl_dupfd_cloexec(file, FILES - 1));
}

/// Gives back to the host what is not needed any more: memory that was freed, and code, most of which runs at the start alone.
/// What of it is needed again comes from the page cache (madvise(2), `MADV_DONTNEED`).
pub fn slim() {
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "a function of the C library")]
    // SAFETY: it takes a number, and the locks of the allocator itself (malloc_trim(3)).
    unsafe {
        libc::malloc_trim(0);
    }
    let Ok(maps) = std::fs::read_to_string("/proc/self/maps") else { return };
    for (start, length) in maps.lines().filter_map(unwritten) {
        #[expect(unsafe_code, reason = "no safe wrapper exists for this call")]
        // SAFETY: nobody has written to these pages of a file, so that the same is read again.
        unsafe {
            libc::madvise(start as *mut libc::c_void, length, libc::MADV_DONTNEED);
        }
    }
}

/// Address and length of what is as in its file, from a line of `/proc/self/maps`, `START-END RIGHTS OFFSET DEVICE INODE PATH`:
/// code, and the constants at the beginning. Other constants are written before they are protected (`RELRO`).
fn unwritten(line: &str) -> Option<(usize, usize)> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let (rights, offset) = (words.next()?, words.next()?);
    let is_unwritten = rights == "r-xp" || rights == "r--p" && offset.bytes().all(|digit| digit == b'0');
    let is_file = words.nth(2)?.starts_with('/');
    let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
    (is_unwritten && is_file).then(|| end.checked_sub(start).map(|length| (start, length)))?
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_as_in_its_file_is_given_back_and_nothing_else() {
        let line = |words: &str| format!("5565a000-5565c000 {words}");
        let two_pages = Some((0x5565_a000, 0x2000));
        assert_eq!(unwritten(&line("r-xp 00001000 fe:00 1836 /usr/bin/qd")), two_pages);
        assert_eq!(unwritten(&line("r--p 00000000 fe:00 1836 /usr/bin/q d")), two_pages);
        for other in [
            "r--p 00002000 fe:00 1836 /usr/bin/qd",
            "rw-p 00000000 fe:00 1836 /usr/bin/qd",
            "r-xp 00000000 00:00 0 [vdso]",
            "r-xp 00000000 00:00 0",
            "r-xp",
        ] {
            assert_eq!(unwritten(&line(other)), None, "{other}");
        }
        assert_eq!(unwritten("x r-xp 0 0 0 /a"), None);
        slim();
    }
}
