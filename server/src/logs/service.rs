//! What the rest of the program asks of the logs.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use app::model::{AppSpec, LogPolicy, LogStream};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use tokio::sync::oneshot;

use super::budget::{Budget, Limits};
use super::names::Layout;
use super::pump::{Notices, Pump, Request, Sender};
use super::target::NameLock;
use super::{fifo, target, tidy, times};

/// How long anybody waits for the thread that moves the bytes.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the size of the log folder is remembered.
const SIZE_AGE: Duration = Duration::from_secs(10);

pub(super) const STREAMS: [LogStream; 2] = [LogStream::Stdout, LogStream::Stderr];

/// The logs of a node. Clones are handles to the same. The threads end with the last of them, which
/// blocks for up to a second while what waits in the FIFOs goes to the files.
#[derive(Clone)]
pub struct Logs {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) layout: Layout,
    pub(super) names: Arc<NameLock>,
    pump: Sender,
    thread: Mutex<Option<JoinHandle<()>>>,
    size: Mutex<Option<(Instant, u64)>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.pump.send(Request::Stop);
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

/// What an app is to have as its output.
#[derive(Debug)]
pub struct Outputs {
    /// Standard output.
    pub stdout: OwnedFd,
    /// Standard error.
    pub stderr: OwnedFd,
}

impl Logs {
    /// Makes the folders below the home of the node, and starts the threads. `notices` is told, in a sentence, when a
    /// file cannot be written and when it can again, and when the limits cannot be kept; it must not block.
    ///
    /// # Errors
    /// The folders cannot be made, or the kernel refuses a thread or a file descriptor.
    pub fn start(home: &Path, limits: Limits, notices: impl Fn(String) + Send + Sync + 'static) -> io::Result<Self> {
        let mut layout = Layout::new(home);
        for folder in [&layout.logs, &layout.index, &layout.fifos] {
            make_folder(folder)?;
        }
        // Where `run/` only leads there, the folder itself is what can be made anew when somebody removed it.
        layout.fifos = layout.fifos.canonicalize()?;
        let names = Arc::new(NameLock::default());
        let (tidier, jobs) = mpsc::channel();
        let notices: Notices = Arc::new(notices);
        let budget = Budget::new(limits, layout.clone(), notices.clone());
        let (pump, sender) = Pump::new(layout.clone(), names.clone(), notices, tidier)?;
        let tidier_names = names.clone();
        std::thread::Builder::new().name("log-tidier".into()).spawn(move || tidy::run(&jobs, &tidier_names, budget))?;
        let thread = std::thread::Builder::new().name("logs".into()).spawn(move || pump.run())?;
        let thread = Mutex::new(Some(thread));
        Ok(Self { shared: Arc::new(Shared { layout, names, pump: sender, thread, size: Mutex::default() }) })
    }

    /// Makes sure that the output of an instance is moved to its files, and gives what it is to have as stdout and stderr.
    /// To be called before each start, and when an app is taken back: what waits in its FIFOs goes on to the files.
    ///
    /// # Errors
    /// A FIFO cannot be made; a log file cannot be opened, though not for want of space (one that is missing in the home is made
    /// later). In the second case the output is kept and moved once the file can be opened, so that an app that was taken back may
    /// go on.
    pub fn attach(&self, spec: &AppSpec, index: u32) -> io::Result<Outputs> {
        let layout = &self.shared.layout;
        let [out, err] = STREAMS.map(|stream| (stream, layout.route(spec, index, stream)));
        let routes = [out.1.clone(), err.1.clone()];
        // One FIFO for both, if they go to one file, keeps their order.
        let together = out.1.is_some() && out.1 == err.1;
        let open = |(stream, route)| match route {
            None => null(),
            Some(route) => {
                let key = layout.fifo(&spec.name, index, stream);
                let fifo = fifo::open(&key)?;
                let (ours, inode, rotation, policy) = (fifo.ours, fifo.inode, spec.rotation, spec.log_policy);
                self.shared.pump.send(Request::Attach { key, fifo: ours, inode, route, rotation, policy });
                Ok(fifo.theirs)
            }
        };
        let stdout = open(out)?;
        let stderr = if together { stdout.try_clone()? } else { open(err)? };
        for route in routes.into_iter().flatten() {
            // In our own folder one can be made, and is, soon or with its first byte: no start is held up by it.
            let is_ours = route.file.parent() == Some(&layout.logs);
            if is_ours && std::fs::symlink_metadata(&route.file).is_err_and(|error| is_missing(&error)) {
                continue;
            }
            match target::open(&route.file) {
                Err(error) if !is_passing(&error) => {
                    return Err(io::Error::new(
                        error.kind(),
                        format!("the log file {} cannot be opened: {error}", route.file.display()),
                    ));
                }
                _ => {}
            }
        }
        Ok(Outputs { stdout, stderr })
    }

    /// Moves what an instance has written and lets go of it: it was deleted. Its files stay.
    pub fn detach(&self, spec: &AppSpec, index: u32) {
        for stream in STREAMS {
            let key = self.shared.layout.fifo(&spec.name, index, stream);
            // Now, so that an app of the same name that is added later has a FIFO of its own.
            let _ = std::fs::remove_file(&key);
            self.shared.pump.send(Request::Detach { key });
        }
    }

    /// Done when what an instance has written so far is in its files, or cannot be moved; in any case after two seconds.
    pub fn drained(&self, name: &str, index: u32) -> impl Future<Output = ()> + Send + 'static {
        let waits = STREAMS.map(|stream| {
            let (done, wait) = oneshot::channel();
            let key = self.shared.layout.fifo(name, index, stream);
            self.shared.pump.send(Request::Drain { key, done });
            wait
        });
        async move {
            let all = async {
                for wait in waits {
                    let _ = wait.await;
                }
            };
            let _ = tokio::time::timeout(PATIENCE, all).await;
        }
    }

    /// Is what an instance has written in its files already? Told at once, where [`Logs::drained`] asks another thread. Where lines may be
    /// taken out of a FIFO, nobody can tell so.
    #[must_use]
    pub fn is_drained(&self, spec: &AppSpec, index: u32) -> bool {
        let layout = &self.shared.layout;
        let is_done = |stream| {
            let goes_there = layout.route(spec, index, stream).is_some();
            !goes_there || fifo::is_empty(&layout.fifo(&spec.name, index, stream))
        };
        let [out, err] = STREAMS;
        let together = layout.route(spec, index, out) == layout.route(spec, index, err);
        spec.log_policy == LogPolicy::Block && is_done(out) && (together || is_done(err))
    }

    /// Has it never written anything that is still there?
    #[must_use]
    pub fn is_silent(&self, spec: &AppSpec, index: u32) -> bool {
        let layout = &self.shared.layout;
        // A file that is being put aside may have something, and is not waited for here.
        let Ok(_names) = self.shared.names.try_read() else { return false };
        let is_nothing = |file: &Path| {
            let is_empty = std::fs::metadata(file).map_or_else(|error| is_missing(&error), |file| file.len() == 0);
            // The number of the part that is written tells whether there are older ones: their folder has the files of all apps.
            is_empty && times::head(&layout.place(file.to_owned()).times()).is_none_or(|head| head.sequence == 1)
        };
        STREAMS.iter().filter_map(|stream| layout.route(spec, index, *stream)).all(|route| is_nothing(&route.file))
    }

    /// Empties the files of an app and deletes the older ones.
    ///
    /// # Errors
    /// The file system refuses, or does not answer.
    pub fn flush(&self, spec: &AppSpec) -> io::Result<()> {
        let layout = &self.shared.layout;
        let instances = (0..spec.instances.max(1)).flat_map(|index| STREAMS.map(|stream| layout.route(spec, index, stream)));
        let mut files: Vec<PathBuf> =
            instances.flatten().flat_map(|route| [Some(route.file), route.copy].into_iter().flatten()).collect();
        files.sort_unstable();
        files.dedup();
        let (done, wait) = mpsc::channel();
        self.shared.pump.send(Request::Flush { files, done });
        wait.recv_timeout(PATIENCE).map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    /// The files of stdout and stderr, where there are some. For the owner of the node alone.
    #[must_use]
    pub fn paths(&self, spec: &AppSpec, index: u32) -> (Option<PathBuf>, Option<PathBuf>) {
        let [out, err] = STREAMS.map(|stream| self.shared.layout.file(spec, index, stream));
        (out, err)
    }

    /// Size of the log folder in bytes, not older than some seconds.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        let mut size = self.shared.size.lock().unwrap_or_else(PoisonError::into_inner);
        match *size {
            Some((taken, bytes)) if taken.elapsed() < SIZE_AGE => bytes,
            _ => {
                let bytes = size_of(&self.shared.layout.logs) + size_of(&self.shared.layout.index);
                *size = Some((Instant::now(), bytes));
                bytes
            }
        }
    }
}

fn size_of(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries.flatten().filter_map(|entry| entry.metadata().ok()).filter(std::fs::Metadata::is_file).map(|meta| meta.len()).sum()
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

fn null() -> io::Result<OwnedFd> {
    Ok(rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?)
}

/// Does this go away by itself, so that an app may be started nonetheless?
fn is_passing(error: &io::Error) -> bool {
    const PASSING: [Errno; 7] = [Errno::AGAIN, Errno::DQUOT, Errno::IO, Errno::MFILE, Errno::NFILE, Errno::NOSPC, Errno::ROFS];
    Errno::from_io_error(error).is_some_and(|error| PASSING.contains(&error))
}

/// Makes a folder and those above it, for the owner alone.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}
