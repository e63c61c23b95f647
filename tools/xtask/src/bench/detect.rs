//! How well the builtin analysis detects, on seeded logs that nothing was tuned on.

use anyhow::Result;

use crate::run::cargo;

/// Lines, collectors, analysis and scores are the tests' own; this is the larger form of them.
pub(super) fn run() -> Result<()> {
    cargo(&[
        "run",
        "--quiet",
        "--release",
        "--package",
        "skep-tests-detect",
        "--example",
        "bench_detect",
    ])
}
