//! Copies of both databases in one compressed archive.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Error, State, now, sqlite};

const BLOCK: usize = 512;

/// Files that are removed when this is dropped.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is in nobody's way.
        let _ = sqlite::remove(&self.0);
    }
}

/// Makes the archive beside the history. It has no name; it is gone when it is closed.
pub(super) fn make(history: &Path, state: &State) -> Result<File, Error> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let scratch = |name: &str| Scratch(history.with_file_name(format!(".backup-{}-{number}-{name}", std::process::id())));

    let (state_copy, history_copy, whole) = (scratch("state.db"), scratch("history.db"), scratch("archive"));
    state.copy_to(&state_copy.0)?;
    let mut parts = vec![("state.db", &state_copy.0)];
    match sqlite::copy(history, &history_copy.0, sqlite::check) {
        Ok(()) => parts.push(("history.db", &history_copy.0)),
        Err(error) => tracing::warn!("the history is not in the backup: failed to {error}"),
    }
    pack(&whole.0, &parts).map_err(|source| Error::file(&whole.0, source))
}

fn pack(to: &Path, parts: &[(&str, &PathBuf)]) -> io::Result<File> {
    let archive = OpenOptions::new().create_new(true).read(true).write(true).mode(0o600).open(to)?;
    let mut packed = GzEncoder::new(archive, Compression::default());
    for (name, path) in parts {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        packed.write_all(&header(name, size))?;
        let written = io::copy(&mut file, &mut packed)?;
        if written != size {
            return Err(io::Error::other(format!("{} changed while it was read", path.display())));
        }
        let rest = usize::try_from(size % BLOCK as u64).map_err(io::Error::other)?;
        packed.write_all(&[0; BLOCK][..(BLOCK - rest) % BLOCK])?;
    }
    // Two empty blocks are the end.
    packed.write_all(&[0; 2 * BLOCK])?;
    let mut archive = packed.finish()?;
    fs::remove_file(to)?;
    archive.rewind()?;
    Ok(archive)
}

/// The header of a regular file (POSIX.1-1988 ustar, as in pax(1)).
fn header(name: &str, size: u64) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let seconds = now().ms() / 1000;
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000600\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{size:011o}\0"));
    put(136, &format!("{seconds:011o}\0"));
    // The sum is made as if its own place held spaces.
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().copied().map(u32::from).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}
