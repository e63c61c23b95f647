use std::sync::OnceLock;

use super::*;
use crate::{
    Authority, Identity, Keyring, NodeTerms, PrivateKey, Who,
    testkit::{NOW_MS, key, world},
};

const DAY_MS: u64 = 24 * 3_600_000;
const OVER_MS: u64 = NOW_MS + DAY_MS + SKEW_MAX_MS + 1;

/// The authority of the test's world and two that follow, each for a day, the third ten days later.
struct Line {
    second: Authority,
    third: Authority,
    /// A rival of the second, named by the first too.
    rival: Authority,
}

fn line() -> &'static Line {
    static LINE: OnceLock<Line> = OnceLock::new();
    LINE.get_or_init(|| {
        let first = &world().authority;
        let second = first.hand_over(key(), DAY_MS, NOW_MS).unwrap();
        Line {
            third: second
                .hand_over(key(), DAY_MS, NOW_MS + 10 * DAY_MS)
                .unwrap(),
            rival: first.hand_over(key(), DAY_MS, NOW_MS + 5).unwrap(),
            second,
        }
    })
}

fn told(authority: &Authority) -> &Signed {
    authority.successions().last().unwrap()
}

fn lineage(authority: &Authority) -> Lineage {
    Lineage::new(authority.swarm(), authority.key().public().clone())
}

fn id(authority: &Authority) -> KeyId {
    authority.key().id()
}

fn stands(lineage: &Lineage, authority: &Authority, now_ms: u64) -> Result<(), Refusal> {
    lineage.standing(id(authority), now_ms).map(|_| ())
}

#[test]
fn both_count_until_the_overlap_ends() {
    let (first, second) = (&world().authority, &line().second);
    // Whoever was there before, and whoever comes after, learn the same of it.
    for begun in [first, second] {
        let mut lineage = lineage(begun);
        assert_eq!(lineage.follow(told(second), NOW_MS), Ok(true));
        assert_eq!(lineage.follow(told(second), NOW_MS), Ok(false));
        assert_eq!(lineage.current(), second.key().public());
        assert!(lineage.rank(id(first)) < lineage.rank(id(second)));
        for now_ms in [NOW_MS, OVER_MS - 1] {
            assert_eq!(stands(&lineage, first, now_ms), Ok(()));
            assert_eq!(stands(&lineage, second, now_ms), Ok(()));
        }
        let over = Err(Refusal::ExpiredSigner);
        assert_eq!(stands(&lineage, first, OVER_MS), over);
        assert_eq!(stands(&lineage, second, u64::MAX), Ok(()));
        assert_eq!(lineage.next_end_ms(NOW_MS), Some(OVER_MS - 1));
        assert_eq!(lineage.next_end_ms(OVER_MS), None);
    }
}

#[test]
fn a_word_of_it_is_good_in_its_time_only() {
    let check = |now_ms, expected| {
        let got = lineage(&world().authority).follow(told(&line().second), now_ms);
        assert_eq!(got, expected, "{now_ms}");
    };
    check(NOW_MS - SKEW_MAX_MS - 1, Err(Refusal::Future));
    check(NOW_MS - SKEW_MAX_MS, Ok(true));
    check(OVER_MS - 1, Ok(true));
    check(OVER_MS, Err(Refusal::Expired));
    // What was judged before and kept is remembered later too.
    let mut lineage = lineage(&world().authority);
    assert_eq!(lineage.remember(told(&line().second)), Ok(true));
    let over = Err(Refusal::ExpiredSigner);
    assert_eq!(stands(&lineage, &world().authority, OVER_MS), over);
}

#[test]
fn an_authority_is_followed_once() {
    let mut known = lineage(&world().authority);
    known.follow(told(&line().second), NOW_MS).unwrap();
    let rival = known.follow(told(&line().rival), NOW_MS + 5);
    assert_eq!(rival, Err(Refusal::SecondSuccessor));
    assert_eq!(known.current(), line().second.key().public());
    // Nor does a node of the second authority take the rival for anything.
    let mut later = lineage(&line().second);
    later.follow(told(&line().second), NOW_MS).unwrap();
    let rival = later.follow(told(&line().rival), NOW_MS + 5);
    assert_eq!(rival, Err(Refusal::SecondSuccessor));
    // Nobody knows a successor of nobody.
    let stranger = Authority::mint(world().a.swarm(), world().stranger.clone(), NOW_MS).unwrap();
    let refused = lineage(&stranger).follow(told(&line().second), NOW_MS);
    assert_eq!(refused, Err(Refusal::UnknownSigner));
}

#[test]
fn an_older_key_names_nobody_before_it() {
    let second = &line().second;
    let stranger = Authority::mint(world().a.swarm(), world().stranger.clone(), NOW_MS).unwrap();
    // As its holder could say years after: this other key counts too.
    let mut forger = stranger
        .hand_over(world().authority.key().clone(), 300 * DAY_MS, NOW_MS)
        .unwrap();
    let mut known = lineage(second);
    known.follow(told(second), NOW_MS).unwrap();
    let refused = known.follow(told(&forger), NOW_MS);
    assert_eq!(refused, Err(Refusal::UnknownSigner));
    forger = stranger
        .hand_over(second.key().clone(), DAY_MS, NOW_MS)
        .unwrap();
    let refused = known.follow(told(&forger), NOW_MS);
    assert_eq!(refused, Err(Refusal::UnknownSigner));
}

#[test]
fn a_line_is_restored_from_any_of_its_authorities() {
    let kept = line().third.successions();
    assert_eq!(kept.len(), 2);
    for begun in [&world().authority, &line().second, &line().third] {
        let public = begun.key().public().clone();
        for kept in [kept.to_vec(), kept.iter().rev().cloned().collect()] {
            let lineage = Lineage::restore(begun.swarm(), public.clone(), &kept);
            assert_eq!(lineage.current(), line().third.key().public());
            assert_eq!(lineage.successions().count(), 2);
        }
    }
    let bytes = line().third.to_bytes().unwrap();
    let back = Authority::from_bytes(&bytes).unwrap();
    assert_eq!(back.lineage().successions().count(), 2);
}

#[test]
fn a_line_is_bounded() {
    let key = PrivateKey::generate(2048).unwrap();
    let keys = [&key, &world().stranger, &world().a.key, &world().b.key];
    let mut authority = line().third.clone();
    let mut lineage = authority.lineage();
    for (n, key) in (1_u64..).zip(keys) {
        let now_ms = NOW_MS + (10 + 10 * n) * DAY_MS;
        authority = authority.hand_over(key.clone(), DAY_MS, now_ms).unwrap();
        assert_eq!(lineage.follow(told(&authority), now_ms), Ok(true));
    }
    assert_eq!(authority.successions().len(), SUCCESSIONS_MAX);
    assert_eq!(lineage.successions().count(), SUCCESSIONS_MAX);
    assert_eq!(lineage.rank(id(&world().authority)), None);
    let n_bytes = authority.to_bytes().unwrap().len();
    assert!(
        Authority::from_bytes(&authority.to_bytes().unwrap()).is_ok(),
        "{n_bytes}"
    );
}

#[test]
fn tls_is_shown_what_counts() {
    let (first, second) = (&world().authority, &line().second);
    let check = |begun: &Authority, now_ms, n_roots, n_bridges| {
        let lineage = Lineage::restore(
            begun.swarm(),
            begun.key().public().clone(),
            second.successions(),
        );
        let trust = lineage.trust(begun.certificate(), now_ms);
        let got = (trust.roots.len(), trust.bridges.len());
        assert_eq!(got, (n_roots, n_bridges));
        assert_eq!(trust.successions.len(), n_bridges);
        assert!(trust.roots.contains(second.certificate()));
        assert_eq!(trust.roots.contains(first.certificate()), n_roots == 2);
    };
    check(first, NOW_MS, 2, 1);
    check(second, NOW_MS, 2, 1);
    check(first, OVER_MS, 1, 0);
    let alone = lineage(first).trust(first.certificate(), NOW_MS);
    assert_eq!(alone, Trust::only(first.certificate()));
}

// === what a keyring makes of it ===

fn admitted(authority: &Authority, name: &str, key: &PrivateKey, now_ms: u64) -> Signed {
    let terms = NodeTerms::any(name.parse().unwrap());
    let made = authority.admit_node(&terms, key.public(), now_ms);
    made.unwrap().passport
}

#[test]
fn papers_of_both_count_and_the_older_ones_end_with_the_overlap() {
    let (a, b) = (&world().a, &world().b);
    let mut keyring = a.keyring();
    let renewed = admitted(&line().second, "b", &b.key, NOW_MS);
    assert_eq!(
        keyring.admit(&renewed, NOW_MS).err(),
        Some(Refusal::UnknownSigner)
    );
    keyring.follow(told(&line().second), NOW_MS).unwrap();
    keyring.admit(&renewed, NOW_MS).unwrap();
    keyring.admit(&a.credentials.passport, NOW_MS).unwrap();
    let ended = Err(Refusal::ExpiredSigner);
    for (identity, later) in [(a, ended), (b, Ok(()))] {
        let key = identity.key.id();
        assert!(keyring.signer(key, NOW_MS).is_ok());
        assert_eq!(keyring.signer(key, OVER_MS).map(|_| ()), later);
    }
    let late = keyring.check(&a.credentials.passport, OVER_MS).err();
    assert_eq!(late, Some(Refusal::ExpiredSigner));
}

#[test]
fn who_has_the_old_key_displaces_and_takes_back_nothing_of_the_new_ones() {
    let b = &world().b;
    let mut keyring = world().keyring();
    keyring.follow(told(&line().second), NOW_MS).unwrap();
    let renewed = admitted(&line().second, "b", &b.key, NOW_MS);
    keyring.admit(&renewed, NOW_MS).unwrap();

    // Another key under the same name, and dated later.
    let stolen = admitted(&world().authority, "b", &world().stranger, NOW_MS + 9);
    let displaced = keyring.admit(&stolen, NOW_MS).err();
    assert_eq!(displaced, Some(Refusal::ExpiredSigner));

    let who = Who::Node(b.node.clone());
    let by_old = world().authority.revoke(b.key.id(), &who, NOW_MS).unwrap();
    let by_new = line().second.revoke(b.key.id(), &who, NOW_MS).unwrap();
    let revoked = keyring.revoke(&by_old, NOW_MS).unwrap().unwrap();
    assert_eq!(revoked.node, None, "nobody is cut");
    assert!(keyring.signer(b.key.id(), NOW_MS).is_ok());
    let old_paper = keyring.check(&b.credentials.passport, NOW_MS).err();
    assert_eq!(old_paper, Some(Refusal::RevokedSigner));
    // It makes no difference which of the two came first.
    let mut other: Keyring = world().keyring();
    other.follow(told(&line().second), NOW_MS).unwrap();
    other.revoke(&by_old, NOW_MS).unwrap();
    assert!(other.signer(b.key.id(), NOW_MS).is_err());
    other.admit(&renewed, NOW_MS).unwrap();
    assert!(other.signer(b.key.id(), NOW_MS).is_ok());

    // The new one takes back what it said.
    let revoked = keyring.revoke(&by_new, NOW_MS).unwrap().unwrap();
    assert_eq!(revoked.node, Some(b.node.clone()));
    let refused = keyring.signer(b.key.id(), NOW_MS).map(|_| ());
    assert_eq!(refused, Err(Refusal::RevokedSigner));
    assert_eq!(keyring.revoke(&by_old, NOW_MS), Ok(None));
    assert_eq!(
        keyring.revoke(&by_old, OVER_MS),
        Err(Refusal::ExpiredSigner)
    );
    assert_eq!(keyring.revocations(OVER_MS).count(), 1);
}

#[test]
fn a_node_takes_papers_of_the_new_authority_and_none_of_the_old_again() {
    let a = &world().a;
    let second = &line().second;
    let terms = NodeTerms::any(a.node.clone());
    let made = |authority: &Authority, now_ms| {
        let made = authority.admit_node(&terms, a.key.public(), now_ms);
        made.unwrap()
    };
    let none = lineage(&world().authority);
    let early = a.renewed(made(second, NOW_MS + 1), &none);
    assert!(early.is_err(), "it has not heard of that authority");
    let mut heard = none;
    heard.follow(told(second), NOW_MS).unwrap();
    let renewed: Identity = a.renewed(made(second, NOW_MS + 1), &heard).unwrap();
    assert_eq!(renewed.authority, *second.key().public());
    assert_eq!(renewed.ca, *second.certificate());
    assert_eq!(
        Identity::from_bytes(&renewed.to_bytes().unwrap())
            .unwrap()
            .authority,
        renewed.authority
    );
    let back = renewed.renewed(made(&world().authority, NOW_MS + 99), &heard);
    assert!(back.is_err(), "an older authority makes none for it");
    let again = renewed.renewed(made(second, NOW_MS + 1), &heard);
    assert!(again.is_err(), "they are no newer");
}
