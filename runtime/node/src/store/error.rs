//! Why the store does not open, and why it can no longer be written; each with its cure.

use std::{
    error::Error,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

/// Why the store does not open. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process holds the file.
    #[error("another node runs on {}", path.display())]
    InUse {
        /// The store's file.
        path: PathBuf,
    },
    /// The file is not a store, or is damaged. It stays where it is, and no other takes its place.
    #[error("the store {} is damaged", path.display())]
    Damaged {
        /// The store's file.
        path: PathBuf,
        /// What was found.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A later version of the program wrote it; this one would misread it.
    #[error("a newer version wrote the store {} (format {format}, this one reads {known})", path.display())]
    Newer {
        /// The store's file.
        path: PathBuf,
        /// The format it has.
        format: u32,
        /// The newest that this program reads.
        known: u32,
    },
    /// The disk or its permissions refuse.
    #[error("could not open the store {}", path.display())]
    Io {
        /// The store's file.
        path: PathBuf,
        /// What was found.
        #[source]
        source: io::Error,
    },
}

impl OpenError {
    /// What a person can do about it.
    #[must_use]
    pub fn cure(&self) -> String {
        match self {
            Self::InUse { .. } => "stop it, or choose another --home".to_owned(),
            Self::Damaged { .. } => "a good copy of the file can take its place; if a newer skep \
                                     wrote it, run that one; else `skep store set-aside` says what \
                                     would be lost, keeps the file beside, and lets the next start \
                                     begin with an empty store"
                .to_owned(),
            Self::Newer { .. } => "run that version, or choose another --home".to_owned(),
            Self::Io { path, source } => of_disk(path, source.kind()),
        }
    }
}

/// The store could not be written: what was under way failed, and nothing follows it. What was
/// acknowledged before is on disk.
#[derive(Debug, thiserror::Error)]
#[error("the store {} could not be written", path.display())]
pub struct WriteError {
    /// The store's file.
    pub path: PathBuf,
    /// What was found.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

impl WriteError {
    /// What a person can do about it.
    #[must_use]
    pub fn cure(&self) -> String {
        let kind = match self.source.downcast_ref::<redb::Error>() {
            Some(redb::Error::Io(source)) => source.kind(),
            _ => ErrorKind::Other,
        };
        of_disk(&self.path, kind)
    }
}

fn of_disk(path: &Path, kind: ErrorKind) -> String {
    let folder = path.parent().unwrap_or(path).display();
    match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => format!(
            "make room in {folder} and start the node again: what it acknowledged is in the store"
        ),
        ErrorKind::PermissionDenied => {
            format!("{folder} and its files must belong to the user that runs the node")
        }
        ErrorKind::ReadOnlyFilesystem => format!(
            "the file system of {folder} is read-only, often after a failure of its disk: see `dmesg`"
        ),
        _ => format!(
            "see `dmesg` for the disk of {folder}; then start the node again: it looks through the \
             whole store before it goes on"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cure_fits_what_the_disk_said() {
        let check = |kind: ErrorKind, expected: &str| {
            let path = PathBuf::from("/home/skep/store.redb");
            let source = io::Error::from(kind);
            let cure = OpenError::Io {
                path: path.clone(),
                source,
            }
            .cure();
            assert!(cure.contains(expected), "{kind}: {cure}");
            let source = Box::new(redb::Error::Io(kind.into()));
            assert_eq!(WriteError { path, source }.cure(), cure);
        };
        check(ErrorKind::StorageFull, "make room in /home/skep");
        check(ErrorKind::QuotaExceeded, "make room in /home/skep");
        check(ErrorKind::PermissionDenied, "must belong to the user");
        check(ErrorKind::ReadOnlyFilesystem, "is read-only");
        check(ErrorKind::Other, "see `dmesg` for the disk of /home/skep");
    }
}
