//! Pages, assets and headers.

mod assets;
mod html;
mod login;
mod pages;
mod patient;
mod pour;
mod render;
mod router;
mod serve;
mod unix;

pub use router::router;
pub use serve::{Listeners, serve};
pub use unix::listen as listen_unix;
