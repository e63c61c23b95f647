//! The end-to-end groups: install what they need, say what is skipped, run the rest.

use std::process::Command;

use anyhow::{Result, bail};
use skep_tests_e2e::{Group, Image, Need, Skip, Snapshot};

use crate::{
    report::Report,
    run::{Tests, cargo, command, target_folder},
    tools,
};

const PACKAGE: &str = "skep-tests-e2e";

/// The binary, and the tests' own program around a node.
pub(crate) const BUILD: &[&str] = &[
    "build",
    "--quiet",
    "--package",
    "skep",
    "--package",
    "skep-tests-swarm",
    "--bins",
];

/// Installs all that the groups need.
pub(crate) fn prepare() -> Result<()> {
    Need::Namespaces.check()?;
    Image::prepare()?;
    tools::nextest(true)?;
    tools::model(true)
}

/// Runs `groups`, each as a step of its own.
pub(crate) fn run(groups: &[&Group], install: bool, tests: &Tests, report: &mut Report) {
    if groups.is_empty() {
        return;
    }
    let before = Snapshot::of_host();
    let needs = |need: Need| groups.iter().any(|group| group.needs.contains(&need));
    if needs(Need::Root) && install {
        report.step("e2e: the throwaway root", || {
            Image::prepare().map(|_image| ())
        });
    }
    if needs(Need::Model) {
        report.step("e2e: the language model", || tools::model(install));
    }
    let mut is_built = false;
    if needs(Need::Binary) {
        report.step("e2e: the binary", || {
            cargo(BUILD)?;
            is_built = true;
            Ok(())
        });
    }
    for group in groups {
        let name = format!("e2e: {} ({})", group.name, group.shows);
        match missing(group, is_built) {
            Some(reason) => report.skip(&name, &reason),
            None => report.step(&name, || run_group(group, tests)),
        }
    }
    report.step("e2e: the machine is untouched", || untouched(&before?));
}

/// Why a group cannot run; an older binary than this checkout's would show nothing.
fn missing(group: &Group, is_built: bool) -> Option<Skip> {
    group.needs.iter().find_map(|need| match need {
        Need::Binary | Need::Load if is_built => None,
        Need::Binary | Need::Load => Some(Skip::new("the binary was not built")),
        need => need.check().err(),
    })
}

fn run_group(group: &Group, tests: &Tests) -> Result<()> {
    let mut command = command("cargo");
    command
        .args(["nextest", "run", "--profile", "e2e", "--package", PACKAGE])
        .args(["--test", group.name])
        // anyhow's own traces would bury what the daemons said.
        .env("RUST_BACKTRACE", "0");
    with_binaries(&mut command);
    tests.run(&mut command)
}

/// Tells tests where the binaries are.
pub(crate) fn with_binaries(command: &mut Command) {
    let built = target_folder().join("debug");
    command
        .env("SKEP_BIN", built.join("skep"))
        .env("SKEP_LOAD", built.join("skep-load"));
}

fn untouched(before: &Snapshot) -> Result<()> {
    let changed = before.changed(&Snapshot::of_host()?);
    if !changed.is_empty() {
        bail!("these paths of the machine changed: {changed:?}");
    }
    Ok(())
}
