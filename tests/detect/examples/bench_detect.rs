//! What `cargo xtask bench detect` runs: precision and recall of each shape, on seeds that nothing
//! was tuned on, as one JSON line and a table. `-- tune` takes the seeds for tuning instead, and
//! `-- FROM UNTIL` some of one's own; both say what was missed and found in vain.

use serde_json::{Map, Value, json};
use skep_tests_detect::{SEEDS_PROOF, SEEDS_TUNED, Score, measure};

/// What each shape is held to.
const LEAST: f64 = 0.95;

fn main() -> std::process::ExitCode {
    let tune = std::env::args().any(|argument| argument == "tune");
    let numbers = std::env::args().filter_map(|argument| argument.parse().ok());
    let (seeds, tells) = match (tune, &numbers.collect::<Vec<u64>>()[..]) {
        (true, _) => (SEEDS_TUNED, true),
        (false, [from, until]) => (*from..*until, true),
        (false, _) => (SEEDS_PROOF, false),
    };
    let mut score = Score::default();
    for seed in seeds.clone() {
        measure(seed, &mut score);
        eprintln!("seed {seed}: {} lines so far", score.lines);
    }
    let mut shapes = Map::new();
    let mut lowest: f64 = 1.0;
    for (shape, tally) in &score.shapes {
        let (precision, recall) = (tally.precision(), tally.recall());
        lowest = lowest.min(precision).min(recall);
        let numbers =
            json!({ "precision": precision, "recall": recall, "n": tally.hits + tally.misses });
        shapes.insert((*shape).to_owned(), numbers);
    }
    let line = json!({
        "name": "detect",
        "ours": lowest,
        "baseline": LEAST,
        "unit": "lowest precision or recall of a shape",
        "shapes": Value::Object(shapes),
        "seeds": format!("{}..{}", seeds.start, seeds.end),
        "quiet_patrols": score.quiet,
        "quiet_warnings": score.quiet_warned.len(),
        "lines": score.lines,
        "learned_bytes_max": score.learned_bytes,
        "left_out": Score::left_out(),
    });
    println!("{line}");
    println!(
        "{:<24} {:>4} {:>9} {:>7} {:>13}",
        "shape", "n", "precision", "recall", "false alarms"
    );
    for (shape, tally) in &score.shapes {
        let n = tally.hits + tally.misses;
        let (precision, recall) = (tally.precision(), tally.recall());
        println!(
            "{shape:<24} {n:>4} {precision:>9.3} {recall:>7.3} {:>13}",
            tally.false_alarms
        );
    }
    println!(
        "{} quiet patrols, {} warnings",
        score.quiet,
        score.quiet_warned.len()
    );
    for said in score
        .quiet_warned
        .iter()
        .chain(score.notes.iter().filter(|_| tells))
    {
        println!("  {said}");
    }
    let passed = lowest >= LEAST && score.quiet_warned.is_empty();
    std::process::ExitCode::from(u8::from(!passed))
}
