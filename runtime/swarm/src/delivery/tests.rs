mod exclusive;
mod pair;
mod relayed;

use std::time::Duration;

use skep_packet::{
    BootId, Class, Frame, Kind, Lane, LaneAck, OutboxMark, Refusal, Refused, Settled,
};
use uuid::Uuid;

use self::pair::{Pair, accepted, alert, durable, durable_to, n};
use super::{
    Admitted, CONTENT_BYTES_MAX, DeadReason, FailReason, InboxRow, InboxState, Input, OUTBOX_MAX,
    Outgoing, Output, POISON_MAX, SendRefused, Verdict,
};

const SECOND: Duration = Duration::from_secs(1);

// === accepted ===

#[test]
fn an_accepted_packet_reaches_the_mailbox_and_its_sender_knows() {
    let mut pair = Pair::connected();
    let targets = pair.send(0, accepted(1, "work"));
    assert_eq!(targets, ["a@n1"]);
    pair.advance(SECOND);
    assert_eq!(pair.mailbox(1), [1]);
    assert_eq!(pair.accepted(0), [1]);
    pair.assert_idle();
}

#[test]
fn a_lost_packet_comes_again_under_the_same_id() {
    let mut pair = Pair::connected();
    pair.drop_packets = true;
    pair.send(0, accepted(1, "work"));
    pair.advance(SECOND / 2);
    pair.drop_packets = false;
    pair.advance(SECOND * 2);
    assert_eq!(pair.mailbox(1), [1]);
    assert_eq!(pair.accepted(0), [1]);
}

#[test]
fn a_packet_whose_ack_was_lost_is_not_in_the_mailbox_twice() {
    let mut pair = Pair::connected();
    pair.drop_frames = true;
    pair.send(0, accepted(1, "work"));
    pair.advance(SECOND * 5);
    assert!(pair.sides[0].n_transmitted > 1);
    assert_eq!(pair.mailbox(1), [1]);
    pair.drop_frames = false;
    pair.advance(SECOND * 10);
    assert_eq!(pair.mailbox(1), [1]);
    assert_eq!(pair.accepted(0), [1]);
    pair.assert_idle();
}

#[test]
fn a_packet_is_run_once_per_boot_also_over_a_reconnect() {
    let mut pair = Pair::connected();
    pair.drop_frames = true;
    pair.send(0, accepted(1, "work"));
    pair.advance(SECOND / 2);
    pair.disconnect();
    pair.drop_frames = false;
    pair.connect();
    pair.advance(SECOND);
    assert_eq!(pair.mailbox(1), [1]);
    assert_eq!(pair.accepted(0), [1]);
}

#[test]
fn a_packet_sealed_for_an_earlier_boot_is_sealed_again() {
    let mut pair = Pair::connected();
    // The sender has not heard of the new boot yet.
    pair.sides[1].boot = BootId(Uuid::from_u128(77));
    pair.restart_core(1);
    pair.send(0, accepted(1, "work"));
    pair.advance(SECOND * 3);
    assert_eq!(pair.mailbox(1), [1]);
    assert_eq!(pair.accepted(0), [1]);
}

#[test]
fn a_refused_packet_tries_the_next_endpoint_where_the_choice_allows() {
    let mut pair = Pair::connected();
    pair.serve(1, &[("a", "pair.work"), ("b", "pair.work")]);
    pair.send(0, accepted(1, "pair.work"));
    let first = pair.targets(0)[0].clone();
    assert_eq!(pair.mailbox(1), [1]);
    // The other one, once the first says that it does not serve the role.
    let mut pair = Pair::connected();
    pair.serve(1, &[("a", "pair.work"), ("b", "pair.work")]);
    pair.sides[1]
        .refuse
        .insert(first.clone(), Refusal::NotServed);
    pair.send(0, accepted(1, "pair.work"));
    pair.advance(SECOND);
    assert_eq!(pair.mailbox(1), [1]);
    let targets = pair.targets(0);
    assert_eq!(targets.len(), 2);
    assert_ne!(targets[1], first);
    let retargeted = pair.log(0, |output| matches!(output, Output::Retargeted { .. }));
    assert_eq!(retargeted, 1);
}

#[test]
fn a_full_mailbox_is_tried_again_until_there_is_room() {
    let mut pair = Pair::connected();
    pair.sides[1]
        .refuse
        .insert("a@n1".to_owned(), Refusal::MailboxFull);
    pair.send(0, accepted(1, "work"));
    pair.advance(SECOND * 3);
    assert!(pair.mailbox(1).is_empty());
    pair.sides[1].refuse.clear();
    pair.advance(SECOND * 6);
    assert_eq!(pair.mailbox(1), [1]);
}

#[test]
fn what_can_not_arrive_fails_by_name() {
    let check = |refusal, expected| {
        let mut pair = Pair::connected();
        pair.sides[1].refuse.insert("a@n1".to_owned(), refusal);
        pair.send(0, accepted(1, "work"));
        pair.advance(SECOND * 12);
        assert_eq!(pair.failed(0), [(1, expected)]);
        pair.assert_idle();
    };
    check(Refusal::NotServed, FailReason::Refused(Refusal::NotServed));
    check(Refusal::NoHandler, FailReason::Refused(Refusal::NoHandler));
    check(Refusal::Denied, FailReason::Refused(Refusal::Denied));
    // It might pass, but not within the packet's ten seconds.
    check(Refusal::MailboxFull, FailReason::Expired);
    check(Refusal::AgentDown, FailReason::Expired);
    check(Refusal::StandsBy, FailReason::Expired);
    check(Refusal::Expired, FailReason::Expired);
}

#[test]
fn a_packet_to_a_silent_node_expires_and_one_to_a_dead_node_fails_at_once() {
    let mut pair = Pair::new();
    pair.send(0, accepted(1, "work"));
    pair.advance(SECOND * 9);
    assert!(pair.failed(0).is_empty());
    pair.advance(SECOND * 2);
    assert_eq!(pair.failed(0), [(1, FailReason::Expired)]);

    let mut pair = Pair::new();
    pair.send(0, accepted(1, "work"));
    pair.advance(SECOND);
    pair.declare_dead(1);
    assert_eq!(pair.failed(0), [(1, FailReason::NodeDead)]);
    pair.assert_idle();
}

#[test]
fn nobody_and_too_much_are_named_at_once() {
    let mut pair = Pair::connected();
    let refused = pair.try_send(0, accepted(1, "nobody.does.this"));
    assert!(matches!(refused, Err(SendRefused::NoEndpoint(_))));
    let mut large = accepted(1, "work");
    large.draft.content = vec![0; CONTENT_BYTES_MAX + 1].into();
    assert!(matches!(
        pair.try_send(0, large),
        Err(SendRefused::TooLarge { .. })
    ));
}

#[test]
fn best_effort_is_not_sent_again() {
    let mut pair = Pair::connected();
    pair.drop_packets = true;
    let mut outgoing = accepted(1, "work");
    outgoing.draft.class = Class::BestEffort;
    pair.send(0, outgoing);
    pair.advance(SECOND * 5);
    assert_eq!(pair.sides[0].n_transmitted, 1);
    pair.assert_idle();
}

#[test]
fn acks_travel_in_company() {
    let mut pair = Pair::connected();
    for id in 0..600 {
        pair.send_quietly(0, accepted(id, "work"));
    }
    pair.advance(SECOND);
    assert_eq!(pair.accepted(0).len(), 600);
    assert_eq!(pair.sides[1].n_frames, 3);
}

// === durable ===

#[test]
fn a_durable_packet_leaves_the_outbox_when_its_effect_is_committed() {
    let mut pair = Pair::connected();
    pair.commit(0, vec![durable(1, "work")]);
    pair.advance(SECOND);
    assert_eq!(pair.sides[0].disk.rows.len(), 1);
    assert_eq!(pair.mailbox(1), [1]);
    pair.run_all(1);
    pair.advance(SECOND);
    assert_eq!(pair.effects(1), [1]);
    assert!(pair.sides[0].disk.rows.is_empty());
    pair.assert_idle();
}

#[test]
fn nothing_durable_leaves_before_its_transaction_is_on_disk() {
    let mut pair = Pair::connected();
    let Admitted { rows, .. } = pair.admit(0, vec![durable(1, "work")]).unwrap();
    pair.advance(SECOND * 5);
    assert_eq!(pair.sides[0].n_transmitted, 0);
    let numbers = rows.iter().map(|row| row.row).collect();
    pair.input(0, Input::Aborted { rows: numbers });
    pair.advance(SECOND * 5);
    assert_eq!(pair.sides[0].n_transmitted, 0);
    pair.assert_idle();
}

#[test]
fn a_committed_packet_that_comes_again_is_settled_without_running() {
    let mut pair = Pair::connected();
    pair.commit(0, vec![durable(1, "work")]);
    pair.drop_frames = true;
    pair.run_all(1);
    pair.advance(SECOND);
    assert_eq!(pair.sides[0].disk.rows.len(), 1);
    // Neither a new connection nor a crash of either side runs it again.
    pair.drop_frames = false;
    pair.crash(1);
    pair.connect();
    pair.advance(SECOND);
    assert_eq!(pair.effects(1), [1]);
    assert!(pair.mailbox(1).is_empty());
    assert!(pair.sides[0].disk.rows.is_empty());
    pair.assert_idle();
}

#[test]
fn a_receiver_that_crashed_before_the_commit_runs_it_afterwards() {
    let mut pair = Pair::connected();
    pair.commit(0, vec![durable(1, "work")]);
    pair.advance(SECOND);
    assert_eq!(pair.mailbox(1), [1]);
    pair.crash(1);
    pair.connect();
    pair.advance(SECOND);
    assert_eq!(pair.mailbox(1), [1]);
    pair.run_all(1);
    pair.advance(SECOND);
    assert_eq!(pair.effects(1), [1]);
    pair.assert_idle();
}

#[test]
fn a_sender_that_crashed_goes_on_from_its_rows() {
    let mut pair = Pair::connected();
    pair.drop_packets = true;
    pair.commit(
        0,
        vec![durable(1, "work"), durable(2, "work"), durable(3, "work")],
    );
    pair.crash(0);
    pair.drop_packets = false;
    pair.connect();
    pair.advance(SECOND);
    assert_eq!(pair.mailbox(1), [1, 2, 3]);
    pair.run_all(1);
    pair.advance(SECOND);
    assert!(pair.sides[0].disk.rows.is_empty());
    // Numbers go on where they were: none is used twice.
    pair.commit(0, vec![durable(4, "work")]);
    pair.advance(SECOND);
    pair.run_all(1);
    pair.advance(SECOND);
    assert_eq!(pair.effects(1), [1, 2, 3, 4]);
}

#[test]
fn a_restored_row_is_not_settled_by_the_number_of_another() {
    let mut pair = Pair::new();
    pair.serve_local(0, &[("own", "work.here")]);
    // The first row gets its number late, when its role appears, and so a higher one.
    pair.commit(0, vec![durable(1, "late.here"), durable(2, "work.here")]);
    pair.serve_local(0, &[("own", "work.here"), ("late", "late.here")]);
    pair.crash(0);
    pair.advance(SECOND);
    pair.run_all(0);
    pair.advance(SECOND);
    let mut effects = pair.effects(0);
    effects.sort_unstable();
    assert_eq!(effects, [1, 2]);
    pair.assert_idle();
}

#[test]
fn a_packet_for_a_role_nobody_serves_waits_for_it() {
    let mut pair = Pair::connected();
    pair.commit(0, vec![durable(1, "later.role")]);
    pair.advance(SECOND);
    assert_eq!(
        pair.sides[0].core.waiting().into_iter().collect::<Vec<_>>(),
        [("later.role".to_owned(), 1)]
    );
    pair.crash(0);
    pair.connect();
    pair.serve(1, &[("late", "later.role")]);
    pair.advance(SECOND);
    assert_eq!(pair.mailbox(1), [1]);
    // Its number stood on the disk before it left.
    let row = pair.sides[0].disk.rows.values().next().unwrap();
    assert_eq!(
        row.assigned.as_ref().unwrap().target.address.to_string(),
        "late@n1"
    );
    pair.run_all(1);
    pair.advance(SECOND);
    pair.assert_idle();
}

#[test]
fn a_row_moves_to_another_receiver_under_a_fresh_number() {
    let mut pair = Pair::connected();
    pair.commit(0, vec![durable(1, "work")]);
    pair.disconnect();
    let first = pair.sides[0]
        .disk
        .rows
        .values()
        .next()
        .unwrap()
        .assigned
        .clone()
        .unwrap();
    // Nobody else serves it: the row stays with the dead receiver, should it come back.
    pair.declare_dead(1);
    pair.advance(SECOND * 3);
    let row = pair.sides[0].disk.rows.values().next().unwrap();
    assert_eq!(row.assigned.as_ref(), Some(&first));
    // An agent of the own node begins to serve it.
    pair.serve_local(0, &[("own", "work")]);
    pair.advance(SECOND);
    let row = pair.sides[0].disk.rows.values().next().unwrap();
    let second = row.assigned.clone().unwrap();
    assert_eq!(second.target.address.to_string(), "own@n0");
    assert!(second.seq > first.seq);
    pair.run_all(0);
    pair.advance(SECOND);
    assert_eq!(pair.effects(0), [1]);
    // What the former receiver says of the former number changes nothing.
    let settled = Settled {
        epoch: 5,
        seqs: vec![first.seq],
    };
    pair.input(
        0,
        Input::Settled {
            from: n(1),
            settled,
        },
    );
    pair.assert_idle();
}

#[test]
fn a_packet_for_one_agent_goes_to_no_other() {
    let mut pair = Pair::connected();
    pair.serve(1, &[("a", "work"), ("b", "work")]);
    pair.sides[1]
        .refuse
        .insert("a@n1".to_owned(), Refusal::AgentDown);
    pair.commit(0, vec![durable_to(1, "a@n1")]);
    pair.advance(SECOND * 60);
    assert!(pair.mailbox(1).is_empty());
    assert_eq!(pair.sides[0].disk.rows.len(), 1);
    pair.sides[1].refuse.clear();
    pair.advance(SECOND * 31);
    assert_eq!(pair.mailbox(1), [1]);
    pair.run_all(1);
    pair.advance(SECOND);
    assert_eq!(pair.effects(1), [1]);
    pair.assert_idle();
}

#[test]
fn what_is_stuck_at_one_agent_does_not_fill_the_inbox_of_its_node() {
    let mut pair = Pair::connected();
    pair.serve(1, &[("a", "work"), ("b", "other")]);
    pair.sides[1]
        .refuse
        .insert("a@n1".to_owned(), Refusal::AgentDown);
    pair.commit(0, vec![durable(1_000, "work")]);
    for round in 0..30 {
        let batch = (0..10)
            .map(|id| durable(round * 10 + id, "other"))
            .collect();
        pair.commit(0, batch);
        pair.advance(SECOND * 10);
        pair.run_all(1);
        pair.advance(SECOND);
    }
    assert_eq!(pair.effects(1).len(), 300);
    // The stuck one takes a fresh number with each late try, so the watermark passes it.
    let n_ids = pair.sides[1].core.gauges().inbox;
    assert!(n_ids <= 60, "{n_ids} numbers are remembered");
}

#[test]
fn a_poison_packet_goes_to_the_dead_letters() {
    let mut pair = Pair::connected();
    pair.commit(0, vec![durable(1, "work")]);
    for _ in 0..POISON_MAX {
        pair.advance(SECOND * 10);
        assert_eq!(pair.mailbox(1), [1]);
        pair.fail_all(1);
    }
    pair.advance(SECOND * 10);
    assert_eq!(pair.dead(0), [(1, DeadReason::Poison)]);
    assert!(pair.effects(1).is_empty());
    assert!(pair.sides[0].disk.rows.is_empty());
    pair.assert_idle();
}

#[test]
fn failures_are_counted_over_a_crash_of_the_sender() {
    let mut pair = Pair::connected();
    pair.commit(0, vec![durable(1, "work")]);
    pair.advance(SECOND * 10);
    pair.fail_all(1);
    pair.advance(SECOND * 10);
    pair.crash(0);
    pair.connect();
    for _ in 1..POISON_MAX {
        pair.advance(SECOND * 40);
        pair.fail_all(1);
    }
    pair.advance(SECOND * 10);
    assert_eq!(pair.dead(0), [(1, DeadReason::Poison)]);
}

#[test]
fn what_is_refused_for_good_or_too_old_goes_to_the_dead_letters() {
    let mut pair = Pair::connected();
    pair.sides[1]
        .refuse
        .insert("a@n1".to_owned(), Refusal::Denied);
    pair.commit(0, vec![durable(1, "work")]);
    pair.advance(SECOND);
    assert_eq!(pair.dead(0), [(1, DeadReason::NoTarget(Refusal::Denied))]);
    pair.assert_idle();

    let mut pair = Pair::new();
    pair.commit(0, vec![durable(1, "nobody")]);
    pair.advance(SECOND * 3_600 * 24 * 7);
    assert!(pair.dead(0).is_empty());
    pair.advance(SECOND * 20);
    assert_eq!(pair.dead(0), [(1, DeadReason::Expired)]);
    pair.assert_idle();
}

#[test]
fn an_agent_that_lost_its_mailbox_gets_its_durable_packets_again() {
    let mut pair = Pair::connected();
    pair.commit(0, vec![durable(1, "work"), durable(2, "work")]);
    pair.advance(SECOND);
    // The first one is in a transaction that may be on disk any moment: it stays.
    pair.stage(1, 0);
    pair.sides[1].mailbox.truncate(1);
    pair.input(
        1,
        Input::MailboxLost {
            agent: "a".parse().unwrap(),
        },
    );
    pair.advance(SECOND);
    assert_eq!(pair.mailbox(1), [1, 2]);
    pair.run_all(1);
    pair.advance(SECOND);
    assert_eq!(pair.effects(1), [1, 2]);
    pair.assert_idle();
}

#[test]
fn a_local_packet_takes_the_same_way() {
    let mut pair = Pair::new();
    pair.serve_local(0, &[("own", "work.here")]);
    pair.send(0, accepted(1, "work.here"));
    pair.commit(0, vec![durable(2, "work.here")]);
    assert_eq!(pair.mailbox(0), [1, 2]);
    assert_eq!(pair.accepted(0), [1]);
    // A crash between commit and deletion of the row does not run it again.
    pair.keep_rows = true;
    pair.run_all(0);
    assert_eq!(pair.sides[0].disk.rows.len(), 1);
    pair.keep_rows = false;
    pair.crash(0);
    pair.serve_local(0, &[("own", "work.here")]);
    pair.advance(SECOND);
    assert!(pair.mailbox(0).is_empty());
    assert!(pair.sides[0].disk.rows.is_empty());
    assert_eq!(pair.effects(0), [2]);
    pair.assert_idle();
}

#[test]
fn a_full_outbox_keeps_a_tenth_for_alerts() {
    let mut pair = Pair::new();
    let part = OUTBOX_MAX / 10;
    for _ in 0..9 {
        let batch: Vec<Outgoing> = (0..part).map(|id| durable(id, "nobody")).collect();
        pair.admit(0, batch).unwrap();
    }
    let full = Err(SendRefused::OutboxFull { max: OUTBOX_MAX });
    assert_eq!(pair.admit(0, vec![durable(1, "nobody")]), full);
    let alerts = (0..part).map(|id| alert(id, "nobody")).collect();
    pair.admit(0, alerts).unwrap();
    assert_eq!(pair.admit(0, vec![alert(1, "nobody")]), full);
    assert_eq!(alert(1, "nobody").draft.kind, Kind::Alert);
}

#[test]
fn the_inbox_is_as_small_as_the_outbox() {
    let mut pair = Pair::connected();
    for round in 0..50 {
        pair.commit(
            0,
            (0..20).map(|id| durable(round * 20 + id, "work")).collect(),
        );
        pair.advance(SECOND / 10);
        pair.run_all(1);
        pair.advance(SECOND / 10);
    }
    assert_eq!(pair.effects(1).len(), 1_000);
    assert!(
        pair.sides[1].disk.inbox.len() <= 41,
        "{}",
        pair.sides[1].disk.inbox.len()
    );
}

// === hostile input ===

#[test]
fn answers_about_what_was_never_sent_cost_nothing() {
    let mut pair = Pair::connected();
    pair.commit(0, vec![durable(1, "work")]);
    let boot = pair.sides[0].boot;
    let runs = vec![(0, u32::MAX), (u64::MAX, u32::MAX), (5, 0), (7, 100)];
    for lane in Lane::ALL {
        let ack = LaneAck {
            lane,
            boot,
            runs: runs.clone(),
        };
        pair.input(0, Input::Ack { from: n(7), ack });
    }
    let foreign = LaneAck {
        lane: Lane::Command,
        boot: BootId(Uuid::nil()),
        runs,
    };
    pair.input(
        0,
        Input::Ack {
            from: n(1),
            ack: foreign,
        },
    );
    let settled = Settled {
        epoch: 999,
        seqs: (0..100).collect(),
    };
    pair.input(
        0,
        Input::Settled {
            from: n(1),
            settled,
        },
    );
    let packets = vec![
        Refused {
            lane: Lane::Bulk,
            seq: 9,
            reason: Refusal::Denied
        };
        10
    ];
    pair.input(
        0,
        Input::Refused {
            from: n(1),
            boot: BootId(Uuid::nil()),
            sender_boot: boot,
            packets,
        },
    );
    pair.advance(SECOND);
    pair.run_all(1);
    pair.advance(SECOND);
    assert_eq!(pair.effects(1), [1]);
    pair.assert_idle();
}

#[test]
fn of_refused_packets_only_those_sealed_for_this_node_are_answered() {
    let mut pair = Pair::connected();
    let boot = BootId(Uuid::from_u128(3));
    let because = |seq, reason| Refused {
        lane: Lane::Command,
        seq,
        reason,
    };
    let refused = |seq| because(seq, Refusal::Expired);
    pair.input(
        1,
        Input::Reject {
            from: n(0),
            boot,
            packets: vec![
                refused(0),
                because(1, Refusal::WrongRecipient),
                because(2, Refusal::WrongSwarm),
                because(3, Refusal::WrongSigner),
                refused(4),
            ],
        },
    );
    pair.hold_frames = true;
    pair.advance(SECOND);
    let frames = std::mem::take(&mut pair.held_frames);
    let expected = Frame::Refused {
        boot: pair.sides[1].boot,
        sender_boot: boot,
        packets: vec![refused(4)],
    };
    assert_eq!(frames, [expected]);
}

// === the inbox by itself ===

fn mark(seq: u64, lowest: u64) -> OutboxMark {
    OutboxMark {
        epoch: 1,
        seq,
        lowest,
    }
}

#[test]
fn the_watermark_settles_what_its_sender_gave_up() {
    let mut inbox = InboxState::default();
    assert_eq!(inbox.decide(&n(1), mark(5, 5)), Verdict::Run);
    assert_eq!(inbox.decide(&n(1), mark(5, 5)), Verdict::InProcess);
    inbox.released(&n(1), mark(5, 5));
    assert_eq!(inbox.decide(&n(1), mark(8, 7)), Verdict::Run);
    assert_eq!(inbox.decide(&n(1), mark(5, 5)), Verdict::Settled);
    // Another sender, another epoch: nothing to do with it.
    assert_eq!(inbox.decide(&n(2), mark(5, 5)), Verdict::Run);
    let other = OutboxMark {
        epoch: 2,
        seq: 5,
        lowest: 5,
    };
    assert_eq!(inbox.decide(&n(1), other), Verdict::Run);
}

#[test]
fn the_inbox_is_the_same_after_a_crash() {
    let mut inbox = InboxState::default();
    let mut rows = std::collections::BTreeSet::new();
    for seq in 1..=20 {
        let mark = mark(seq, seq.saturating_sub(3).max(1));
        assert_eq!(inbox.decide(&n(1), mark), Verdict::Run);
        let delta = inbox.commit(&n(1), mark);
        pair::store(&mut rows, &delta);
        inbox.committed(&n(1), mark);
        let mut loaded = InboxState::load(rows.iter().cloned());
        for seen in 1..=seq {
            assert_eq!(
                loaded.decide(&n(1), super::tests::mark(seen, 1)),
                Verdict::Settled
            );
        }
        assert_eq!(
            loaded.decide(&n(1), super::tests::mark(seq + 1, 1)),
            Verdict::Run
        );
    }
    let n_stored = rows
        .iter()
        .filter(|row| matches!(row, InboxRow::Committed { .. }))
        .count();
    assert_eq!(n_stored, 4);
}

#[test]
fn a_third_epoch_of_a_sender_ends_the_first() {
    let mut inbox = InboxState::default();
    for epoch in 1..=3 {
        let mark = OutboxMark {
            epoch,
            seq: 1,
            lowest: 1,
        };
        assert_eq!(inbox.decide(&n(1), mark), Verdict::Run);
        let delta = inbox.commit(&n(1), mark);
        assert_eq!(delta.forget, if epoch == 3 { vec![1] } else { vec![] });
        inbox.committed(&n(1), mark);
    }
}
