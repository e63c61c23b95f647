use std::sync::OnceLock;

use proptest::prelude::*;

use super::*;
use crate::{
    Authority, NodeTerms,
    testkit::{NOW_MS, key, world},
};

const DAY_MS: u64 = 24 * 3_600_000;

fn next() -> &'static Authority {
    static NEXT: OnceLock<Authority> = OnceLock::new();
    NEXT.get_or_init(|| {
        let next = world().authority.hand_over(key(), DAY_MS, NOW_MS);
        next.unwrap()
    })
}

fn good() -> Signed {
    next().successions()[0].clone()
}

fn open(signed: &Signed) -> Result<Handover, Refusal> {
    Handover::open(signed, world().a.swarm())
}

/// The statement of a good one, changed, and signed by whom a test says.
fn signed_by(
    change: impl FnOnce(&mut Succession),
    old: &PrivateKey,
    new: &PrivateKey,
) -> Result<Handover, Refusal> {
    let mut said = open(&good()).unwrap().said;
    change(&mut said);
    open(&said.sign(old, new).unwrap())
}

#[test]
fn it_names_both_keys_and_its_end() {
    let handover = open(&good()).unwrap();
    assert_eq!(handover.old, *world().authority.key().public());
    assert_eq!(handover.new, *next().key().public());
    assert_eq!(handover.said.until_ms, NOW_MS + DAY_MS);
    let n_bytes = encode(&good()).len();
    assert!(n_bytes < SUCCESSION_BYTES_MAX / 2, "{n_bytes} bytes");
}

#[test]
fn neither_key_is_in_it_without_its_holder() {
    let (old, new) = (world().authority.key(), next().key());
    let stranger = &world().stranger;
    let check = |old, new, expected| {
        assert_eq!(signed_by(|_| {}, old, new).err(), expected);
    };
    check(old, new, None);
    check(stranger, new, Some(Refusal::UnknownSigner));
    check(old, stranger, Some(Refusal::BadSignature));
    // A signature for one of the two purposes is none for the other.
    check(new, old, Some(Refusal::UnknownSigner));
}

#[test]
fn what_it_says_must_fit_together() {
    let (old, new) = (world().authority.key(), next().key());
    let check = |change: fn(&mut Succession), expected| {
        assert_eq!(signed_by(change, old, new).err(), Some(expected));
    };
    check(
        |said| said.swarm = SwarmId(uuid::Uuid::from_u128(6)),
        Refusal::WrongSwarm,
    );
    check(|said| said.until_ms = NOW_MS - 1, Refusal::Malformed);
    check(
        |said| said.until_ms = NOW_MS + OVERLAP_MAX_MS + 1,
        Refusal::Malformed,
    );
    check(
        |said| said.bridge = world().a.credentials.certificate.clone(),
        Refusal::Malformed,
    );
    check(|said| said.bridge = Bytes::new(), Refusal::Malformed);
    check(|said| said.new_ca = Bytes::new(), Refusal::Malformed);
    let same = signed_by(|said| said.new_ca = said.old_ca.clone(), old, old);
    assert_eq!(same.err(), Some(Refusal::Malformed));
    let mut long = good();
    long.body = Bytes::from(vec![0; SUCCESSION_BYTES_MAX + 1]);
    assert_eq!(open(&long).err(), Some(Refusal::Oversized));
}

#[test]
fn tls_crosses_the_bridge_until_the_overlap_ends() {
    let terms = NodeTerms::any("c".parse().unwrap());
    let node = next().admit_node(&terms, key().public(), NOW_MS).unwrap();
    let bridge = open(&good()).unwrap().said.bridge;
    let check = |root: &Authority, bridges: &[&Bytes], now_ms, expected| {
        let root = root.certificate();
        let got = crate::testkit::tls_accepts(root, &node.certificate, bridges, now_ms);
        assert_eq!(got, expected, "{now_ms}");
    };
    check(next(), &[], NOW_MS, true);
    check(next(), &[&bridge], NOW_MS, true);
    check(&world().authority, &[], NOW_MS, false);
    check(&world().authority, &[&bridge], NOW_MS, true);
    check(&world().authority, &[&bridge], NOW_MS + 2 * DAY_MS, false);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_no_succession_and_no_panic(body in prop::collection::vec(any::<u8>(), 0..600)) {
        let signed = Signed { body: body.into(), ..good() };
        prop_assert!(open(&signed).is_err());
    }

    #[test]
    fn one_changed_byte_is_enough(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut signed = good();
        let mut body = signed.body.to_vec();
        let at = at.index(body.len());
        body[at] ^= 1 << bit;
        signed.body = body.into();
        prop_assert!(open(&signed).is_err());
    }
}
