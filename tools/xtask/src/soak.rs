//! `cargo xtask soak`: the long forms of what CI runs briefly, with progress, and one page at the
//! end that says what was done and what came of it.

use std::{fs, path::PathBuf, process};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use skep_tests_e2e::{Skip, Stopwatch, cache_folder};

use crate::{
    fuzz,
    report::Report,
    run::{Tests, command, output},
    sim,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cargo xtask soak                                     all of it: some hours
  cargo xtask soak --only seeds --seeds 10000
  cargo xtask soak --only fuzz --minutes 1             each target one minute

The page stands in the cache folder, soak.md; its steps are also printed at the end.")]
pub(crate) struct SoakArgs {
    /// Only this part
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Simulated swarms
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    seeds: u64,
    /// The first of them; other ones than in CI
    #[arg(long, value_name = "SEED", default_value_t = 1_000)]
    from: u64,
    /// Nodes of the large swarm whose gossip is measured
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    nodes: u64,
    /// Minutes for each target of the fuzzer
    #[arg(long, value_name = "N", default_value_t = 10)]
    minutes: u64,
    /// Where chance begins in the fuzzer; without it, anywhere
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// A part of the soak: what is long here is short in every run of the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Simulated swarms under faults
    Seeds,
    /// Gossip among many nodes
    Gossip,
    /// Hostile bytes for each decoder
    Fuzz,
    /// The long tests of real nodes: kills under load, crash points of the store
    Real,
}

pub(crate) fn run(args: &SoakArgs) -> Result<bool> {
    let watch = Stopwatch::start();
    let (mut report, tests) = (Report::new(), Tests::default());
    let wanted = |part| args.only.is_none_or(|only| only == part);
    if wanted(Part::Seeds) {
        let last = args.from + args.seeds.saturating_sub(1);
        report.step(&format!("seeds {} to {last}", args.from), || {
            sim::seeds(args.from, args.seeds)
        });
    }
    if wanted(Part::Gossip) {
        report.step(&format!("gossip of {} nodes", args.nodes), || {
            sim::gossip(args.nodes)
        });
    }
    if wanted(Part::Fuzz) {
        fuzz_all(args, &mut report)?;
    }
    if wanted(Part::Real) {
        report.step("long tests of real nodes", || long_tests(&tests));
    }
    let page = page(&report, watch)?;
    let is_good = report.close(&tests);
    println!("the page: {}", page.display());
    Ok(is_good)
}

fn fuzz_all(args: &SoakArgs, report: &mut Report) -> Result<()> {
    let seed = args.seed.unwrap_or_else(|| u64::from(process::id()));
    for target in fuzz::targets()? {
        let name = format!("fuzz {target}, {} min, seed {seed}", args.minutes);
        report.step(&name, || fuzz::hunt(&target, seed, args.minutes));
    }
    Ok(())
}

/// Tests that are too long for every run are named `soak_…`; the profile `soak` runs only these.
fn long_tests(tests: &Tests) -> Result<()> {
    let nextest = |verb: &str| {
        let mut command = command("cargo");
        command.args(["nextest", verb, "--workspace", "--profile", "soak"]);
        command
    };
    let listed = output(&mut nextest("list"))?.stdout;
    if !String::from_utf8_lossy(&listed).contains("soak_") {
        return Err(Skip::new("no test is named soak_…").into());
    }
    tests.run(&mut nextest("run"))
}

/// One page: when and what, a line for each part.
fn page(report: &Report, watch: Stopwatch) -> Result<PathBuf> {
    let commit = output(command("git").args(["log", "-1", "--format=%h %cd %s"]))?.stdout;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let text = format!(
        "# Soak\n\n{}\n{cores} cores, {:.0} min.\n\n```text\n{}\n```\n",
        String::from_utf8_lossy(&commit).trim(),
        watch.elapsed().as_secs_f32() / 60.0,
        report.lines().join("\n"),
    );
    let path = cache_folder().join("soak.md");
    fs::create_dir_all(cache_folder())?;
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
