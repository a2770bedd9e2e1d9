//! Pages, assets and headers.
