//! Samples of host and apps, their judgement, and the health document.

mod document;
mod host;
mod sampler;

pub use document::document;
pub use host::HostFigures;
pub use sampler::{InstanceSample, Sample, Sampler, Watched};
