//! Many seeds, each a swarm that lives through crashes, partitions, loss and stepping clocks.
//!
//! A failure prints its seed and the command that replays it; `cargo xtask sim --seeds N` runs more.

#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use skep_tests_sim::{Broken, Report, Scenario, Violation, run};

/// Seeds of a normal test run, in parts that run beside each other.
const SEEDS: u64 = 1000;
const PARTS: u64 = 8;

fn run_part(part: u64) {
    for seed in (part..SEEDS).step_by(PARTS.try_into().unwrap()) {
        if let Err(violation) = run(seed, Scenario::of(seed)) {
            panic!("seed {seed}: {violation}\nreplay it: cargo xtask sim {seed}");
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
fn promises_hold_in_the_fifth_part_of_the_seeds() {
    run_part(4);
}

#[test]
fn promises_hold_in_the_sixth_part_of_the_seeds() {
    run_part(5);
}

#[test]
fn promises_hold_in_the_seventh_part_of_the_seeds() {
    run_part(6);
}

#[test]
fn promises_hold_in_the_eighth_part_of_the_seeds() {
    run_part(7);
}

#[test]
fn a_seed_tells_the_same_story_each_time() {
    let story = |seed| run(seed, Scenario::of(seed)).unwrap();
    let first: Report = story(7);
    assert_eq!(first, story(7));
    assert_ne!(first, story(8));
    // And something happens in it.
    assert!(first.n_durable > 20, "{first:?}");
    let n_crashes: usize = (7..12).map(|seed| story(seed).n_crashes).sum();
    assert!(n_crashes > 0);
    assert!(first.n_accepted > 5 && first.n_answered > 5, "{first:?}");
    assert!(first.n_forged > 20 && first.n_refused > 10, "{first:?}");
    // In every other one a node is reached through others only.
    assert!(story(8).n_relayed > 20);
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

#[test]
fn a_node_that_believes_any_signature_is_caught() {
    assert!(is_caught(Broken::BelieveAll, |found| {
        matches!(found, Violation::Forged(_))
    }));
}

#[test]
fn a_node_that_never_stands_by_is_caught() {
    assert!(is_caught(Broken::NeverStandsBy, |found| {
        matches!(found, Violation::StoodBy(..))
    }));
}
