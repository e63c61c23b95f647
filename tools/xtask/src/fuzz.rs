//! `cargo xtask fuzz`: hostile bytes for one decoder, or for each in turn.

use std::process::ExitStatus;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::run::{command, output, succeed};

/// Minutes of a hunt that says nothing else.
const MINUTES: u64 = 1;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cargo xtask fuzz --list
  cargo xtask fuzz frame --minutes 10
  cargo xtask fuzz directive --seed 7       the same inputs again
  cargo xtask fuzz all --minutes 10         each target so long

What breaks something is kept below the crate's corpus/ as found-…; fix it and commit both.")]
pub(crate) struct FuzzArgs {
    /// The target, or `all`
    #[arg(required_unless_present_any = ["list", "plant"])]
    name: Option<String>,
    /// How long
    #[arg(long, value_name = "N", default_value_t = MINUTES)]
    minutes: u64,
    /// Where chance begins; without it, anywhere
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Name the targets
    #[arg(long, conflicts_with = "plant")]
    list: bool,
    /// Write the inputs to begin with anew, after a format has changed
    #[arg(long)]
    plant: bool,
}

pub(crate) fn run(args: &FuzzArgs) -> Result<()> {
    if args.list || args.plant {
        let word = if args.list { "list" } else { "plant" };
        return succeed(fuzzer().arg(word));
    }
    let seed = args.seed.unwrap_or_else(|| u64::from(std::process::id()));
    match args.name.as_deref() {
        Some("all") => targets()?
            .iter()
            .try_for_each(|name| hunt(name, seed, 60 * args.minutes)),
        name => hunt(name.unwrap_or_default(), seed, 60 * args.minutes),
    }
}

/// The names of all targets.
pub(crate) fn targets() -> Result<Vec<String>> {
    let said = output(fuzzer().arg("list"))?.stdout;
    Ok(String::from_utf8(said)?
        .lines()
        .map(ToOwned::to_owned)
        .collect())
}

/// Hunts through one target for so many seconds.
pub(crate) fn hunt(name: &str, seed: u64, seconds: u64) -> Result<()> {
    let status = hunter("hunt", name, seed, seconds)?;
    if status.code().is_none() {
        // It took the process with it. The same way again, with every input written down first.
        hunter("careful", name, seed, seconds * 10)?;
        anyhow::bail!(
            "{name}: an input ended the process ({status}); it is {}",
            skep_tests_e2e::cache_folder()
                .join("fuzz")
                .join(name)
                .display()
        );
    }
    ensure!(status.success(), "{name}: see above; seed {seed}");
    Ok(())
}

fn hunter(word: &str, name: &str, seed: u64, seconds: u64) -> Result<ExitStatus> {
    let (seed, seconds) = (seed.to_string(), seconds.to_string());
    let mut command = fuzzer();
    command.args([word, name, &seed, &seconds]);
    command.status().context("cannot run cargo")
}

/// The tests' own build: with checks for overflow, and nothing to wait for.
fn fuzzer() -> std::process::Command {
    let mut command = command("cargo");
    command.args(["run", "--quiet", "--package", "skep-tests-fuzz", "--"]);
    command
}
