//! Running other programs: cargo with the project's target folder, tools from the cache folder.

use std::{
    cell::Cell,
    env,
    ffi::OsStr,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use anyhow::{Context, Result, bail};
use skep_tests_e2e::cache_folder;

/// The checkout's top folder.
pub(crate) fn workspace() -> &'static Path {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    tools
        .and_then(Path::parent)
        .expect("xtask lies two folders below the top")
}

/// Where everything is built: outside the checkout, so that a fresh clone builds warm.
pub(crate) fn target_folder() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| cache_folder().join("target"), PathBuf::from)
}

/// A program, run in the checkout with the project's target folder.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(workspace())
        .env("CARGO_TARGET_DIR", target_folder())
        .env("CARGO_TERM_COLOR", "never");
    command
}

/// Runs it to its end; its output goes to this process's own.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot run {}", name(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", name(command));
    }
    Ok(())
}

/// Runs it to its end and returns its output; a failure carries what it said.
pub(crate) fn output(command: &mut Command) -> Result<Output> {
    let output = command
        .output()
        .with_context(|| format!("cannot run {}", name(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{} failed ({})\n{}",
            name(command),
            output.status,
            said.trim()
        );
    }
    Ok(output)
}

/// `cargo ARGS`, to its end.
pub(crate) fn cargo(args: &[&str]) -> Result<()> {
    succeed(command("cargo").args(args))
}

/// How many tests ran, over all runs of nextest.
#[derive(Debug, Default)]
pub(crate) struct Tests {
    pub(crate) passed: Cell<u64>,
    pub(crate) failed: Cell<u64>,
}

impl Tests {
    /// Runs nextest, shows what it says, and adds up its closing line.
    pub(crate) fn run(&self, command: &mut Command) -> Result<()> {
        let mut child = command
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run cargo")?;
        let stderr = child.stderr.take().context("cargo has no output")?;
        for line in BufReader::new(stderr).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            self.add(&line);
        }
        let status = child.wait()?;
        if !status.success() {
            bail!("tests failed ({status})");
        }
        Ok(())
    }

    /// `Summary [ 0.1s] 9 tests run: 7 passed (1 slow), 1 failed, 1 timed out, 3 skipped`
    fn add(&self, line: &str) {
        let Some(summary) = line.trim_start().strip_prefix("Summary [") else {
            return;
        };
        let Some((_, counts)) = summary.split_once(" run: ") else {
            return;
        };
        for count in counts.split(", ") {
            let (number, what) = count.split_once(' ').unwrap_or_default();
            let number: u64 = number.parse().unwrap_or_default();
            if what.starts_with("passed") {
                self.passed.set(self.passed.get() + number);
            } else if !what.starts_with("skipped") {
                self.failed.set(self.failed.get() + number);
            }
        }
    }
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_several_runs_add_up() {
        let tests = Tests::default();
        tests.add("     Summary [   0.180s] 19 tests run: 19 passed, 3 skipped");
        tests.add("     Summary [   9.1s] 9 tests run: 6 passed (1 slow), 2 failed, 1 timed out, 0 skipped");
        tests.add("        PASS [   0.1s] crate Summary [ of 3 run: 3 passed");
        assert_eq!((tests.passed.get(), tests.failed.get()), (25, 3));
    }
}
