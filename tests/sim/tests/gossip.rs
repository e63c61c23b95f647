//! What gossip costs in a large swarm. `SKEP_SIM_NODES=1000` asks for a larger one.

use std::time::Duration;

use skep_tests_sim::measure_gossip;

#[test]
fn a_change_is_known_everywhere_within_five_seconds_at_ten_kilobytes_a_second() {
    let n_nodes = std::env::var("SKEP_SIM_NODES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(150);
    let report = measure_gossip(1, n_nodes, Duration::from_secs(10));
    println!("{report:?}");
    assert!(
        report
            .known_after
            .is_some_and(|took| took < Duration::from_secs(5)),
        "{report:?}"
    );
    assert!(report.idle_bytes_per_s <= 10_000, "{report:?}");
    assert_eq!(report.n_deaths, 0);
}
