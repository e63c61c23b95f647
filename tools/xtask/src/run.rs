//! Running other programs: cargo with the project's target folder, tools from the cache folder.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context, Result, bail};
use skep_tests_e2e::cache_folder;

/// The checkout's top folder.
pub(crate) fn workspace() -> &'static Path {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    tools
        .and_then(Path::parent)
        .expect("xtask lies two folders below the top")
}

/// Where everything is built: outside the checkout, so that a fresh clone builds warm.
pub(crate) fn target_folder() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| cache_folder().join("target"), PathBuf::from)
}

/// A program, run in the checkout with the project's target folder.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(workspace())
        .env("CARGO_TARGET_DIR", target_folder())
        .env("CARGO_TERM_COLOR", "never");
    command
}

/// Runs it to its end; its output goes to this process's own.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot run {}", name(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", name(command));
    }
    Ok(())
}

/// Runs it to its end and returns its output; a failure carries what it said.
pub(crate) fn output(command: &mut Command) -> Result<Output> {
    let output = command
        .output()
        .with_context(|| format!("cannot run {}", name(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{} failed ({})\n{}",
            name(command),
            output.status,
            said.trim()
        );
    }
    Ok(output)
}

/// `cargo ARGS`, to its end.
pub(crate) fn cargo(args: &[&str]) -> Result<()> {
    succeed(command("cargo").args(args))
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}
