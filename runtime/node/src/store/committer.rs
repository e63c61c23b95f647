//! The one thread that writes: many commits, one fsync.

use std::{fmt, sync::Arc};

use skep_agent::StoreError;
use tokio::sync::mpsc;

use super::{Op, OpenError, file::File, overlay::Overlay};

/// Commits that may wait for the disk; at the bound a further one is refused. Agents wait before
/// they come near it.
pub const COMMIT_QUEUE_MAX: usize = 4096;

/// Commits that one fsync covers at most.
const GROUP_MAX: usize = 4096;

/// Told when a commit fails: the node must stop.
pub type Fatal = Arc<dyn Fn(String) + Send + Sync>;

/// Called when a commit is on disk, or will never be.
pub(super) type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// Changes that are written together or not at all.
pub struct Commit {
    /// The changes.
    pub ops: Vec<Op>,
    /// Called from the committer's thread; must not block.
    pub(super) done: Done,
    pub(super) generation: u64,
    /// The last one: the file is closed behind it.
    pub(super) closes: bool,
}

impl Commit {
    /// A commit of these changes.
    pub fn new(ops: Vec<Op>, done: impl FnOnce(Result<(), StoreError>) + Send + 'static) -> Self {
        Self {
            ops,
            done: Box::new(done),
            generation: 0,
            closes: false,
        }
    }
}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commit")
            .field("n_ops", &self.ops.len())
            .finish_non_exhaustive()
    }
}

pub(super) struct Committer {
    file: Arc<File>,
    overlay: Arc<Overlay>,
    fatal: Fatal,
    queue: mpsc::Receiver<Commit>,
}

impl Committer {
    pub(super) fn start(
        file: Arc<File>,
        overlay: Arc<Overlay>,
        fatal: Fatal,
    ) -> Result<mpsc::Sender<Commit>, OpenError> {
        let (commits, queue) = mpsc::channel(COMMIT_QUEUE_MAX);
        let committer = Self {
            file,
            overlay,
            fatal,
            queue,
        };
        std::thread::Builder::new()
            .name("skep-committer".to_owned())
            .spawn(move || committer.run())
            .map_err(|source| OpenError::Io {
                path: "thread".into(),
                source: source.into(),
            })?;
        Ok(commits)
    }

    fn run(mut self) {
        while let Some(first) = self.queue.blocking_recv() {
            let mut group = vec![first];
            while group.len() < GROUP_MAX {
                let Ok(next) = self.queue.try_recv() else {
                    break;
                };
                group.push(next);
            }
            if let Err(error) = self.file.write(group.iter().flat_map(|commit| &commit.ops)) {
                return self.give_up(group, &error);
            }
            let closes = group.iter().any(|commit| commit.closes);
            if closes {
                self.file.close();
            }
            for commit in group {
                self.overlay.remove(&commit.ops, commit.generation);
                (commit.done)(Ok(()));
            }
            if closes {
                return self.end();
            }
        }
    }

    /// Whoever still wants something written is told that it is too late.
    fn end(mut self) {
        self.queue.close();
        while let Ok(commit) = self.queue.try_recv() {
            (commit.done)(Err(StoreError::Stopping));
        }
    }

    /// After a failed fsync nobody knows what is on disk: every waiting commit fails, the node ends.
    fn give_up(mut self, group: Vec<Commit>, error: &redb::Error) {
        let text = error.to_string();
        (self.fatal)(format!("the store could not be written: {text}"));
        self.queue.close();
        let mut commits = group;
        while let Ok(commit) = self.queue.try_recv() {
            commits.push(commit);
        }
        for commit in commits {
            let source = text.clone().into();
            (commit.done)(Err(StoreError::Failed {
                step: "writing a transaction",
                source,
            }));
        }
    }
}
