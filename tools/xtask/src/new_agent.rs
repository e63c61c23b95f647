//! `cargo xtask new-agent NAME`: the folder, and two lines in the registry.

use anyhow::{Result, bail};

pub(crate) fn run(_name: &str) -> Result<()> {
    bail!("not yet");
}
