//! A node's home: one folder that holds its keys, its state and its sockets.
//!
//! ```text
//! home/                0700
//!   swarm.json         which swarm, which node
//!   identity           node key, passport, certificate            0600
//!   authority          only where the swarm was minted            0600
//!   operator           the first operator's bundle                0600
//!   register           whom the authority vouched for             0600
//!   revoked/           what it took back, a file for each key     0600
//!   successions        which authority followed which             0600
//!   invites            open invitations                           0600
//!   enrolled           says that another node was ever let in
//!   store.redb         everything durable; store.redb.aside-… was    0600
//!   listen.json        where the running node listens
//!   control.sock       the control socket                         0660
//! ```

mod backup;
mod files;
mod mint;
mod papers;
mod rotation;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use skep_identity::{Authority, Identity, IdentityError, Invites, OperatorBundle};
use skep_packet::{NodeId, SwarmId};

pub use files::HomeError;
pub use mint::{JoinOutcome, PreparedJoin, node_name};
pub use papers::RENEWAL_AGE_MIN_MS;
pub use rotation::{OVERLAP_MIN_MS, Rotation};

use files::{read, read_json, write_json, write_secret};

/// A node's home; see the [module](self) for what lies in it.
#[derive(Debug, Clone)]
pub struct Home {
    path: PathBuf,
}

/// Which swarm a home belongs to, known before its keys are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwarmCard {
    /// The swarm.
    pub swarm: SwarmId,
    /// The node.
    pub node: NodeId,
}

/// Where the running node listens; the file is there only while it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listening {
    /// The swarm's port, and whether the operator chose its address.
    pub swarm: Option<(std::net::SocketAddr, bool)>,
    /// Whether nobody can connect to the swarm's port.
    #[serde(default)]
    pub dials_only: bool,
    /// People's port.
    pub people: Option<std::net::SocketAddr>,
}

impl Home {
    /// Opens the folder, making it (0700) where it is missing.
    ///
    /// # Errors
    /// The folder cannot be made, or others may read it.
    pub fn open(path: &Path) -> Result<Self, HomeError> {
        files::make_private(path)?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// A folder as it is: nothing is made and nothing is checked, for those who only look.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The store's file.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.path.join("store.redb")
    }

    /// The control socket.
    #[must_use]
    pub fn control_socket(&self) -> PathBuf {
        self.path.join("control.sock")
    }

    /// Which swarm it belongs to; `None` for a fresh home.
    ///
    /// # Errors
    /// The file is unreadable or damaged.
    pub fn card(&self) -> Result<Option<SwarmCard>, HomeError> {
        read_json(&self.path.join("swarm.json"))
    }

    /// The node's keys and papers; `None` until they are made.
    ///
    /// # Errors
    /// The file is unreadable or damaged.
    pub fn identity(&self) -> Result<Option<Identity>, HomeError> {
        self.keys("identity", Identity::from_bytes)
    }

    /// The authority, on the node where the swarm was minted.
    ///
    /// # Errors
    /// The file is unreadable or damaged.
    pub fn authority(&self) -> Result<Option<Authority>, HomeError> {
        self.keys("authority", Authority::from_bytes)
    }

    /// The first operator's bundle, on the node where the swarm was minted.
    ///
    /// # Errors
    /// The file is unreadable or damaged.
    pub fn operator(&self) -> Result<Option<OperatorBundle>, HomeError> {
        self.keys("operator", OperatorBundle::from_bytes)
    }

    /// Where the running node listens; `None` where none runs.
    ///
    /// # Errors
    /// The file is unreadable or damaged.
    pub fn listening(&self) -> Result<Option<Listening>, HomeError> {
        read_json(&self.path.join("listen.json"))
    }

    /// Says where the node listens; `None` when it stops.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn set_listening(&self, listening: Option<&Listening>) -> Result<(), HomeError> {
        let path = self.path.join("listen.json");
        match listening {
            Some(listening) => write_json(&path, listening),
            None => files::remove(&path),
        }
    }

    /// Works on the open invitations, alone: other processes wait.
    ///
    /// # Errors
    /// The file is unreadable or damaged, or cannot be written.
    pub fn with_invites<T>(&self, work: impl FnOnce(&mut Invites) -> T) -> Result<T, HomeError> {
        let _lock = files::lock(&self.path.join("invites.lock"))?;
        let path = self.path.join("invites");
        let mut invites: Invites = read_json(&path)?.unwrap_or_default();
        let result = work(&mut invites);
        let bytes = serde_json::to_vec(&invites).expect("our own types encode into memory");
        write_secret(&path, &bytes)?;
        Ok(result)
    }

    fn keys<T>(
        &self,
        name: &'static str,
        decode: impl FnOnce(&[u8]) -> Result<T, IdentityError>,
    ) -> Result<Option<T>, HomeError> {
        let path = self.path.join(name);
        let Some(bytes) = read(&path)? else {
            return Ok(None);
        };
        decode(&bytes)
            .map(Some)
            .map_err(|source| HomeError::Keys { path, source })
    }
}

#[cfg(test)]
mod tests;
