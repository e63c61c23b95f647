//! The steps of `test` and `check`.

use anyhow::{Context, Result};
use clap::Args;
use skep_tests_e2e::GROUPS;

use crate::{
    deny, e2e, new_agent,
    report::Report,
    run::{Tests, cargo, command, succeed, workspace},
    tidy, tools,
};

const CLIPPY: &[&str] = &[
    "clippy",
    "--quiet",
    "--workspace",
    "--all-targets",
    "--",
    "-D",
    "warnings",
];
/// Also what `cargo xtask doc` runs; warnings are refused through RUSTDOCFLAGS.
pub(crate) const DOC: &[&str] = &[
    "--config",
    "build.rustdocflags=[\"-D\",\"warnings\"]",
    "doc",
    "--quiet",
    "--workspace",
    "--no-deps",
];

#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Install nothing: what needs it is skipped and named
    #[arg(long)]
    no_install: bool,
    /// Only this step or end-to-end group
    #[arg(long, value_name = "GROUP", value_parser = names())]
    only: Option<String>,
}

const STEPS: &[&str] = &[
    "fmt",
    "clippy",
    "tidy",
    "nextest",
    "doc",
    "deny",
    "e2e",
    "new-agent",
];

fn names() -> Vec<&'static str> {
    let groups = GROUPS.iter().map(|group| group.name);
    STEPS.iter().copied().chain(groups).collect()
}

/// Everything CI runs; whether none of it failed.
pub(crate) fn test(args: &TestArgs) -> Result<bool> {
    let mut report = Report::new();
    let tests = Tests::default();
    let install = !args.no_install;
    let wanted = |name: &str| args.only.as_deref().is_none_or(|only| only == name);
    if wanted("fmt") {
        report.step("fmt", fmt);
    }
    if wanted("clippy") {
        report.step("clippy", || cargo(CLIPPY));
    }
    if wanted("tidy") {
        report.step("tidy", || tidy::check(workspace()));
    }
    if wanted("nextest") {
        report.step("nextest", || nextest(&tests, install));
    }
    if wanted("doc") {
        report.step("doc", || cargo(DOC));
    }
    if wanted("deny") {
        report.step("deny: licences, bans, sources", || deny::check(install));
        report.step("deny: advisories", || deny::advisories(install));
    }
    let groups: Vec<_> = GROUPS
        .iter()
        .filter(|group| wanted("e2e") || wanted(group.name))
        .collect();
    e2e::run(&groups, install, &tests, &mut report);
    // Last: it leaves the registry of the copy in the target folder.
    if wanted("new-agent") {
        report.step("new-agent", || new_agent::try_out(&tests, install));
    }
    Ok(report.close(&tests))
}

/// The quick part; whether none of it failed.
pub(crate) fn check() -> Result<bool> {
    let mut report = Report::new();
    report.step("fmt", fmt);
    report.step("clippy", || cargo(CLIPPY));
    report.step("tidy", || tidy::check(workspace()));
    Ok(report.close(&Tests::default()))
}

/// Runs the tests with every changed snapshot accepted, for a person to read in the diff.
pub(crate) fn golden(package: Option<&str>) -> Result<()> {
    let mut command = command("cargo");
    command
        .args(["test", "--quiet", "--no-fail-fast"])
        .env("INSTA_UPDATE", "always");
    match package {
        Some(package) => command.args(["--package", package]),
        None => command.args(["--workspace", "--exclude", "skep-tests-e2e"]),
    };
    succeed(&mut command).context("some tests fail for another reason than their golden files")
}

fn fmt() -> Result<()> {
    cargo(&["fmt", "--all", "--check"])
}

fn nextest(tests: &Tests, install: bool) -> Result<()> {
    tools::nextest(install)?;
    tests.run(command("cargo").args(["nextest", "run", "--workspace"]))
}
