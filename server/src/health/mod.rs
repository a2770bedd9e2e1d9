//! Samples of host and apps, their judgement, and the health document.

mod daemon;
mod document;
mod host;
mod judge;
mod patience;
mod probe;
mod sampler;
mod signs;
#[cfg(test)]
mod testing;
mod usage;

pub use document::document;
pub use host::HostFigures;
pub use judge::judge;
pub use patience::{News, Patience, Verdict};
pub use probe::{Check, Passed};
pub use sampler::{InstanceSample, Sample, Sampler, Watched};
pub use signs::{Found, Lag, Reading, Room, Watch, over};
