//! A new agent, tried as a newcomer would: in a copy of the checkout it must be written, compile,
//! keep the project's rules, pass its own tests and the registry's.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use skep_tests_e2e::cache_folder;

use super::write_tidily;
use crate::{
    run::{Tests, command, output, succeed, workspace},
    tidy, tools,
};

/// Two words, so that each way of writing a name is used; no agent will ever be called so.
const NAME: &str = "trial_bee";
const PACKAGES: &[&str] = &["--package", "skep-trial-bee", "--package", "skep-registry"];

/// Generates an agent in a copy and lets everything look at it. What both have in common is built
/// once: the copy shares the checkout's target folder.
pub(crate) fn run(tests: &Tests, install: bool) -> Result<()> {
    tools::nextest(install)?;
    let top = copy()?;
    write_tidily(&top, NAME)?;
    // The lock file gains the new package, and nothing from outside.
    let cargo = |args: &[&str]| {
        let mut command = command("cargo");
        command.current_dir(&top).env("CARGO_NET_OFFLINE", "true");
        command.args(args);
        command
    };
    succeed(&mut cargo(&["fmt", "--all", "--check"])).context("it is not formatted")?;
    tidy::check(&top)?;
    let clippy = cargo(&["clippy", "--quiet", "--all-targets"])
        .args(PACKAGES)
        .args(["--", "-D", "warnings"])
        .status()?;
    anyhow::ensure!(clippy.success(), "clippy refuses it");
    tests.run(cargo(&["nextest", "run"]).args(PACKAGES))
}

/// The files git knows or would add, with their times: what did not change is not built again.
fn copy() -> Result<PathBuf> {
    let top = cache_folder().join("new-agent");
    if top.exists() {
        fs::remove_dir_all(&top)?;
    }
    fs::create_dir_all(&top)?;
    for path in tidy::files_of(workspace())? {
        copy_file(&workspace().join(&path), &top.join(&path))
            .with_context(|| format!("cannot copy {path}"))?;
    }
    // The rules ask git which files there are.
    output(command("git").args(["init", "--quiet"]).current_dir(&top))?;
    Ok(top)
}

fn copy_file(from: &Path, to: &Path) -> Result<()> {
    let meta = fs::metadata(from)?;
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to)?;
    fs::File::options()
        .write(true)
        .open(to)?
        .set_modified(meta.modified()?)?;
    Ok(())
}
