//! Two nodes without a connection: a third one passes on what they seal.

use skep_packet::{BootId, Refusal};
use uuid::Uuid;

use super::{
    SECOND,
    pair::{Pair, accepted, durable, n},
};
use crate::delivery::Input;

fn relayed() -> Pair {
    let mut pair = Pair::new();
    pair.relayed = true;
    pair.connect();
    pair
}

#[test]
fn answers_come_back_as_packets_and_are_not_answered_themselves() {
    let mut pair = relayed();
    for id in 0..600 {
        pair.send_quietly(0, accepted(id, "work"));
    }
    pair.advance(SECOND);
    assert_eq!(pair.accepted(0).len(), 600);
    assert_eq!(pair.sides[0].n_transmitted, 600);
    pair.assert_idle();
}

#[test]
fn a_durable_packet_is_settled_through_a_third_node() {
    let mut pair = relayed();
    pair.commit(0, vec![durable(1, "work"), durable(2, "work")]);
    pair.advance(SECOND);
    pair.run_all(1);
    pair.advance(SECOND);
    assert_eq!(pair.effects(1), [1, 2]);
    assert!(pair.sides[0].disk.rows.is_empty());
    pair.assert_idle();
}

#[test]
fn lost_answers_are_repeated() {
    let mut pair = relayed();
    pair.drop_frames = true;
    pair.commit(0, vec![durable(1, "work")]);
    pair.send(0, accepted(2, "work"));
    pair.advance(SECOND * 3);
    pair.run_all(1);
    pair.drop_frames = false;
    pair.advance(SECOND * 40);
    assert_eq!((pair.effects(1), pair.accepted(0)), (vec![1], vec![2]));
    pair.assert_idle();
}

#[test]
fn a_refusal_comes_back_too() {
    let mut pair = relayed();
    let refused = Refusal::Denied;
    pair.sides[1].refuse.insert("a@n1".to_owned(), refused);
    pair.send(0, accepted(1, "work"));
    pair.advance(SECOND);
    assert_eq!(pair.failed(0).len(), 1);
    pair.assert_idle();
}

#[test]
fn a_way_that_becomes_a_connection_loses_nothing_and_runs_nothing_twice() {
    let mut pair = relayed();
    pair.drop_frames = true;
    pair.send(0, accepted(1, "work"));
    pair.commit(0, vec![durable(2, "work")]);
    pair.advance(SECOND / 2);
    pair.drop_frames = false;
    pair.relayed = false;
    pair.connect();
    pair.advance(SECOND);
    pair.run_all(1);
    pair.advance(SECOND);
    assert_eq!((pair.effects(1), pair.accepted(0)), (vec![2], vec![1]));
    pair.assert_idle();
}

#[test]
fn both_ends_may_be_wrong_about_each_others_boot() {
    let mut pair = relayed();
    for idx in 0..2 {
        pair.sides[idx].boot = BootId(Uuid::from_u128(50 + idx as u128));
        pair.restart_core(idx);
        let (node, boot) = (n(1 - idx), BootId(Uuid::from_u128(99)));
        let relayed = true;
        pair.input(
            idx,
            Input::PeerUp {
                node,
                boot,
                relayed,
            },
        );
    }
    // Neither gets through, and neither answers what it refuses for ever.
    pair.send(0, accepted(1, "work"));
    pair.advance(SECOND * 3);
    assert!(pair.sides[0].n_transmitted < 10);
    // A descriptor tells each the other's boot.
    pair.connect();
    pair.advance(SECOND * 6);
    assert_eq!(pair.accepted(0), [1]);
    pair.assert_idle();
}
