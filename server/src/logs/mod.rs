//! From FIFOs into rotating files, and back as lines.
