//! `cargo xtask soak`: the long forms of what CI runs briefly, with progress, and one page at the
//! end that says what was done and what came of it.

use std::{fs, path::PathBuf, process};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use skep_tests_e2e::{Image, Stopwatch, cache_folder};

use crate::{
    e2e, fuzz,
    report::Report,
    run::{Tests, cargo, command, output},
    sim, tools,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cargo xtask soak                           all of it: some hours
  cargo xtask soak --short                   all of it, as CI does it: some minutes
  cargo xtask soak --part kills
  cargo xtask soak --part seeds --seeds 100000
  cargo xtask soak --part fuzz --seconds 60  each target a minute

The page stands in the cache folder, soak.md; its steps are also printed at the end.")]
pub(crate) struct SoakArgs {
    /// Only this part
    #[arg(long, value_enum)]
    part: Option<Part>,
    /// The short form of each part
    #[arg(long)]
    short: bool,
    /// Simulated swarms [default: 10000, or 500]
    #[arg(long, value_name = "N")]
    seeds: Option<u64>,
    /// The first of them; other ones than in CI
    #[arg(long, value_name = "SEED", default_value_t = 1_000)]
    from: u64,
    /// Nodes of the large swarm whose gossip is measured [default: 1000, or 100]
    #[arg(long, value_name = "N")]
    nodes: Option<u64>,
    /// Seconds for each target of the fuzzer [default: 600, or 10]
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Where chance begins in the fuzzer; without it, anywhere
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// A part of the soak: what is long here is short in every run of the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Real nodes under load that are killed, cut off and misled
    Kills,
    /// Losses of power while a store is written
    Crashes,
    /// Simulated swarms under faults
    Seeds,
    /// Gossip among many nodes
    Gossip,
    /// Hostile bytes for each decoder
    Fuzz,
}

/// A test in its two forms; how long each is stands in its name.
struct Forms {
    package: &'static str,
    short: &'static str,
    long: &'static str,
}

const KILLS: Forms = Forms {
    package: "skep-tests-e2e",
    short: "twenty_kills_lose_nothing_and_double_nothing",
    long: "soak_two_hundred_kills",
};

const CRASHES: Forms = Forms {
    package: "skep-node",
    short: "a_loss_of_power_loses_nothing_reported_and_leaves_nothing_half",
    long: "soak_five_hundred_crash_points",
};

pub(crate) fn run(args: &SoakArgs) -> Result<bool> {
    let watch = Stopwatch::start();
    let (mut report, tests) = (Report::new(), Tests::default());
    let wanted = |part| args.part.is_none_or(|only| only == part);
    let or = |given: Option<u64>, long: u64, short: u64| {
        given.unwrap_or(if args.short { short } else { long })
    };
    if wanted(Part::Kills) {
        let n = or(None, 200, 20);
        let name = format!("{n} kills: nothing durable lost, no effect doubled");
        report.step(&name, || kills(args, &tests));
    }
    if wanted(Part::Crashes) {
        let n = or(None, 500, 60);
        let name = format!("{n} crash points of the store: what was reported is there");
        report.step(&name, || forms(args, &CRASHES, &tests));
    }
    if wanted(Part::Seeds) {
        let n_seeds = or(args.seeds, 10_000, 500);
        let last = args.from + n_seeds.saturating_sub(1);
        let name = format!("{n_seeds} simulated swarms: seeds {} to {last}", args.from);
        report.step(&name, || sim::seeds(args.from, n_seeds));
    }
    if wanted(Part::Gossip) {
        let n_nodes = or(args.nodes, 1_000, 100);
        report.step(&format!("gossip of {n_nodes} nodes"), || {
            sim::gossip(n_nodes)
        });
    }
    if wanted(Part::Fuzz) {
        fuzz_all(args, or(args.seconds, 600, 10), &mut report)?;
    }
    let page = page(&report, watch)?;
    let is_good = report.close(&tests);
    println!("the page: {}", page.display());
    Ok(is_good)
}

fn fuzz_all(args: &SoakArgs, seconds: u64, report: &mut Report) -> Result<()> {
    let seed = args.seed.unwrap_or_else(|| u64::from(process::id()));
    for target in fuzz::targets()? {
        let name = format!("fuzz {target}, {seconds} s, seed {seed}");
        report.step(&name, || fuzz::hunt(&target, seed, seconds));
    }
    Ok(())
}

/// Needs real hosts, wrong clocks and the binaries.
fn kills(args: &SoakArgs, tests: &Tests) -> Result<()> {
    Image::prepare()?;
    cargo(e2e::BUILD)?;
    forms(args, &KILLS, tests)
}

/// Runs a test in one of its forms; what it tells on its way is seen at once.
fn forms(args: &SoakArgs, forms: &Forms, tests: &Tests) -> Result<()> {
    tools::nextest(true)?;
    let name = if args.short { forms.short } else { forms.long };
    let filter = format!("test(/{name}$/)");
    let mut command = command("cargo");
    command
        .args(["nextest", "run", "--profile", "soak", "--no-capture"])
        .args(["--package", forms.package])
        .args(["--ignore-default-filter", "--filterset", &filter])
        .env("RUST_BACKTRACE", "0");
    e2e::with_binaries(&mut command);
    tests.run(&mut command)
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
