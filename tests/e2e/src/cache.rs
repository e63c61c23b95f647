//! Where layers, tools and build output are kept between runs.

use std::{env, path::PathBuf};

/// The cache folder: `$SKEP_CACHE`, else `~/.cache/skep`.
#[must_use]
pub fn cache_folder() -> PathBuf {
    env::var_os("SKEP_CACHE").map_or_else(
        || {
            let home = env::var_os("HOME").map_or_else(|| PathBuf::from("/root"), PathBuf::from);
            home.join(".cache/skep")
        },
        PathBuf::from,
    )
}
