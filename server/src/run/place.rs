//! Where a node lives and where it is asked: its home, which is its own alone, and its sockets.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use app::format::hex;

use super::failed;
use super::runtime::Runtime;
use crate::cli::{Failure, STOPPED, ServeOptions};
use crate::config::{self, Settings};
use crate::engine::Earlier;
use crate::process;
use crate::web;

/// Where the node is asked.
pub(super) struct Sockets {
    pub(super) tcp: TcpListener,
    pub(super) unix: UnixListener,
}

impl Sockets {
    /// What an earlier program left open, or new ones.
    pub(super) fn open(options: &ServeOptions, settings: &Settings, place: &Place) -> Result<Self, Failure> {
        let Some((tcp, unix)) = options.inherited else {
            return Ok(Self { tcp: listen(options, settings)?, unix: place.socket()? });
        };
        let taken = process::inherited_socket(tcp).and_then(|tcp| Ok((tcp, process::inherited_socket(unix)?)));
        let (tcp, unix) = taken.map_err(|error| failed("the sockets of the program before cannot be taken over", &error))?;
        Ok(Self { tcp: tcp.into(), unix: unix.into() })
    }

    pub(super) fn copy(&self) -> io::Result<Self> {
        Ok(Self { tcp: self.tcp.try_clone()?, unix: self.unix.try_clone()? })
    }
}

fn listen(options: &ServeOptions, settings: &Settings) -> Result<TcpListener, Failure> {
    let told = options.listen.as_deref().map(config::settings::address).transpose();
    let address = told.map_err(|error| Failure::Usage(format!("--listen: {error}")))?.unwrap_or(settings.listen);
    patiently(|| TcpListener::bind(address), |error| error.kind() == io::ErrorKind::AddrInUse)
        .map_err(|error| failed(&format!("{address} cannot be listened on; choose another one with --listen"), &error))
}

/// Tries again for a while what somebody else holds. A process that an earlier `qd` was just starting when it was killed has
/// copies of all its files until it is another program (clone(2), `FD_CLOEXEC`).
fn patiently<T, E>(attempt: impl Fn() -> Result<T, E>, is_held: impl Fn(&E) -> bool) -> Result<T, E> {
    const PATIENCE: Duration = Duration::from_secs(2);
    const PAUSE: Duration = Duration::from_millis(10);
    let end = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Err(error) if is_held(&error) && Instant::now() < end => std::thread::sleep(PAUSE),
            done => return done,
        }
    }
}

/// The file of the number that tells this home from others.
pub(super) const ID: &str = "id";
/// The file of the boot in which the home was last used.
const BOOT: &str = "boot";

/// The home folder, which is ours alone while this lives.
pub(super) struct Place {
    pub(super) run: PathBuf,
    /// What tells the processes of this home from those of others on the host. A copy of the home gets the same; that is
    /// why processes are compared by number and start time too.
    pub(super) id: String,
    /// What can be left of an earlier `qd`.
    pub(super) earlier: Earlier,
    /// What lies outside of the home.
    pub(super) runtime: Option<Arc<Runtime>>,
    _lock: File,
}

impl Place {
    pub(super) fn open(home: &Path) -> Result<Self, Failure> {
        let run = home.join("run");
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&run);
        made.map_err(|error| failed(&format!("the home {} cannot be made", home.display()), &error))?;
        let private = std::fs::set_permissions(home, std::fs::Permissions::from_mode(0o700));
        private.map_err(|error| failed(&format!("the home {} cannot be made private; is it yours?", home.display()), &error))?;
        let path = run.join("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).read(true).open(&path);
        let lock = lock.map_err(|error| failed(&format!("{} cannot be opened", path.display()), &error))?;
        if let Err(error) = patiently(|| lock.try_lock(), |error| matches!(error, TryLockError::WouldBlock)) {
            let why = match error {
                TryLockError::WouldBlock => "another qd runs on it; end that one with `qd kill`, or name another --home".into(),
                TryLockError::Error(error) => error.to_string(),
            };
            return Err(Failure::Failed(format!("the home {} cannot be used: {why}", home.display())));
        }
        let is_new = !run.join(ID).exists();
        let id = random::<8>(&run, ID)?;
        let earlier = if is_new { Earlier::Nothing } else { boot_of(&run.join(BOOT)) };
        note_boot(&run.join(BOOT));
        let runtime = Runtime::open(&run).map(Arc::new);
        let place = Self { id, run, earlier, runtime, _lock: lock };
        // Of the one before: they are there to be removed, or not.
        let _ = std::fs::remove_file(place.stopped());
        let _ = std::fs::remove_file(place.run.join("address"));
        Ok(place)
    }

    /// Left behind when the node is stopped on purpose.
    pub(super) fn stopped(&self) -> PathBuf {
        self.run.join(STOPPED)
    }

    /// What tells apps from those who only say that they are one: made once, and the same as long as the home.
    pub(super) fn secret(&self) -> Result<String, Failure> {
        random::<16>(&self.run, "secret")
    }

    /// The socket of the command line.
    fn socket(&self) -> Result<UnixListener, Failure> {
        let path = self.run.join("qd.sock");
        web::listen_unix(&path).map_err(|error| {
            failed(
                &format!(
                    "the socket {} cannot be made; a path may have 107 bytes at most, name a shorter --home",
                    path.display()
                ),
                &error,
            )
        })
    }
}

/// Was the home last used in another boot? What of it lies in memory cannot tell, as it is gone then.
fn boot_of(path: &Path) -> Earlier {
    match (std::fs::read_to_string(path), process::boot_id()) {
        (Ok(noted), Ok(now)) if noted != now => Earlier::AnotherBoot,
        _ => Earlier::ThisBoot,
    }
}

/// Overwrites it, which needs no space on a full disk. Rather none than an old one, which would say that nothing can run.
fn note_boot(path: &Path) {
    if process::boot_id().and_then(|now| std::fs::write(path, now)).is_err() {
        let _ = std::fs::remove_file(path);
    }
}

/// A number that is made once, and kept in this file.
fn random<const BYTES: usize>(run: &Path, file: &str) -> Result<String, Failure> {
    let path = run.join(file);
    if let Ok(text) = std::fs::read_to_string(&path)
        && text.len() == 2 * BYTES
    {
        return Ok(text);
    }
    let mut random = [0; BYTES];
    getrandom::fill(&mut random).map_err(|error| failed("the system gives no random numbers", &error))?;
    let text = hex(&random);
    std::fs::write(&path, &text).map_err(|error| failed(&format!("{} cannot be written", path.display()), &error))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_new_once_and_keeps_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        let first = Place::open(&home).unwrap();
        assert!(first.earlier == Earlier::Nothing && first.id.len() == 16);
        let id = first.id.clone();
        drop(first);
        let second = Place::open(&home).unwrap();
        assert!(second.earlier == Earlier::ThisBoot && second.id == id);
        assert_eq!(second.secret().unwrap(), second.secret().unwrap());
        let boot = second.run.join(BOOT);
        drop(second);
        std::fs::write(&boot, "another").unwrap();
        assert_eq!(Place::open(&home).unwrap().earlier, Earlier::AnotherBoot);
        assert_eq!(std::fs::read_to_string(boot).unwrap(), process::boot_id().unwrap());
    }
}
