//! Samples of host and apps, their judgement, and the health document.
