//! What a long run says: one line for each step, and a closing line that adds them up.

use std::time::Duration;

use anyhow::Result;
use skep_tests_e2e::{Skip, Stopwatch};

use crate::run::Tests;

/// What became of a step.
#[derive(Debug)]
enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

/// The steps of a run so far.
#[derive(Debug)]
pub(crate) struct Report {
    watch: Stopwatch,
    steps: Vec<(String, Outcome, Duration)>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self {
            watch: Stopwatch::start(),
            steps: Vec::new(),
        }
    }

    /// Runs a step; a failure is noted and the run goes on.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> Result<()>) {
        println!("== {name}");
        let watch = Stopwatch::start();
        let outcome = match work() {
            Ok(()) => Outcome::Passed,
            Err(error) => match error.downcast_ref::<Skip>() {
                Some(skip) => Outcome::Skipped(skip.to_string()),
                None => Outcome::Failed(format!("{error:#}")),
            },
        };
        self.note(name, outcome, watch.elapsed());
    }

    /// Notes a step that cannot be run here.
    pub(crate) fn skip(&mut self, name: &str, reason: &Skip) {
        self.note(name, Outcome::Skipped(reason.to_string()), Duration::ZERO);
    }

    fn note(&mut self, name: &str, outcome: Outcome, took: Duration) {
        println!("{}", line(name, &outcome, took));
        self.steps.push((name.to_owned(), outcome, took));
    }

    /// A line for each step so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        let steps = self.steps.iter();
        steps
            .map(|(name, outcome, took)| line(name, outcome, *took))
            .collect()
    }

    /// Prints every step again and the closing line; whether none failed.
    pub(crate) fn close(self, tests: &Tests) -> bool {
        println!("\n== all steps");
        for line in self.lines() {
            println!("{line}");
        }
        let count = |wanted: fn(&Outcome) -> bool| {
            self.steps
                .iter()
                .filter(|(_, outcome, _)| wanted(outcome))
                .count()
        };
        let failed = count(|outcome| matches!(outcome, Outcome::Failed(_)));
        println!(
            "steps: {} passed, {failed} failed, {} skipped, in {:.0} s",
            count(|outcome| matches!(outcome, Outcome::Passed)),
            count(|outcome| matches!(outcome, Outcome::Skipped(_))),
            self.watch.elapsed().as_secs_f32(),
        );
        let (passed, broken) = (tests.passed.get(), tests.failed.get());
        println!("tests: {passed} passed, {broken} failed");
        failed == 0
    }
}

fn line(name: &str, outcome: &Outcome, took: Duration) -> String {
    let took = took.as_secs_f32();
    match outcome {
        Outcome::Passed => format!("   passed  {name} ({took:.1} s)"),
        Outcome::Failed(why) => format!("   FAILED  {name} ({took:.1} s): {why}"),
        Outcome::Skipped(why) => format!("   skipped {name}: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn a_run_with_a_failed_step_has_failed_and_one_with_a_skipped_step_has_not() {
        let mut report = Report::new();
        report.step("good", || Ok(()));
        report.step("missing", || Err(Skip::new("no root").into()));
        assert!(matches!(&report.steps[1].1, Outcome::Skipped(why) if why == "no root"));
        assert!(report.close(&Tests::default()));

        let mut report = Report::new();
        report.step("bad", || bail!("broken"));
        report.step("good", || Ok(()));
        assert_eq!(report.steps.len(), 2, "the run goes on after a failure");
        assert!(!report.close(&Tests::default()));
    }
}
