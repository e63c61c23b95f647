//! The one thread that writes: many commits, one fsync.

use std::{
    error::Error,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};

use skep_agent::StoreError;
use tokio::sync::mpsc;

use super::{Op, OpenError, WriteError, file::File, opening::said, overlay::Overlay};

/// Commits that may wait for the disk; at the bound a further one is refused. Agents wait before
/// they come near it.
pub const COMMIT_QUEUE_MAX: usize = 4096;

/// Commits that one fsync covers at most.
const GROUP_MAX: usize = 4096;

/// Told once, when a commit fails: the node must stop.
pub type Fatal = Arc<dyn Fn(WriteError) + Send + Sync>;

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
    path: PathBuf,
    file: Arc<File>,
    overlay: Arc<Overlay>,
    fatal: Fatal,
    queue: mpsc::Receiver<Commit>,
}

impl Committer {
    pub(super) fn start(
        path: &Path,
        file: Arc<File>,
        overlay: Arc<Overlay>,
        fatal: Fatal,
    ) -> Result<mpsc::Sender<Commit>, OpenError> {
        let (commits, queue) = mpsc::channel(COMMIT_QUEUE_MAX);
        let committer = Self {
            path: path.to_owned(),
            file,
            overlay,
            fatal,
            queue,
        };
        std::thread::Builder::new()
            .name("skep-committer".to_owned())
            .spawn(move || committer.run())
            .map_err(|source| OpenError::Io {
                path: path.to_owned(),
                source,
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
            if let Err(error) = self.write(&group) {
                return self.give_up(group, error);
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
        while let Some(commit) = self.queue.blocking_recv() {
            (commit.done)(Err(StoreError::Stopping));
        }
    }

    /// A panic of the engine is a failure like any other: this thread must not end in silence.
    fn write(&self, group: &[Commit]) -> Result<(), Box<dyn Error + Send + Sync>> {
        let ops = group.iter().flat_map(|commit| &commit.ops);
        match catch_unwind(AssertUnwindSafe(|| self.file.write(ops))) {
            Ok(written) => written.map_err(Into::into),
            Err(panic) => {
                self.file.abandon();
                Err(said(panic.as_ref()).into())
            }
        }
    }

    /// After a failed fsync nobody knows what is on disk: every waiting commit fails, the node ends.
    fn give_up(mut self, group: Vec<Commit>, source: Box<dyn Error + Send + Sync>) {
        // Closed first: what comes from here on is refused, and not forgotten.
        self.queue.close();
        let text = source.to_string();
        let path = self.path.clone();
        (self.fatal)(WriteError { path, source });
        let mut commits = group;
        while let Some(commit) = self.queue.blocking_recv() {
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
