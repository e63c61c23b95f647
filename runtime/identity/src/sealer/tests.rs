use super::*;
use crate::testkit::{BOOT_A, NOW_MS, now};

fn sealer() -> Sealer {
    let swarm = SwarmId(uuid::Uuid::from_u128(5));
    Sealer::new(swarm, KeyId([1; 32]), BOOT_A)
}

fn node(name: &str) -> NodeId {
    NodeId::new(name).unwrap()
}

fn push(sealer: &mut Sealer, to: &str, lane: Lane, n_bytes: usize) {
    sealer.push(&node(to), lane, &vec![7; n_bytes]).unwrap();
}

fn finish(sealer: &mut Sealer, start: u64, end: u64) -> Vec<(NodeId, Batch)> {
    let job = sealer.poll(now(start)).unwrap();
    sealer.signed(now(end), job.id, &Bytes::from_static(b"signature"))
}

#[test]
fn the_first_packet_after_idle_is_signed_at_once() {
    let mut sealer = sealer();
    assert_eq!(sealer.next_wake(), None);
    push(&mut sealer, "b", Lane::Command, 300);
    assert_eq!(sealer.next_wake(), Some(0));
    let batches = finish(&mut sealer, 100, 102);
    assert_eq!(batches.len(), 1);
    assert_eq!(batches[0].0, node("b"));
    assert_eq!(batches[0].1.statement.issued_at_ms, NOW_MS + 100);
    push(&mut sealer, "b", Lane::Command, 300);
    assert!(sealer.poll(now(200)).is_some());
}

#[test]
fn under_load_signatures_start_three_durations_apart() {
    let mut sealer = sealer();
    push(&mut sealer, "b", Lane::Command, 300);
    let job = sealer.poll(now(0)).unwrap();
    push(&mut sealer, "b", Lane::Command, 300);
    push(&mut sealer, "b", Lane::Command, 300);
    assert_eq!(sealer.poll(now(1)), None, "one signature at a time");
    assert_eq!(sealer.next_wake(), None);
    sealer.signed(now(2), job.id, &Bytes::new());
    assert_eq!(sealer.next_wake(), Some(6_000_000));
    assert_eq!(sealer.poll(now(5)), None);
    let batches = finish(&mut sealer, 6, 8);
    assert_eq!(
        batches[0].1.packets.len(),
        2,
        "one signature covers all that waited"
    );
    assert_eq!(batches[0].1.statement.batch_seq, 2);
}

#[test]
fn a_busy_sender_signs_less_often() {
    let check = |n_packets: usize, wake_ms: u64| {
        let mut sealer = sealer();
        for _ in 0..n_packets {
            push(&mut sealer, "b", Lane::Command, 300);
        }
        finish(&mut sealer, 0, 2);
        push(&mut sealer, "b", Lane::Command, 300);
        assert_eq!(sealer.next_wake(), Some(wake_ms * 1_000_000), "{n_packets}");
    };
    check(BUSY_PACKETS - 1, 3 * 2);
    check(BUSY_PACKETS, 8 * 2);
}

#[test]
fn a_signature_that_was_held_up_does_not_slow_down_the_next_ones() {
    let mut sealer = sealer();
    push(&mut sealer, "b", Lane::Command, 1);
    finish(&mut sealer, 0, 2);
    push(&mut sealer, "b", Lane::Command, 1);
    finish(&mut sealer, 10, 1_010);
    push(&mut sealer, "b", Lane::Command, 1);
    assert_eq!(sealer.next_wake(), Some((10 + 3 * 4) * 1_000_000));
}

#[test]
fn destinations_and_lanes_get_subtrees_of_their_own() {
    let mut sealer = sealer();
    for (to, lane) in [
        ("b", Lane::Command),
        ("c", Lane::Command),
        ("b", Lane::Bulk),
    ] {
        push(&mut sealer, to, lane, 10);
        push(&mut sealer, to, lane, 10);
    }
    let batches = finish(&mut sealer, 0, 2);
    let seen: Vec<_> = batches
        .iter()
        .map(|(to, batch)| (to.as_str(), batch.lane, batch.packets.len()))
        .collect();
    let expected = [
        ("b", Lane::Command, 2),
        ("c", Lane::Command, 2),
        ("b", Lane::Bulk, 2),
    ];
    assert_eq!(seen, expected);
    assert!(
        batches
            .iter()
            .all(|(_, batch)| batch.statement.n_subtrees == 3)
    );
}

#[test]
fn frames_aim_at_their_size_and_a_large_packet_goes_alone() {
    let check = |sizes: &[usize], expected: &[usize]| {
        let mut sealer = sealer();
        for size in sizes {
            push(&mut sealer, "b", Lane::Bulk, *size);
        }
        let batches = finish(&mut sealer, 0, 2);
        let n_packets: Vec<_> = batches.iter().map(|(_, b)| b.packets.len()).collect();
        assert_eq!(n_packets, expected, "{sizes:?}");
    };
    check(&[FRAME_BYTES_AIM, 1], &[1, 1]);
    check(&[20_000, 12_000, 1_000, 1_000], &[2, 2]);
    check(&[10, PACKET_BYTES_MAX, 10], &[1, 1, 1]);
    check(&[1; BATCH_PACKETS_MAX + 1], &[BATCH_PACKETS_MAX, 1]);
}

#[test]
fn what_is_too_large_and_what_is_too_much_is_not_taken() {
    let mut sealer = sealer();
    let large = vec![0; PACKET_BYTES_MAX + 1];
    let got = large.len();
    let result = sealer.push(&node("b"), Lane::Bulk, &large);
    assert_eq!(result, Err(SealFull::Packet { got }));
    let packet = vec![0; PACKET_BYTES_MAX];
    let full = loop {
        match sealer.push(&node("b"), Lane::Bulk, &packet) {
            Ok(()) => assert!(sealer.queued_bytes() <= SEAL_QUEUE_BYTES_MAX),
            Err(full) => break full,
        }
    };
    assert_eq!(
        full,
        SealFull::Queue {
            queued: SEAL_QUEUE_BYTES_MAX
        }
    );
    finish(&mut sealer, 0, 2);
    assert_eq!(sealer.queued_bytes(), 0);
    assert!(sealer.push(&node("b"), Lane::Bulk, &packet).is_ok());
}

#[test]
fn more_subtrees_than_one_signature_covers_wait_for_the_next() {
    let mut sealer = sealer();
    let name = |i: usize| format!("n{i}");
    for i in 0..BATCH_SUBTREES_MAX + 2 {
        push(&mut sealer, &name(i), Lane::Command, 1);
    }
    assert_eq!(finish(&mut sealer, 0, 2).len(), BATCH_SUBTREES_MAX);
    push(&mut sealer, &name(BATCH_SUBTREES_MAX), Lane::Command, 1);
    let rest = finish(&mut sealer, 16, 18);
    let n_packets: Vec<_> = rest.iter().map(|(_, b)| b.packets.len()).collect();
    assert_eq!(
        n_packets,
        [2, 1],
        "a packet pushed later joins the subtree that waited"
    );
}

#[test]
fn a_signature_of_another_job_changes_nothing() {
    let mut sealer = sealer();
    push(&mut sealer, "b", Lane::Command, 1);
    let job = sealer.poll(now(0)).unwrap();
    assert!(sealer.signed(now(1), job.id + 1, &Bytes::new()).is_empty());
    assert_eq!(sealer.signed(now(2), job.id, &Bytes::new()).len(), 1);
    assert!(sealer.signed(now(3), job.id, &Bytes::new()).is_empty());
}
