//! The `qd` binary.

fn main() {}
