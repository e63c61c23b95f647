//! `cargo xtask sim`: whole swarms on virtual time, one aloud or many in silence.

use anyhow::Result;
use clap::Args;

use crate::run::{command, succeed};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cargo xtask sim 4711                 one seed; a line for everything that happens in it
  cargo xtask sim --seeds 10000        many seeds; a failure prints the command that replays it
  cargo xtask sim --nodes 1000         how soon a change is known everywhere, and what gossip costs")]
pub(crate) struct SimArgs {
    /// The seed to replay with its trace
    #[arg(conflicts_with_all = ["seeds", "nodes"], required_unless_present_any = ["seeds", "nodes"])]
    seed: Option<u64>,
    /// Run so many seeds instead
    #[arg(long, value_name = "N", conflicts_with = "nodes")]
    seeds: Option<u64>,
    /// The first of them
    #[arg(long, value_name = "SEED", default_value_t = 0, requires = "seeds")]
    from: u64,
    /// Measure gossip in a swarm of so many nodes instead
    #[arg(long, value_name = "N")]
    nodes: Option<u64>,
}

pub(crate) fn run(args: &SimArgs) -> Result<()> {
    match (args.seed, args.seeds, args.nodes) {
        (Some(seed), ..) => simulate(Speed::Checked, &["seed", &seed.to_string()]),
        (_, Some(n_seeds), _) => seeds(args.from, n_seeds),
        (.., n_nodes) => gossip(n_nodes.unwrap_or(1000)),
    }
}

/// Runs `n_seeds` seeds from `first` on; a broken one is printed with the command that replays it.
pub(crate) fn seeds(first: u64, n_seeds: u64) -> Result<()> {
    simulate(
        Speed::Fast,
        &["seeds", &first.to_string(), &n_seeds.to_string()],
    )
}

/// Measures gossip among `n_nodes`.
pub(crate) fn gossip(n_nodes: u64) -> Result<()> {
    simulate(Speed::Fast, &["gossip", &n_nodes.to_string()])
}

/// How the simulator is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speed {
    /// As the tests run it, with every assertion; it stands there already.
    Checked,
    /// Optimised, for what takes long.
    Fast,
}

fn simulate(speed: Speed, words: &[&str]) -> Result<()> {
    let mut command = command("cargo");
    command.args(["run", "--quiet", "--package", "skep-tests-sim"]);
    if speed == Speed::Fast {
        command.arg("--release");
    }
    succeed(command.arg("--").args(words))
}
