//! Packets for a role that one endpoint serves at a time, while it changes hands.

use std::time::Duration;

use skep_packet::Refusal;

use super::{
    super::{Outgoing, Output, Spread},
    SECOND,
    pair::{Pair, accepted, durable},
};

/// `a@n1` serves as far as n0 knows, and knows itself that it does not.
fn disagreeing() -> Pair {
    let mut pair = Pair::connected();
    pair.serve(1, &[("a", "one.job")]);
    pair.sides[1]
        .refuse
        .insert("a@n1".to_owned(), Refusal::StandsBy);
    pair
}

/// n0 hears who comes first: an agent of its own.
fn learn(pair: &mut Pair) {
    pair.serve_local(0, &[("own", "one.job")]);
}

fn check_handed_on(outgoing: Outgoing) {
    let mut pair = disagreeing();
    pair.send(0, outgoing);
    pair.advance(SECOND);
    assert!(pair.targets(0).len() > 1, "it came back");
    learn(&mut pair);
    pair.advance(SECOND * 5);
    assert_eq!((pair.mailbox(0), pair.mailbox(1)), (vec![1], Vec::new()));
    assert_eq!(pair.accepted(0), [1]);
    let retargeted = pair.log(0, |output| matches!(output, Output::Retargeted { .. }));
    assert_eq!(retargeted, 1);
    pair.assert_idle();
}

#[test]
fn a_packet_follows_the_role_to_whoever_serves_it() {
    check_handed_on(accepted(1, "one.job"));
    let to_all = Outgoing {
        spread: Spread::All,
        ..accepted(1, "one.job")
    };
    check_handed_on(to_all);
}

#[test]
fn a_packet_comes_back_to_an_endpoint_that_takes_over() {
    let mut pair = disagreeing();
    pair.send(0, accepted(1, "one.job"));
    pair.advance(SECOND * 2);
    pair.sides[1].refuse.clear();
    pair.advance(SECOND * 6);
    assert_eq!(pair.mailbox(1), [1]);
}

#[test]
fn a_durable_packet_follows_the_role_and_runs_once() {
    let mut pair = disagreeing();
    pair.commit(0, vec![durable(1, "one.job")]);
    pair.advance(SECOND * 2);
    learn(&mut pair);
    pair.advance(SECOND * 30);
    // Its number there was given up with proof: nothing is left of it.
    pair.sides[1].refuse.clear();
    pair.run_all(0);
    pair.advance(SECOND);
    assert_eq!((pair.effects(0), pair.effects(1)), (vec![1], Vec::new()));
    pair.assert_idle();
}

#[test]
fn a_durable_packet_that_may_still_run_where_it_was_stays_there() {
    let mut pair = disagreeing();
    pair.drop_packets = true;
    pair.commit(0, vec![durable(1, "one.job")]);
    pair.advance(SECOND * 2);
    pair.drop_packets = false;
    learn(&mut pair);
    // A copy that nobody answered is valid for a minute, and clocks may differ.
    pair.advance(Duration::from_secs(60));
    assert!(pair.mailbox(0).is_empty(), "moved while a copy may run");
    pair.advance(Duration::from_secs(120));
    assert_eq!(pair.mailbox(0), [1]);
    pair.run_all(0);
    pair.advance(SECOND);
    assert_eq!((pair.effects(0), pair.effects(1)), (vec![1], Vec::new()));
    pair.assert_idle();
}

#[test]
fn what_was_taken_before_the_role_moved_is_finished_where_it_is() {
    let mut pair = Pair::connected();
    pair.serve(1, &[("a", "one.job")]);
    pair.commit(0, vec![durable(1, "one.job")]);
    pair.advance(SECOND);
    learn(&mut pair);
    pair.advance(SECOND * 5);
    assert_eq!((pair.mailbox(0), pair.mailbox(1)), (Vec::new(), vec![1]));
    pair.run_all(1);
    pair.advance(SECOND);
    assert_eq!((pair.effects(0), pair.effects(1)), (Vec::new(), vec![1]));
    pair.assert_idle();
}
