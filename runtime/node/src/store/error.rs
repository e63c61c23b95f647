//! Why the store does not open.

use std::path::PathBuf;

/// Why the store does not open. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process holds the file.
    #[error("another node runs on {}: stop it, or choose another --home", path.display())]
    InUse {
        /// The store's file.
        path: PathBuf,
    },
    /// The file is not a store, or is damaged.
    #[error(
        "{} is damaged: move it aside to start with an empty store, and keep it for a repair",
        path.display()
    )]
    Damaged {
        /// The store's file.
        path: PathBuf,
        /// What was found.
        #[source]
        source: Box<redb::Error>,
    },
    /// The disk or its permissions refuse.
    #[error("could not open the store {}", path.display())]
    Io {
        /// The store's file.
        path: PathBuf,
        /// What was found.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
