//! What cannot be seen is one thing, and what is not there another: a process that is taken for gone is started anew.

use std::io;
use std::time::Duration;

use rustix::io::Errno;

/// How long the end of a want is waited for where nothing else can be done.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(50);

/// None if there is no such thing, or none that we may see.
///
/// # Errors
/// It may be there: no descriptors or memory are left to look at it.
pub(super) fn seen<T, E: Into<io::Error>>(looked: Result<T, E>) -> io::Result<Option<T>> {
    const NOTHING: [Errno; 6] = [Errno::NOENT, Errno::SRCH, Errno::NOTDIR, Errno::NODEV, Errno::ACCESS, Errno::PERM];
    match looked.map_err(Into::into) {
        Ok(found) => Ok(Some(found)),
        Err(error) if Errno::from_io_error(&error).is_some_and(|error| NOTHING.contains(&error)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Tries again for a while what fails for want of descriptors or memory. It blocks: for the start, when nothing else may go on.
///
/// # Errors
/// It failed for another reason, or too often.
pub fn despite_want<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    const WANT: [Errno; 5] = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOSPC, Errno::AGAIN];
    let mut tries = 0;
    loop {
        tries += 1;
        match attempt() {
            Err(error) if tries < TRIES && Errno::from_io_error(&error).is_some_and(|error| WANT.contains(&error)) => {
                std::thread::sleep(PAUSE);
            }
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_want_of_descriptors_is_no_absence() {
        let nothing = |error: Errno| seen(Err::<(), _>(error)).is_ok_and(|found| found.is_none());
        assert!(nothing(Errno::NOENT) && nothing(Errno::SRCH) && nothing(Errno::PERM));
        assert!(!nothing(Errno::MFILE) && !nothing(Errno::NFILE) && !nothing(Errno::NOMEM) && !nothing(Errno::IO));
    }

    #[test]
    fn a_want_that_passes_is_waited_for_and_nothing_else() {
        let mut left = 2;
        let mut attempt = |error: Errno| {
            despite_want(|| {
                left -= 1;
                if left < 0 { Ok(()) } else { Err(error.into()) }
            })
        };
        assert!(attempt(Errno::MFILE).is_ok());
        left = 2;
        assert!(
            despite_want(|| {
                left -= 1;
                if left < 0 { Ok(()) } else { Err(Errno::PERM.into()) }
            })
            .is_err()
        );
    }
}
