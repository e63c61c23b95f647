use skep_packet::Level;
use uuid::Uuid;

use super::*;
use crate::{
    Authority, Identity, NodeTerms, PASSPORT_LIFE_MS, sign_object,
    testkit::{NOW_MS, key, world},
};

#[test]
fn the_newest_passport_of_a_node_counts() {
    let world = world();
    let mut keyring = world.keyring();
    let terms = NodeTerms::any(world.a.node.clone());
    let issue = |key: &crate::PrivateKey, now_ms| {
        let issued = world.authority.admit_node(&terms, key.public(), now_ms);
        issued.unwrap().passport
    };
    let renewed = issue(&world.a.key, NOW_MS + 1_000);
    let until = NOW_MS + 1_000 + PASSPORT_LIFE_MS;
    assert_eq!(
        keyring
            .admit(&renewed, NOW_MS)
            .unwrap()
            .passport
            .not_after_ms,
        until
    );
    let older = keyring
        .admit(&world.a.credentials.passport, NOW_MS)
        .unwrap();
    assert_eq!(
        older.passport.not_after_ms, until,
        "an older one does not replace it"
    );

    let second = &world.stranger;
    let moved = issue(second, NOW_MS + 2_000);
    keyring.admit(&moved, NOW_MS).unwrap();
    let key_of_a = keyring.node(&world.a.node).unwrap().passport.key_id();
    assert_eq!(key_of_a, second.id());
    let old_key = keyring.signer(world.a.key.id(), NOW_MS).err();
    assert_eq!(old_key, Some(Refusal::UnknownSigner), "a node has one key");
    let back = keyring.admit(&renewed, NOW_MS).err();
    assert_eq!(back, Some(Refusal::ExpiredSigner));
    assert_eq!(keyring.peers().count(), 2);
}

#[test]
fn only_the_authority_of_this_swarm_is_believed() {
    let world = world();
    let mut keyring = world.b.keyring();
    let stranger = Authority::mint(world.a.swarm(), world.stranger.clone(), NOW_MS).unwrap();
    let terms = NodeTerms::any(world.a.node.clone());
    let forged = stranger
        .admit_node(&terms, world.a.key.public(), NOW_MS)
        .unwrap();
    let result = keyring.admit(&forged.passport, NOW_MS).err();
    assert_eq!(result, Some(Refusal::UnknownSigner));

    // The node signs its own passport and names the authority as signer.
    let mut own = sign_object(&world.a.key, Purpose::Passport, &world.a.passport).unwrap();
    own.signer = world.authority.key().id();
    assert_eq!(
        keyring.admit(&own, NOW_MS).err(),
        Some(Refusal::BadSignature)
    );

    let mut tampered = world.a.credentials.passport.clone();
    let mut body = tampered.body.to_vec();
    *body.last_mut().unwrap() ^= 1;
    tampered.body = body.into();
    assert_eq!(
        keyring.admit(&tampered, NOW_MS).err(),
        Some(Refusal::BadSignature)
    );

    let elsewhere = SwarmId(Uuid::from_u128(77));
    let elsewhere = Authority::mint(elsewhere, world.authority.key().clone(), NOW_MS).unwrap();
    let other = elsewhere
        .admit_node(&terms, world.a.key.public(), NOW_MS)
        .unwrap();
    assert_eq!(
        keyring.admit(&other.passport, NOW_MS).err(),
        Some(Refusal::WrongSwarm)
    );
    assert_eq!(keyring.peers().count(), 0);
}

#[test]
fn an_operators_passport_is_checked_but_is_no_nodes() {
    let world = world();
    let mut keyring = world.keyring();
    let paper = world
        .authority
        .admit_operator(
            &crate::OperatorTerms::any("ann", Level::Operator),
            world.stranger.public(),
            NOW_MS,
        )
        .unwrap();
    let passport = keyring.check(&paper, NOW_MS).unwrap();
    assert_eq!(passport.node(), None);
    assert!(!passport.may_serve(&"hive.alert".parse().unwrap()));
    assert_eq!(
        keyring.admit(&paper, NOW_MS).err(),
        Some(Refusal::Malformed)
    );
}

fn who(identity: &Identity) -> Who {
    Who::Node(identity.node.clone())
}

#[test]
fn a_revocation_names_a_node_that_was_never_seen() {
    let world = world();
    let mut keyring = world.b.keyring();
    let b = world.b.node.clone();
    let a = world.a.node.clone();
    assert!(keyring.node(&a).is_none() && !keyring.is_shut_out(&a));
    let revocation = world
        .authority
        .revoke(world.a.key.id(), &who(&world.a), NOW_MS);
    let revoked = keyring
        .revoke(&revocation.unwrap(), NOW_MS)
        .unwrap()
        .unwrap();
    assert_eq!(revoked.node, Some(a.clone()));
    assert!(keyring.is_shut_out(&a) && !keyring.is_shut_out(&b));

    // It came back with another key before its former one was taken back: it stays.
    let mut keyring = world.keyring();
    let other = KeyId([7; 32]);
    let revocation = world
        .authority
        .revoke(other, &who(&world.a), NOW_MS)
        .unwrap();
    let revoked = keyring.revoke(&revocation, NOW_MS).unwrap().unwrap();
    assert_eq!((revoked.node, keyring.is_shut_out(&a)), (None, false));

    // Or afterwards.
    let mut keyring = world.b.keyring();
    keyring.revoke(&revocation, NOW_MS).unwrap();
    assert!(keyring.is_shut_out(&a));
    keyring
        .admit(&world.a.credentials.passport, NOW_MS)
        .unwrap();
    assert!(!keyring.is_shut_out(&a));

    // A person is no node.
    let ann = Who::Operator("ann".to_owned());
    let revocation = world
        .authority
        .revoke(KeyId([8; 32]), &ann, NOW_MS)
        .unwrap();
    let revoked = keyring.revoke(&revocation, NOW_MS).unwrap().unwrap();
    assert_eq!(revoked.node, None);
}

#[test]
fn a_revoked_key_stays_revoked() {
    let world = world();
    let mut keyring = world.keyring();
    let revocation = world
        .authority
        .revoke(world.a.key.id(), &who(&world.a), NOW_MS)
        .unwrap();
    let revoked = keyring.revoke(&revocation, NOW_MS).unwrap().unwrap();
    assert_eq!(revoked.node, Some(world.a.node.clone()));
    assert!(keyring.node(&world.a.node).is_none(), "its name is free");
    let first = revoked.revocation;
    assert_eq!(
        (first.key, first.who.clone()),
        (world.a.key.id(), who(&world.a))
    );
    assert_eq!(keyring.revoke(&revocation, NOW_MS), Ok(None));
    let again = keyring.admit(&world.a.credentials.passport, NOW_MS).err();
    assert_eq!(again, Some(Refusal::RevokedSigner));
    assert_eq!(keyring.revocations(NOW_MS).count(), 1);

    // Only the authority revokes, and only with a revocation.
    let forged = sign_object(&world.a.key, Purpose::Revocation, &first).unwrap();
    assert_eq!(keyring.revoke(&forged, NOW_MS), Err(Refusal::UnknownSigner));
    let passport = &world.b.credentials.passport;
    assert_eq!(keyring.revoke(passport, NOW_MS), Err(Refusal::BadSignature));
}

#[test]
fn passports_say_which_roles_and_when_to_renew() {
    let world = world();
    let mut terms = NodeTerms::any(world.a.node.clone());
    terms.serves = vec!["hive.*".parse().unwrap()];
    let issued = world
        .authority
        .admit_node(&terms, key().public(), NOW_MS)
        .unwrap();
    let passport = world.keyring().check(&issued.passport, NOW_MS).unwrap();
    assert!(passport.may_serve(&"hive.alert".parse().unwrap()));
    assert!(!passport.may_serve(&"comm.mail".parse().unwrap()));
    let due_in_days = (passport.renewal_due_ms() - NOW_MS) / (24 * 3_600_000);
    assert_eq!(due_in_days, 19);
}

#[test]
fn expired_passports_make_room_and_a_full_ring_takes_no_more() {
    let world = world();
    let mut keyring = world.keyring();
    let peer = Arc::clone(keyring.node(&world.b.node).unwrap());
    for n in 0..PASSPORTS_MAX {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&n.to_be_bytes());
        keyring.by_key.insert(KeyId(id), Arc::clone(&peer));
    }
    let terms = NodeTerms::any("c".parse().unwrap());
    let c = |now_ms| {
        let issued = world
            .authority
            .admit_node(&terms, world.stranger.public(), now_ms);
        issued.unwrap().passport
    };
    assert_eq!(
        keyring.admit(&c(NOW_MS), NOW_MS).err(),
        Some(Refusal::UnknownSigner)
    );
    let later = NOW_MS + PASSPORT_LIFE_MS + 60_000;
    assert!(keyring.admit(&c(later), later).is_ok());
    assert_eq!(keyring.peers().count(), 1);
}
