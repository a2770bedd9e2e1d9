//! Runs apps: a pure state machine, an actor per instance that carries its effects out, and the manager.
