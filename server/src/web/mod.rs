//! Pages, assets and headers.

mod patient;
mod router;
mod serve;
mod unix;

pub use router::router;
pub use serve::{Listeners, serve};
pub use unix::listen as listen_unix;
