//! REST and the event stream; `router.rs` alone wires routes.
