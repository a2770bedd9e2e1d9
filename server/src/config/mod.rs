//! Ecosystem files and `quarterdeck.toml`, read and validated. Starts nothing.
