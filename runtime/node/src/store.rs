//! The node's one store file: what must survive a kill.
//!
//! Writers queue [`Commit`]s; one thread takes whatever queued while the last fsync ran and writes
//! it with the next one. An agent reads through its own uncommitted writes. A failed commit is the
//! end of the node: it never goes on in memory.

mod committer;
mod error;
mod file;
mod opening;
mod overlay;

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use skep_packet::AgentName;
use tokio::sync::{mpsc, oneshot};

pub use committer::{COMMIT_QUEUE_MAX, Commit, Fatal};
pub use error::{OpenError, WriteError};
pub use file::{Op, Table};
pub use opening::set_aside;

use committer::Committer;
use file::File;
use overlay::Overlay;

/// The node's store; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    file: Arc<File>,
    overlay: Arc<Overlay>,
    commits: mpsc::Sender<Commit>,
}

impl Store {
    /// Opens the file, or makes it, and starts the committer. `fatal` fires when a commit fails.
    ///
    /// # Errors
    /// Another node holds it, it is damaged, or the disk refuses. A damaged file stays as it is.
    pub fn open(path: &Path, fatal: Fatal) -> Result<Self, OpenError> {
        Self::on(path, File::open(path)?, fatal)
    }

    /// Opens the file as a start would, and says how many rows each table holds.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn look(path: &Path) -> Result<Vec<(Table, u64)>, OpenError> {
        let file = File::open(path)?;
        file.sizes().map_err(|source| OpenError::Damaged {
            path: path.to_owned(),
            source: Box::new(source),
        })
    }

    fn on(path: &Path, file: File, fatal: Fatal) -> Result<Self, OpenError> {
        let file = Arc::new(file);
        let overlay = Arc::new(Overlay::default());
        let commits = Committer::start(path, file.clone(), overlay.clone(), fatal)?;
        Ok(Self {
            file,
            overlay,
            commits,
        })
    }

    /// Queues a commit. Its writes are read from now on; `commit.done` is called when they are on
    /// disk.
    ///
    /// # Errors
    /// The store has stopped, or [`COMMIT_QUEUE_MAX`] others wait; the commit comes back.
    pub fn commit(&self, mut commit: Commit) -> Result<(), Commit> {
        let Ok(permit) = self.commits.try_reserve() else {
            return Err(commit);
        };
        commit.generation = self.overlay.add(&commit.ops);
        permit.send(commit);
        Ok(())
    }

    /// Closes the file behind everything that is queued, and waits for it.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        let mut last = Commit::new(Vec::new(), |result| drop(done.send(result)));
        last.closes = true;
        // A committer that has ended already has let go of the file, or never will.
        if self.commits.send(last).await.is_ok()
            && let Err(error) = closed.await
        {
            tracing::debug!(%error, "the committer ended first");
        }
    }

    /// Reads one value of an agent.
    ///
    /// # Errors
    /// The file could not be read.
    pub fn get(&self, agent: &AgentName, key: &str) -> Result<Option<Bytes>, redb::Error> {
        let key = state_key(agent, key);
        match self.overlay.get(&key) {
            Some(pending) => Ok(pending),
            None => self.file.get(Table::State, &key),
        }
    }

    /// Reads an agent's values whose keys start with `prefix` and come after `after`.
    ///
    /// # Errors
    /// The file could not be read.
    pub fn scan(
        &self,
        agent: &AgentName,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Bytes)>, redb::Error> {
        let prefix = state_key(agent, prefix);
        let after = after.map(|after| state_key(agent, after));
        let pending = self.overlay.scan(&prefix, after.as_deref());
        let n_deleted = pending.values().filter(|value| value.is_none()).count();
        let stored = self.file.scan(
            Table::State,
            &prefix,
            after.as_deref(),
            limit.saturating_add(n_deleted),
        )?;
        let mut rows: std::collections::BTreeMap<_, _> = stored.into_iter().collect();
        for (key, value) in pending {
            match value {
                Some(value) => rows.insert(key, value),
                None => rows.remove(&key),
            };
        }
        let skip = agent.as_str().len() + 1;
        let name = |key: Vec<u8>| String::from_utf8_lossy(&key[skip..]).into_owned();
        Ok(rows
            .into_iter()
            .take(limit)
            .map(|(key, value)| (name(key), value))
            .collect())
    }

    /// Reads a whole table of the node's own, in key order.
    ///
    /// # Errors
    /// The file could not be read.
    pub fn rows(&self, table: Table) -> Result<Vec<(Vec<u8>, Bytes)>, redb::Error> {
        self.file.scan(table, &[], None, usize::MAX)
    }

    /// Reads a part of a table of the node's own, in key order.
    ///
    /// # Errors
    /// The file could not be read.
    pub fn rows_after(
        &self,
        table: Table,
        after: &[u8],
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Bytes)>, redb::Error> {
        self.file.scan(table, &[], Some(after), limit)
    }

    /// Reads one value of the node's own, as it is on disk.
    ///
    /// # Errors
    /// The file could not be read.
    pub fn row(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, redb::Error> {
        self.file.get(table, key)
    }
}

/// An agent's keys begin with its name and a NUL, which no name holds.
pub(crate) fn state_key(agent: &AgentName, key: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(agent.as_str().len() + 1 + key.len());
    bytes.extend_from_slice(agent.as_str().as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(key.as_bytes());
    bytes
}

#[cfg(test)]
mod tests;
