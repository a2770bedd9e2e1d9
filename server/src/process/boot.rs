//! Units of the kernel, and when things were in them.

use std::io;
use std::sync::OnceLock;

use app::model::Time;

use super::table::Proc;

/// What tells this boot of the host from others (random(4)).
///
/// # Errors
/// The kernel does not tell.
pub fn boot_id() -> io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// When a process started, in clock ticks since boot; none if there is no such process. With its number this names a process.
#[must_use]
pub fn start_time(pid: u32) -> Option<u64> {
    super::despite_want(|| Proc::read(pid)).ok()?.map(|process| process.start_ticks)
}

/// How long ago a number of clock ticks since boot was, in ms, whatever became of the time of day since.
#[must_use]
pub fn ms_since_ticks(ticks: u64) -> u64 {
    let then_ms = ticks.saturating_mul(1000) / ticks_per_second();
    super::since_boot_ms().saturating_sub(then_ms)
}

/// The time of day of a number of clock ticks since boot.
#[must_use]
pub fn ticks_to_time(ticks: u64) -> Time {
    super::wall_clock() - i64::try_from(ms_since_ticks(ticks)).unwrap_or(0)
}

/// Clock ticks in a second (sysconf(3), `_SC_CLK_TCK`).
#[must_use]
pub fn ticks_per_second() -> u64 {
    static TICKS: OnceLock<u64> = OnceLock::new();
    *TICKS.get_or_init(|| sysconf(libc::_SC_CLK_TCK).unwrap_or(100))
}

/// Bytes in a page of memory.
#[must_use]
pub fn page_size() -> u64 {
    static BYTES: OnceLock<u64> = OnceLock::new();
    *BYTES.get_or_init(|| sysconf(libc::_SC_PAGESIZE).unwrap_or(4096))
}

fn sysconf(name: libc::c_int) -> Option<u64> {
    #[expect(unsafe_code, reason = "plain call of the C library")]
    // SAFETY: the call takes and gives plain numbers.
    let value = unsafe { libc::sysconf(name) };
    u64::try_from(value).ok().filter(|value| *value > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_has_an_id() {
        assert_eq!(boot_id().unwrap().len(), "f4c6bd40-0f9b-4f7e-a8a1-d5a3b6f5f3b4".len());
        assert_eq!(boot_id().unwrap(), boot_id().unwrap());
    }

    #[test]
    fn a_new_process_started_just_now() {
        let before = crate::process::wall_clock();
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let started = start_time(child.id()).map(ticks_to_time);
        let after = crate::process::wall_clock();
        child.kill().unwrap();
        child.wait().unwrap();
        // The kernel counts in ticks of some ms, and rounds down.
        let started = started.unwrap();
        assert!(before - 50 <= started && started <= after + 50, "{before} {started} {after}");
    }

    #[test]
    fn nobody_has_the_number_0() {
        assert_eq!(start_time(0), None);
        assert_eq!(start_time(u32::MAX), None);
    }
}
