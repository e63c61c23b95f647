//! Every committed input, and a short hunt from there. `cargo xtask fuzz NAME` goes on for longer.

#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use skep_tests_fuzz::{Corpus, Finding, Hunt, TARGETS, Target};

/// Inputs of a short hunt.
const INPUTS: u64 = 2_000;

fn inputs(target: &Target) -> Vec<Vec<u8>> {
    let inputs = Corpus::of(target).inputs().unwrap();
    inputs.into_iter().map(|(_, input)| input).collect()
}

fn check(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let inputs = inputs(target);
    let n_planted = (target.plant)().len();
    assert!(inputs.len() >= n_planted, "{} files", inputs.len());
    let mut hunt = Hunt::new(target, inputs, 1).unwrap();
    for _ in 0..INPUTS {
        hunt.step().unwrap();
    }
    assert!(hunt.n_outcomes() > 3, "{} ways", hunt.n_outcomes());
}

macro_rules! replayed {
    ($($test:ident $name:literal)*) => {
        $(#[test] fn $test() { check($name); })*

        #[test]
        fn every_target_is_replayed() {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(names, [$($name),*]);
        }
    };
}

replayed! {
    packets_are_replayed "packet"
    frames_are_replayed "frame"
    descriptors_are_replayed "descriptor"
    proofs_are_replayed "proof"
    passports_are_replayed "passport"
    successions_are_replayed "succession"
    requests_are_replayed "request"
    joins_are_replayed "join"
    audit_entries_are_replayed "audit"
    directives_are_replayed "directive"
    client_messages_are_replayed "rpc-client"
    door_messages_are_replayed "rpc-door"
    calls_are_replayed "rpc-call"
    lines_of_children_are_replayed "external"
}

/// Inputs to begin with reach what they are for: without it a corpus of garbage would do.
#[test]
fn what_was_planted_is_believed() {
    for (name, outcome) in [
        ("packet", "good"),
        ("frame", "good"),
        ("descriptor", "good"),
        ("proof", "opened good"),
        ("passport", "believed"),
        ("succession", "believed 2 known"),
        ("succession", "believed 2 second_successor"),
        ("succession", "expired 1"),
        ("request", "believed"),
        ("join", "believed"),
        ("audit", "believed"),
        ("directive", "true"),
        ("rpc-client", "request a wish"),
        ("rpc-door", "good"),
        ("rpc-call", "call in time true"),
        ("external", "good"),
    ] {
        let target = TARGETS.iter().find(|target| target.name == name).unwrap();
        let led_to: Vec<String> = inputs(target)
            .iter()
            .map(|input| (target.run)(input))
            .collect();
        assert!(
            led_to.iter().any(|found| found.starts_with(outcome)),
            "{name}: {led_to:?}"
        );
    }
}

// === the hunt itself ===

/// Forgets to look at a length: an index beyond the end of what came.
fn careless(bytes: &[u8]) -> String {
    match bytes {
        [b'L', length, rest @ ..] => format!("{}", rest[usize::from(*length)] > 9),
        _ => "no length".to_owned(),
    }
}

fn careless_target(run: fn(&[u8]) -> String) -> Target {
    Target {
        name: "careless",
        room: "nowhere",
        bytes_max: 64,
        words: &["L"],
        plant: Vec::new,
        run,
    }
}

fn first_finding(target: &Target, seed: u64) -> Option<Finding> {
    let mut hunt = Hunt::new(target, vec![b"L\x01ab".to_vec()], seed).unwrap();
    (0..10_000).find_map(|_| hunt.step().err())
}

#[test]
fn a_careless_decoder_is_found_out_and_the_same_seed_finds_the_same() {
    let target = careless_target(careless);
    let finding = first_finding(&target, 1).unwrap();
    assert!(
        finding.what.contains("index out of bounds"),
        "{}",
        finding.what
    );
    assert_eq!(first_finding(&target, 1), Some(finding));
}

#[test]
fn a_careful_decoder_is_not() {
    let careful = |bytes: &[u8]| format!("{:?}", bytes.get(1).copied().unwrap_or_default() > 9);
    assert_eq!(first_finding(&careless_target(careful), 1), None);
}
