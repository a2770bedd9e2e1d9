//! Runtimes whose work never fails for want of a thread.

use std::io;
use std::panic::{PanicHookInfo, set_hook, take_hook};
use std::sync::mpsc::channel;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

/// As good as for ever; tokio adds it to the time of now.
const FOR_EVER: Duration = Duration::from_secs(u32::MAX as u64);

/// Makes a runtime with one thread for work that blocks, which stays. Without any, tokio panics when there is such work and the
/// host gives no thread; with one, the work waits for it.
///
/// # Errors
/// The host gives no threads or descriptors.
pub fn runtime(mut builder: Builder) -> io::Result<Runtime> {
    let (tell, told) = channel();
    let failed = tell.clone();
    // Tokio panics where it gets no thread, and tells only the hook of panics: while it gives up what it has made so far, it
    // waits for threads that it has made, which never end. So that is left to a thread that nobody waits for.
    let hook = take_hook();
    set_hook(Box::new(move |panic| _ = failed.send(Err(io::Error::other(text(panic))))));
    let maker = std::thread::Builder::new().name("maker".into()).spawn(move || {
        let made = builder.thread_keep_alive(FOR_EVER).build().inspect(|runtime| _ = runtime.spawn_blocking(|| {}));
        let _ = tell.send(made);
    });
    let made = maker.and_then(|_| told.recv().unwrap_or_else(|_| Err(io::Error::other("a thread has ended"))));
    set_hook(hook);
    made
}

fn text(panic: &PanicHookInfo<'_>) -> String {
    panic.payload_as_str().unwrap_or("a thread could not be started").to_owned()
}
