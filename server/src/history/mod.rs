//! `state.db`, which must last, and `history.db`, which may be lost.
