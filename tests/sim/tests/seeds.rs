//! Many seeds, each a swarm that lives through crashes, partitions, loss and stepping clocks.
//!
//! A failure prints its seed; `SKEP_SIM_SEED=N` runs that one alone, `SKEP_SIM_SEEDS=N` so many.

#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use skep_tests_sim::{Broken, Report, Scenario, Violation, run};

/// Seeds of a normal test run, in parts that run beside each other.
const SEEDS: u64 = 200;
const PARTS: u64 = 4;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn run_part(part: u64) {
    let seeds: Vec<u64> = match number("SKEP_SIM_SEED") {
        Some(seed) if part == 0 => vec![seed],
        Some(_) => return,
        None => (0..number("SKEP_SIM_SEEDS").unwrap_or(SEEDS))
            .filter(|seed| seed % PARTS == part)
            .collect(),
    };
    for seed in seeds {
        match run(seed, Scenario::of(seed)) {
            Ok(report) => println!("seed {seed}: {report:?}"),
            Err(violation) => panic!("seed {seed}: {violation}"),
        }
    }
}

#[test]
fn promises_hold_in_the_first_part_of_the_seeds() {
    run_part(0);
}

#[test]
fn promises_hold_in_the_second_part_of_the_seeds() {
    run_part(1);
}

#[test]
fn promises_hold_in_the_third_part_of_the_seeds() {
    run_part(2);
}

#[test]
fn promises_hold_in_the_fourth_part_of_the_seeds() {
    run_part(3);
}

#[test]
fn a_seed_tells_the_same_story_each_time() {
    let story = |seed| run(seed, Scenario::of(seed)).unwrap();
    let first: Report = story(7);
    assert_eq!(first, story(7));
    assert_ne!(first, story(8));
    // And something happens in it.
    assert!(first.n_durable > 20 && first.n_crashes > 0, "{first:?}");
    assert!(first.n_accepted > 5 && first.n_answered > 5, "{first:?}");
}

/// Whether some seed finds a broken promise of this kind.
fn is_caught(broken: Broken, is_expected: fn(&Violation) -> bool) -> bool {
    (0..40).any(|seed| {
        let scenario = Scenario {
            broken: Some(broken),
            // So slow that a crash often finds something that is not on disk yet.
            fsync_ms_max: 400,
            ..Scenario::of(seed)
        };
        run(seed, scenario).is_err_and(|violation| is_expected(&violation))
    })
}

#[test]
fn a_node_that_answers_before_its_commit_is_caught() {
    assert!(is_caught(Broken::AckBeforeCommit, |found| {
        matches!(found, Violation::Lost(_))
    }));
}

#[test]
fn a_node_that_forgets_its_ids_is_caught() {
    assert!(is_caught(Broken::ForgetIds, |found| {
        matches!(found, Violation::EffectTwice(..))
    }));
}
