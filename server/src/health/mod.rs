//! Samples of host and apps, their judgement, and the health document.

mod document;
mod host;
mod judge;
mod sampler;
#[cfg(test)]
mod testing;
mod usage;

pub use document::document;
pub use host::HostFigures;
pub use judge::judge;
pub use sampler::{InstanceSample, Sample, Sampler, Watched};
