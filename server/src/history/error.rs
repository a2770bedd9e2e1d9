//! What can go wrong with the databases, as fragments for "failed to …".

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use thiserror::Error;

/// Why a database could not be read or written.
#[derive(Debug, Error)]
pub enum Error {
    /// The file cannot be opened as a database.
    #[error("open {}: {source}; look whether it is a file that you may write, and whether the disk is full", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// A newer version wrote it. It is left as it is.
    #[error("open {}: a newer qd wrote it (schema {found}, this one knows {known}); start that version, or move the file away", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The schema of this program.
        known: u32,
    },
    /// It is no database, or its content is broken.
    #[error("read {}: it is damaged ({why})", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// A statement failed.
    #[error("use the database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A file or folder beside the database could not be handled.
    #[error("use {}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A stored document is not what was written.
    #[error("read {what} in the database: {source}")]
    Content {
        /// Which one.
        what: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// An empty list would have replaced one that is not.
    #[error("save an empty list over one that has apps; start the apps first, or delete them one by one")]
    EmptyList,
    /// The history runs without its database for now.
    #[error("read the history: {0}")]
    Away(String),
}

impl Error {
    pub(super) fn file(path: &Path, source: io::Error) -> Self {
        Self::File { path: path.into(), source }
    }

    /// The class of the failure, which decides what is done about it.
    pub(super) fn trouble(&self) -> Trouble {
        match self {
            Self::Damaged { .. } => Trouble::Damaged,
            Self::Newer { .. } => Trouble::Newer,
            Self::Open { source, .. } | Self::Sqlite(source) => match source.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Trouble::Damaged,
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Trouble::Busy,
                Some(ErrorCode::DiskFull) => Trouble::Full,
                _ => Trouble::Other,
            },
            _ => Trouble::Other,
        }
    }
}

/// What is to be done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Somebody else holds it: again later.
    Busy,
    /// No space: again later.
    Full,
    /// Set the file aside.
    Damaged,
    /// Set the file aside, for the version that knows it.
    Newer,
    /// Open it anew.
    Other,
}
