//! The project's menu of chores: `cargo xtask`.

mod bench;
mod deny;
mod e2e;
mod fuzz;
mod new_agent;
mod report;
mod run;
mod sim;
mod soak;
mod steps;
mod tidy;
mod tools;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// The project's menu of chores.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Menu {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Everything CI runs: fmt, clippy, tidy, tests, docs, deny, then real daemons and hosts
    Test(steps::TestArgs),
    /// The quick part: fmt, clippy, tidy
    Check,
    /// The project's own rules: who may import whom, sizes of files, words, keys
    Tidy,
    /// Measures against a baseline and prints one JSON line
    Bench(bench::BenchArgs),
    /// Simulates whole swarms: one seed with its trace, many seeds, or gossip among many nodes
    Sim(sim::SimArgs),
    /// Hunts for bytes that break a decoder
    Fuzz(fuzz::FuzzArgs),
    /// The long forms: kills, crash points, seeds, gossip, fuzzing; and a page of what came of them
    Soak(soak::SoakArgs),
    /// Writes a new agent's folder and its two lines in the registry
    NewAgent {
        /// The agent's noun in snake case, as `log_watcher`
        name: String,
    },
    /// Runs the tests and accepts the rendered output they compare with
    Golden {
        /// Only this crate
        #[arg(short, long)]
        package: Option<String>,
    },
    /// Builds the documentation, warnings refused
    Doc,
    /// Installs what the end-to-end tests need into the cache folder, and nothing else
    Prepare,
}

fn main() -> ExitCode {
    match serve(Menu::parse().chore) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the chore found everything in order.
fn serve(chore: Chore) -> Result<bool> {
    match chore {
        Chore::Test(args) => steps::test(&args),
        Chore::Check => steps::check(),
        Chore::Tidy => tidy::run(run::workspace()),
        Chore::Bench(args) => bench::run(&args).map(|()| true),
        Chore::Sim(args) => sim::run(&args).map(|()| true),
        Chore::Fuzz(args) => fuzz::run(&args).map(|()| true),
        Chore::Soak(args) => soak::run(&args),
        Chore::NewAgent { name } => new_agent::run(&name).map(|()| true),
        Chore::Golden { package } => steps::golden(package.as_deref()).map(|()| true),
        Chore::Doc => run::cargo(steps::DOC).map(|()| true),
        Chore::Prepare => e2e::prepare().map(|()| true),
    }
}
