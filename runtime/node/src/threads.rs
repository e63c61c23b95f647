//! The threads that a node's tasks run on.

use std::{io, num::NonZero, thread::available_parallelism};

use tokio::runtime::{Builder, Runtime};

/// Threads on a host with fewer cores: an agent that blocks one must not stop the keeper that ends
/// it.
const WORKERS_MIN: usize = 2;

/// What a node runs on: a thread for each core, and never one alone.
///
/// # Errors
/// The system gives no more threads.
pub fn runtime() -> io::Result<Runtime> {
    let n_cores = available_parallelism().map_or(1, NonZero::get);
    Builder::new_multi_thread()
        .worker_threads(n_cores.max(WORKERS_MIN))
        .enable_all()
        .build()
}
