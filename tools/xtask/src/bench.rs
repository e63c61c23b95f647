//! `cargo xtask bench NAME`: both sides in the same run, one JSON line.

mod detect;
mod digest;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::run::cargo;

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[arg(value_enum)]
    name: Name,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Name {
    /// Signed packets per CPU-second, against one RSA signature for each packet
    Packets,
    /// Lines of an sshd log per CPU-second, against Debian's logwatch on the same file
    Digest,
    /// Precision and recall of the builtin analysis, for each shape of attack
    Detect,
}

pub(crate) fn run(args: &BenchArgs) -> Result<()> {
    match args.name {
        Name::Packets => cargo(&[
            "run",
            "--quiet",
            "--release",
            "--package",
            "skep-node",
            "--example",
            "bench_packets",
        ]),
        Name::Digest => digest::run(),
        Name::Detect => detect::run(),
    }
}
