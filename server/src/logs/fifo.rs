//! The pipes with names between apps and their logs. An app holds its own for reading and writing, so that nothing is
//! closed when the supervisor dies: what it writes waits in the pipe for the next one.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::fcntl_setpipe_size;

/// Asked for first; an unprivileged user may have 64 MiB of pipes in all (`pipe-user-pages-soft`, pipe(7)), and gets less then.
const SIZES: [usize; 3] = [1 << 20, 1 << 18, 1 << 16];

/// A FIFO, opened by both sides.
pub(super) struct Fifo {
    /// The side of the supervisor, which never blocks.
    pub(super) ours: OwnedFd,
    /// The side of the app: a description of its own, which blocks when the pipe is full.
    pub(super) theirs: OwnedFd,
    /// Which FIFO it is, even if another one has its name by now.
    pub(super) inode: u64,
}

/// Opens a FIFO, and makes it if there is none. What else has its name is removed.
pub(super) fn open(path: &Path) -> io::Result<Fifo> {
    if !make(path)? {
        let stat = rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Fifo {
            std::fs::remove_file(path)?;
            make(path)?;
        }
    }
    // Opening for both never waits for another side (fifo(7)).
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let ours = rustix::fs::open(path, flags | OFlags::NONBLOCK, Mode::empty())?;
    let theirs = rustix::fs::open(path, flags, Mode::empty())?;
    let (one, other) = (rustix::fs::fstat(&ours)?, rustix::fs::fstat(&theirs)?);
    if one.st_ino != other.st_ino || FileType::from_raw_mode(one.st_mode) != FileType::Fifo {
        return Err(io::Error::other("the FIFO was replaced while it was opened"));
    }
    for size in SIZES {
        if fcntl_setpipe_size(&ours, size).is_ok() {
            break;
        }
    }
    Ok(Fifo { ours, theirs, inode: one.st_ino })
}

/// Is everything that was written into it where it belongs? The kernel answers when no move is under way: it holds the pipe for that
/// (fs/splice.c, `iter_file_splice_write`; fs/pipe.c, `pipe_ioctl`).
pub(super) fn is_empty(path: &Path) -> bool {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let opened = rustix::fs::open(path, flags, Mode::empty());
    opened.is_ok_and(|fifo| rustix::io::ioctl_fionread(&fifo) == Ok(0))
}

/// Says false where its name is taken.
fn make(path: &Path) -> io::Result<bool> {
    let once = || match rustix::fs::mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR) {
        Err(Errno::EXIST) => Ok(false),
        made => made.map(|()| true),
    };
    match once() {
        Err(Errno::NOENT) => {
            if let Some(folder) = path.parent() {
                super::service::make_folder(folder)?;
            }
            Ok(once()?)
        }
        made => Ok(made?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn bytes_wait_for_the_next_reader() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("deep/er/fifo");
        let first = open(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(first.ours);
        std::fs::File::from(first.theirs.try_clone().unwrap()).write_all(b"still here").unwrap();
        let second = open(&path).unwrap();
        assert_eq!(first.inode, second.inode);
        let mut text = [0; 10];
        std::fs::File::from(second.ours).read_exact(&mut text).unwrap();
        assert_eq!(&text, b"still here");
    }

    #[test]
    fn what_is_no_fifo_is_replaced() {
        let home = tempfile::tempdir().unwrap();
        let (path, precious) = (home.path().join("fifo"), home.path().join("precious"));
        std::fs::write(&precious, "kept").unwrap();
        std::os::unix::fs::symlink(&precious, &path).unwrap();
        open(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&precious).unwrap(), "kept");
    }
}
