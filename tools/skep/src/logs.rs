//! The node's own log: on stderr, where no collector reads it.

use std::io;

use tracing_subscriber::EnvFilter;

use crate::{cli::Globals, output};

/// Begins the log of a node or a command. `RUST_LOG` wins over `-q` and `-v`.
pub(crate) fn begin(globals: &Globals, default: &str) {
    let level = match (globals.quiet, globals.verbose) {
        (true, _) => "error",
        (false, 0) => default,
        (false, 1) => "info",
        (false, 2) => "debug",
        (false, _) => "trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let begun = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(output::errors_are_colored())
        .with_target(globals.verbose > 1)
        .try_init();
    if begun.is_err() {
        tracing::debug!("the log has begun already");
    }
}
