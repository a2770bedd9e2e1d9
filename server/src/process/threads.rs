//! Runtimes whose work never fails for want of a thread.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

/// As good as for ever; tokio adds it to the time of now.
const FOR_EVER: Duration = Duration::from_secs(u32::MAX as u64);

/// Makes a runtime with one thread for work that blocks, which stays. Without any, tokio panics when there is such work and the
/// host gives no thread; with one, the work waits for it.
///
/// # Errors
/// The host gives no threads or descriptors.
pub fn runtime(builder: &mut Builder) -> io::Result<Runtime> {
    let make = || {
        let runtime = builder.thread_keep_alive(FOR_EVER).build()?;
        runtime.spawn_blocking(|| {});
        Ok(runtime)
    };
    // Tokio panics here as well where it gets no thread, and tells so only the one who catches it.
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let made = catch_unwind(AssertUnwindSafe(make));
    set_hook(hook);
    made.unwrap_or_else(|why| {
        let text = why.downcast_ref::<String>().map_or("a thread could not be started", String::as_str);
        Err(io::Error::other(text.to_owned()))
    })
}
