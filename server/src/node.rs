//! This host as a `Control`: engine, health, history and logs together.
