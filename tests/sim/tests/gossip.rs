//! What gossip costs in a large swarm; `cargo xtask sim --nodes 1000` measures a larger one.

use std::time::Duration;

use skep_tests_sim::measure_gossip;

#[test]
fn a_change_is_known_everywhere_within_five_seconds_at_ten_kilobytes_a_second() {
    let report = measure_gossip(1, 150, Duration::from_secs(10));
    println!("{report}");
    assert!(report.is_within_bounds(), "{report}");
}
