//! What only a browser can do. On the server the same names stand for nothing, so that components need not ask where they are.

#[cfg(not(feature = "hydrate"))]
mod nowhere;

#[cfg(not(feature = "hydrate"))]
pub(crate) use nowhere::*;
