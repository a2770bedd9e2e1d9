//! Who is asking, and may they: one answer for every transport.
