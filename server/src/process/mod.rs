//! Everything that touches the kernel. Decides nothing. The only module with `unsafe`.

mod daemon;

pub use daemon::detach;
