use bytes::Bytes;
use skep_packet::{Address, Hash, KeyId, encode, limits::SKEW_MAX_MS};
use uuid::Uuid;

use super::*;
use crate::{
    PrivateKey, Who,
    testkit::{BOOT_B, NOW_MS, World, world},
};

fn opener(world: &World) -> Opener {
    Opener::new(world.b.swarm(), world.b.node.clone(), BOOT_B)
}

/// A batch of five packets, on its way from `a` to `b`.
fn batch(world: &World) -> Batch {
    let packets: Vec<_> = (1..=5).map(|seq| encode(&world.packet(seq))).collect();
    world.seal(Lane::Command, &packets).remove(0)
}

fn open(world: &World, batch: &Batch) -> Result<Vec<Result<u64, Refusal>>, Refusal> {
    open_at(world, batch, NOW_MS)
}

fn open_at(
    world: &World,
    batch: &Batch,
    now_ms: u64,
) -> Result<Vec<Result<u64, Refusal>>, Refusal> {
    let opened = opener(world).open(batch, &world.keyring(), now_ms)?;
    Ok(outcomes(opened))
}

fn outcomes(opened: Opened) -> Vec<Result<u64, Refusal>> {
    let outcome = |packet: Result<WirePacket, Refused>| match packet {
        Ok(wire) => Ok(wire.seal.seq),
        Err(refused) => Err(refused.reason),
    };
    opened.packets.into_iter().map(outcome).collect()
}

#[test]
fn what_was_sealed_is_believed_once() {
    let world = world();
    let batch = batch(world);
    let mut opener = opener(world);
    let keyring = world.keyring();
    let opened = opener.open(&batch, &keyring, NOW_MS).unwrap();
    assert_eq!(opened.signer.passport.node(), Some(&world.a.node));
    assert_eq!(outcomes(opened), [Ok(1), Ok(2), Ok(3), Ok(4), Ok(5)]);
    let again = outcomes(opener.open(&batch, &keyring, NOW_MS).unwrap());
    assert_eq!(again, [Err(Refusal::Replayed); 5]);
}

#[test]
fn many_subtrees_under_one_signature_open_each() {
    let world = world();
    let packets: Vec<_> = (1..=300).map(|seq| encode(&world.packet(seq))).collect();
    let batches = world.seal(Lane::Command, &packets);
    assert!(batches.len() > 1);
    let mut opener = opener(world);
    let keyring = world.keyring();
    let mut seqs = Vec::new();
    for batch in &batches {
        seqs.extend(outcomes(opener.open(batch, &keyring, NOW_MS).unwrap()));
    }
    let expected: Vec<_> = (1..=300).map(Ok).collect();
    assert_eq!(seqs, expected);
    assert_eq!(opener.roots.len(), 1, "one signature check for all of them");
}

/// Breaks a good batch in one way and expects the whole of it to be refused for that.
#[track_caller]
fn check_batch(spoil: impl FnOnce(&mut Batch), expected: Refusal) {
    let world = world();
    let mut batch = batch(world);
    spoil(&mut batch);
    assert_eq!(open(world, &batch), Err(expected));
}

fn flip(bytes: &Bytes, at: usize) -> Bytes {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    Bytes::from(bytes)
}

#[test]
fn a_tampered_packet_does_not_lead_to_the_root() {
    let n_bytes = batch(world()).packets.iter().nth(2).unwrap().len();
    for at in 0..n_bytes {
        check_packets(|p| p[2] = flip(&p[2], at), Refusal::BadProof);
    }
}

/// Breaks the packets of a good batch.
#[track_caller]
fn check_packets(spoil: impl FnOnce(&mut Vec<Bytes>), expected: Refusal) {
    let spoil_all = |batch: &mut Batch| {
        let packets = batch.packets.iter().map(Bytes::copy_from_slice);
        let mut packets: Vec<Bytes> = packets.collect();
        spoil(&mut packets);
        batch.packets = packets.into_iter().collect();
    };
    check_batch(spoil_all, expected);
}

#[test]
fn packets_cannot_be_left_out_doubled_added_or_reordered() {
    check_packets(|p| drop(p.pop()), Refusal::BadProof);
    check_packets(|p| p.push(p[4].clone()), Refusal::BadProof);
    check_packets(|p| p.swap(0, 1), Refusal::BadProof);
    check_packets(Vec::clear, Refusal::Malformed);
    let joined = |p: &mut Vec<Bytes>| *p = vec![Bytes::from(p.concat())];
    check_packets(joined, Refusal::BadProof);
    let many = |p: &mut Vec<Bytes>| *p = vec![p[0].clone(); BATCH_PACKETS_MAX + 1];
    check_packets(many, Refusal::Oversized);
    let large = |p: &mut Vec<Bytes>| p[0] = Bytes::from(vec![0; PACKET_BYTES_MAX + 1]);
    check_packets(large, Refusal::Oversized);
}

#[test]
fn a_tampered_path_place_or_lane_does_not_lead_to_the_root() {
    check_batch(|b| b.path.push(Hash([0; 32])), Refusal::BadProof);
    check_batch(|b| b.subtree = 1, Refusal::BadProof);
    check_batch(|b| b.subtree = u32::MAX, Refusal::BadProof);
    check_batch(|b| b.lane = Lane::Bulk, Refusal::BadProof);
    let world = world();
    let packets: Vec<_> = (1..=300).map(|seq| encode(&world.packet(seq))).collect();
    let mut batch = world.seal(Lane::Command, &packets).remove(1);
    batch.path[0].0[0] ^= 1;
    assert_eq!(open(world, &batch), Err(Refusal::BadProof));
}

#[test]
fn a_tampered_statement_has_no_good_signature() {
    check_batch(|b| b.statement.root.0[0] ^= 1, Refusal::BadSignature);
    check_batch(|b| b.statement.n_subtrees += 1, Refusal::BadSignature);
    check_batch(|b| b.statement.batch_seq += 1, Refusal::BadSignature);
    check_batch(|b| b.statement.issued_at_ms += 1, Refusal::BadSignature);
    check_batch(|b| b.statement.boot = BOOT_B, Refusal::BadSignature);
    check_batch(
        |b| b.signature = flip(&b.signature, 9),
        Refusal::BadSignature,
    );
    check_batch(|b| b.signature = Bytes::new(), Refusal::BadSignature);
    check_batch(|b| b.statement.n_subtrees = u32::MAX, Refusal::Oversized);
    check_batch(|b| b.statement.version = 2, Refusal::WrongVersion);
    let other = SwarmId(Uuid::from_u128(6));
    check_batch(|b| b.statement.swarm = other, Refusal::WrongSwarm);
    // Signed by a, shown as b's.
    let b_key = world().b.key.id();
    check_batch(|b| b.statement.signer = b_key, Refusal::BadSignature);
    check_batch(
        |b| b.statement.signer = KeyId([3; 32]),
        Refusal::UnknownSigner,
    );
}

#[test]
fn a_signature_made_for_another_purpose_is_refused() {
    let world = world();
    let sign = |purpose| {
        world
            .a
            .key
            .sign(purpose, &encode(&batch(world).statement))
            .unwrap()
    };
    for purpose in Purpose::ALL.into_iter().filter(|p| *p != Purpose::Batch) {
        let signature = sign(purpose);
        check_batch(|b| b.signature = signature, Refusal::BadSignature);
    }
}

#[test]
fn signers_that_do_not_count_are_refused() {
    let world = world();
    let batch = batch(world);
    let mut keyring = world.keyring();
    let late = world.a.passport.not_after_ms + SKEW_MAX_MS + 1;
    let expired = opener(world).open(&batch, &keyring, late).err();
    assert_eq!(expired, Some(Refusal::ExpiredSigner));
    let early = world.a.passport.not_before_ms - SKEW_MAX_MS - 1;
    let not_yet = opener(world).open(&batch, &keyring, early).err();
    assert_eq!(not_yet, Some(Refusal::ExpiredSigner));
    let revocation = world
        .authority
        .revoke(world.a.key.id(), &Who::Node(world.a.node.clone()), NOW_MS)
        .unwrap();
    assert!(keyring.revoke(&revocation, NOW_MS).unwrap().is_some());
    let revoked = opener(world).open(&batch, &keyring, NOW_MS).err();
    assert_eq!(revoked, Some(Refusal::RevokedSigner));
    let empty = world.b.keyring();
    let unknown = opener(world).open(&batch, &empty, NOW_MS).err();
    assert_eq!(unknown, Some(Refusal::UnknownSigner));
}

/// Changes a packet before it is sealed and expects it alone to be refused for that.
#[track_caller]
fn check_packet(change: impl FnOnce(&mut WirePacket), expected: Refusal) {
    let world = world();
    let mut wire = world.packet(2);
    change(&mut wire);
    check_leaf(&encode(&wire), expected);
}

#[track_caller]
fn check_leaf(bytes: &Bytes, expected: Refusal) {
    let world = world();
    let good = |seq| encode(&world.packet(seq));
    let batch = world
        .seal(Lane::Command, &[good(1), bytes.clone(), good(3)])
        .remove(0);
    assert_eq!(open(world, &batch), Ok(vec![Ok(1), Err(expected), Ok(3)]));
}

#[test]
fn a_packet_is_good_for_one_swarm_sender_receiver_boot_and_time() {
    let address = |text: &str| text.parse::<Address>().unwrap();
    let other = SwarmId(Uuid::from_u128(6));
    check_packet(|w| w.packet.swarm = other, Refusal::WrongSwarm);
    check_packet(
        |w| w.packet.from = address("watcher@c"),
        Refusal::WrongSigner,
    );
    check_packet(
        |w| w.packet.from = address("watcher@b"),
        Refusal::WrongSigner,
    );
    check_packet(
        |w| w.packet.target = address("oracle@c"),
        Refusal::WrongRecipient,
    );
    check_packet(|w| w.seal.to_boot = BootId(Uuid::nil()), Refusal::StaleBoot);
    check_packet(|w| w.packet.lane = Lane::Bulk, Refusal::Malformed);
    check_packet(|w| w.seal.seq = 0, Refusal::Malformed);
    check_packet(|w| w.seal.seq = 1, Refusal::Replayed);
    let old = NOW_MS - 60_000 - SKEW_MAX_MS - 1;
    check_packet(|w| w.packet.issued_at_ms = old, Refusal::Expired);
    let ahead = NOW_MS + SKEW_MAX_MS + 1;
    check_packet(|w| w.packet.issued_at_ms = ahead, Refusal::Future);
}

#[test]
fn packets_that_do_not_decode_are_refused_one_by_one() {
    let good = encode(&world().packet(2));
    check_leaf(&good.slice(..good.len() - 1), Refusal::Truncated);
    check_leaf(&Bytes::from([&good[..], &[0]].concat()), Refusal::Malformed);
    check_leaf(&Bytes::from(vec![0x91; 200]), Refusal::Malformed);
    check_leaf(&Bytes::from_static(&[0xc1]), Refusal::Malformed);
    check_leaf(&Bytes::new(), Refusal::Truncated);
}

#[test]
fn a_packet_older_than_the_window_is_sealed_again() {
    let world = world();
    let far = skep_packet::limits::REPLAY_WINDOW_BITS + 5;
    let packets = [far, 5, 6].map(|seq| encode(&world.packet(seq)));
    let batch = world.seal(Lane::Command, &packets).remove(0);
    assert_eq!(
        open(world, &batch),
        Ok(vec![Ok(far), Err(Refusal::Reseal), Ok(6)])
    );
}

#[test]
fn a_refused_packet_may_come_again_under_its_number() {
    let world = world();
    let mut early = world.packet(1);
    early.packet.issued_at_ms = NOW_MS + SKEW_MAX_MS + 500;
    let batch = world.seal(Lane::Command, &[encode(&early)]).remove(0);
    let mut opener = opener(world);
    let keyring = world.keyring();
    let first = outcomes(opener.open(&batch, &keyring, NOW_MS).unwrap());
    assert_eq!(first, [Err(Refusal::Future)]);
    let later = outcomes(opener.open(&batch, &keyring, NOW_MS + 1_000).unwrap());
    assert_eq!(later, [Ok(1)]);
}

#[test]
fn a_strangers_batch_is_refused_whatever_it_says() {
    let world = world();
    let mut batch = batch(world);
    let stranger: &PrivateKey = &world.stranger;
    batch.signature = stranger
        .sign(Purpose::Batch, &encode(&batch.statement))
        .unwrap();
    assert_eq!(open(world, &batch), Err(Refusal::BadSignature));
    batch.statement.signer = stranger.id();
    batch.signature = stranger
        .sign(Purpose::Batch, &encode(&batch.statement))
        .unwrap();
    assert_eq!(open(world, &batch), Err(Refusal::UnknownSigner));
}

#[test]
fn remembered_signatures_are_bounded() {
    let world = world();
    let batch = batch(world);
    let keyring = world.keyring();
    let mut opener = opener(world);
    opener.open(&batch, &keyring, NOW_MS).unwrap();
    for seq in 0..u64::try_from(ROOTS_MAX).unwrap() {
        let statement = BatchStatement {
            batch_seq: 1_000 + seq,
            ..batch.statement
        };
        opener.remember(statement);
    }
    assert_eq!(opener.roots.len(), ROOTS_MAX);
    assert!(!opener.roots.contains(&batch.statement));
}
