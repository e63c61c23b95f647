//! `cargo xtask bench NAME`: both sides in the same run, one JSON line.

mod detect;
mod digest;
mod idle;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::{run::cargo, tools};

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[arg(value_enum)]
    name: Name,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Name {
    /// Signed packets per CPU-second, against one RSA signature for each packet
    Packets,
    /// Durable packets per second, on disk on both sides, against one packet in each transaction,
    /// and beside NATS JetStream
    Durable,
    /// The load of `packets` through a NATS server, and what the difference is made of
    Peers,
    /// What each of 100,000 open questions takes, and how late their deadlines fire
    Asks,
    /// From the start of a node to its first answer, with a store of 200 MB and with an empty one
    Boot,
    /// Memory, CPU time and wake-ups of a node with seven agents to which nothing happens
    Idle,
    /// Lines of sshd, httpd and mail logs per CPU-second, against logwatch and GoAccess
    Digest,
    /// One role lookup among 1,000 nodes of ten agents, while changes arrive
    Lookup,
    /// Precision and recall of the builtin analysis, for each shape of attack
    Detect,
}

pub(crate) fn run(args: &BenchArgs) -> Result<()> {
    match args.name {
        Name::Packets => node(&["packets"]),
        Name::Durable => beside_nats("durable"),
        Name::Peers => beside_nats("peers"),
        Name::Asks => node(&["asks"]),
        Name::Lookup => cargo(&[
            "run",
            "--quiet",
            "--release",
            "--package",
            "skep-tests-sim",
            "--",
            "lookup",
        ]),
        Name::Boot => node(&["boot"]),
        Name::Idle => idle::run(),
        Name::Digest => digest::run(),
        Name::Detect => detect::run(),
    }
}

/// The same load on a NATS server, which is fetched into the cache folder.
fn beside_nats(verb: &str) -> Result<()> {
    let server = tools::nats()?;
    let server = server
        .to_str()
        .context("the cache folder's name is no text")?;
    node(&[verb, server])
}

/// What a node's own packets and questions cost.
fn node(args: &[&str]) -> Result<()> {
    let example = ["--package", "skep-node", "--example", "bench_node"];
    let run = ["run", "--quiet", "--release"].iter().chain(&example);
    let args: Vec<&str> = run.chain(&["--"]).chain(args).copied().collect();
    cargo(&args)
}
