//! The dashboard of Quarterdeck, rendered by the server and made alive in the browser,
//! and [`model`], the types that the server, the browser and other programs exchange.

#[cfg(feature = "ssr")]
pub mod backend;
pub mod model;
