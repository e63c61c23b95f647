//! The end-to-end groups: install what they need, say what is skipped, run the rest.

use anyhow::{Result, bail};
use skep_tests_e2e::{Group, Image, Need, Skip, Snapshot};

use crate::{
    report::Report,
    run::{Tests, cargo, command, target_folder},
    tools,
};

const PACKAGE: &str = "skep-tests-e2e";

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
    if needs(Need::Root) && install && Need::Namespaces.check().is_ok() {
        report.step("e2e: the throwaway root", || {
            Image::prepare().map(|_image| ())
        });
    }
    if needs(Need::Model) {
        report.step("e2e: the language model", || tools::model(install));
    }
    if needs(Need::Binary) {
        report.step("e2e: the binary", || {
            cargo(&["build", "--quiet", "--package", "skep"])
        });
    }
    for group in groups {
        let name = format!("e2e: {} ({})", group.name, group.shows);
        match missing(group) {
            Some(reason) => report.skip(&name, &reason),
            None => report.step(&name, || run_group(group, tests)),
        }
    }
    report.step("e2e: the machine is untouched", || untouched(&before?));
}

fn missing(group: &Group) -> Option<Skip> {
    let of_machine = group.needs.iter().filter(|need| **need != Need::Binary);
    of_machine.filter_map(|need| need.check().err()).next()
}

fn run_group(group: &Group, tests: &Tests) -> Result<()> {
    let mut command = command("cargo");
    command
        .args(["nextest", "run", "--profile", "e2e", "--package", PACKAGE])
        .args(["--test", group.name])
        // anyhow's own traces would bury what the daemons said.
        .env("RUST_BACKTRACE", "0")
        .env("SKEP_BIN", target_folder().join("debug/skep"));
    tests.run(&mut command)
}

fn untouched(before: &Snapshot) -> Result<()> {
    let changed = before.changed(&Snapshot::of_host()?);
    if !changed.is_empty() {
        bail!("these paths of the machine changed: {changed:?}");
    }
    Ok(())
}
