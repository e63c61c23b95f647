//! Files of a home: private, written whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};
use skep_identity::{IdentityError, JoinError};

/// Largest file of keys or settings, in bytes.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What is wrong with a home. Nothing was changed unless the text says so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HomeError {
    /// A file or folder could not be read or written.
    #[error("could not {step} {}", path.display())]
    Io {
        /// What was being done.
        step: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Others may read the keys.
    #[error("others may read {}: run `chmod 700` on it", path.display())]
    NotPrivate {
        /// The folder.
        path: PathBuf,
    },
    /// A settings file does not decode.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        #[source]
        source: serde_json::Error,
    },
    /// A file of keys does not decode.
    #[error("{} holds no usable keys", path.display())]
    Keys {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: IdentityError,
    },
    /// The authority's backup is not made, or does not open.
    #[error(transparent)]
    Backup(#[from] skep_identity::BackupError),
    /// The backup is of another swarm than the home.
    #[error("this backup is of the swarm {theirs}, and {} belongs to {ours}", path.display())]
    OtherSwarm {
        /// The folder.
        path: PathBuf,
        /// The swarm it belongs to.
        ours: skep_packet::SwarmId,
        /// The backup's.
        theirs: skep_packet::SwarmId,
    },
    /// Keys or papers could not be made.
    #[error("could not make the keys")]
    Making(#[from] IdentityError),
    /// The home has keys already.
    #[error("{} belongs to the swarm {swarm} already: choose another --home", path.display())]
    Taken {
        /// The folder.
        path: PathBuf,
        /// The swarm it belongs to.
        swarm: skep_packet::SwarmId,
    },
    /// The home's own swarm has other members that a join would abandon.
    #[error(
        "{} is a node of the swarm {swarm}, which has other members: choose another --home, \
         or move this one aside",
        path.display()
    )]
    HasMembers {
        /// The folder.
        path: PathBuf,
        /// The swarm it belongs to.
        swarm: skep_packet::SwarmId,
    },
    /// Only the node where the swarm was minted can do this.
    #[error("{} does not hold the swarm's authority: run this where `skep init` ran", path.display())]
    NoAuthority {
        /// The folder.
        path: PathBuf,
    },
    /// The authority vouched for nobody of that name, or took it back already.
    #[error("there is no {who} whose papers count: see `skep operator list` and `skep tree`")]
    Nobody {
        /// Who was meant.
        who: skep_identity::Who,
    },
    /// The node that holds the authority would lock itself out.
    #[error("{node} holds the swarm's authority: a swarm cannot revoke it")]
    Itself {
        /// This node.
        node: skep_packet::NodeId,
    },
    /// Two authorities count already.
    #[error("the swarm's authority was replaced already, and the one before it still counts")]
    Overlaps {
        /// Until when, in milliseconds since the Unix epoch.
        until_ms: u64,
    },
    /// The time in which two authorities are to count is too short or too long.
    #[error("an overlap is at least an hour and at most 365 days")]
    Overlap,
    /// No node runs in this home, or it listens on loopback only.
    #[error("{reason}: start the node with `skep up --listen ADDR`")]
    NotListening {
        /// Which of the two.
        reason: &'static str,
    },
    /// The name is no name.
    #[error("the name {name:?} is no good")]
    Name {
        /// The name as given.
        name: String,
        /// Why not.
        #[source]
        source: skep_packet::IdError,
    },
    /// The swarm did not let this host in.
    #[error("the swarm did not let this host in")]
    Join(#[from] JoinError),
    /// Too many invitations are open.
    #[error("{0}")]
    Invite(#[from] skep_identity::JoinRefusal),
}

pub(super) fn io_error<'a>(
    step: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> HomeError + 'a {
    move |source| HomeError::Io {
        step,
        path: path.to_owned(),
        source,
    }
}

pub(super) fn make_private(path: &Path) -> Result<(), HomeError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder
        .create(path)
        .map_err(io_error("make the folder", path))?;
    let mode = fs::metadata(path)
        .map_err(io_error("look at", path))?
        .permissions()
        .mode();
    if mode & 0o007 != 0 {
        return Err(HomeError::NotPrivate {
            path: path.to_owned(),
        });
    }
    Ok(())
}

pub(super) fn read(path: &Path) -> Result<Option<zeroize::Zeroizing<Vec<u8>>>, HomeError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error("open", path)(error)),
    };
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    file.take(FILE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(io_error("read", path))?;
    Ok(Some(bytes))
}

pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, HomeError> {
    let Some(bytes) = read(path)? else {
        return Ok(None);
    };
    let damaged = |source| HomeError::Damaged {
        path: path.to_owned(),
        source,
    };
    serde_json::from_slice(&bytes).map(Some).map_err(damaged)
}

pub(super) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), HomeError> {
    let bytes = serde_json::to_vec_pretty(value).expect("our own types encode into memory");
    write_secret(path, &bytes)
}

/// Writes a file of mode 0600 beside the old one, fsyncs it, and puts it in its place.
pub(super) fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), HomeError> {
    let beside = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let write = || {
        let mut file = options.open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        path.parent()
            .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    write().map_err(io_error("write", path))
}

pub(super) fn remove(path: &Path) -> Result<(), HomeError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io_error("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Holds the lock until the file is dropped.
pub(super) fn lock(path: &Path) -> Result<File, HomeError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let lock = || {
        let file = options.open(path)?;
        file.lock()?;
        Ok(file)
    };
    lock().map_err(io_error("lock", path))
}
