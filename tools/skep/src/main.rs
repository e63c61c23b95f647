//! The `skep` binary: the only place where the node meets its agents.

mod cli;
mod client;
mod doctor;
mod failure;
mod logs;
mod output;
mod places;
mod plan;
mod screen;
mod units;
mod verb;

use std::process::ExitCode;

use clap::Parser;

use crate::{cli::Cli, failure::EXIT_USAGE};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let globals = cli.globals.settled();
    match verb::run(cli.verb, &globals) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.show(globals.format),
    }
}

/// `--help` and `--version` are answers; everything else is a mistake in the command line.
fn usage(error: &clap::Error) -> ExitCode {
    let shown = error.print();
    match (shown, error.use_stderr()) {
        (Ok(()), false) => ExitCode::SUCCESS,
        (Err(error), _) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        _ => ExitCode::from(EXIT_USAGE),
    }
}
