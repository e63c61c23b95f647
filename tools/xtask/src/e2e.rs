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
            cargo(&["build", "--quiet", "--package", "skep"])?;
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
        Need::Binary if is_built => None,
        Need::Binary => Some(Skip::new("the binary was not built")),
        need => need.check().err(),
    })
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
