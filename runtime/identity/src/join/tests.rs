use skep_packet::{KeyId, encode};

use super::*;
use crate::{
    Identity, Invites,
    testkit::{NOW_MS, key, world},
};

fn invitation(id: u64) -> Invite {
    let world = world();
    Invite {
        id: InviteId(id),
        secret: [7; 32],
        authority: world.authority.key().id(),
        swarm: world.authority.swarm(),
        address: "127.0.0.1:7400".to_owned(),
        expires_ms: NOW_MS + 1_000,
    }
}

fn ask(invite: &Invite, key: &PrivateKey, node: &str) -> JoinRequest {
    let node = NodeId::new(node).unwrap();
    let addresses = vec!["192.0.2.7:7400".parse().unwrap()];
    JoinRequest::new(invite, key, node, addresses).unwrap()
}

#[test]
fn a_host_with_an_invitation_becomes_a_node() {
    let world = world();
    let (invite, key) = (invitation(1), key());
    let mut invites = Invites::default();
    invites.add(invite.clone(), NOW_MS).unwrap();

    let request = JoinRequest::from_bytes(&encode(&ask(&invite, &key, "c"))).unwrap();
    invites.redeem(&request, NOW_MS).unwrap();
    let peers = vec![PeerHint {
        node: world.a.node.clone(),
        addresses: vec!["127.0.0.1:7400".parse().unwrap()],
    }];
    let answer = encode(
        &world
            .authority
            .enrol(&request, peers.clone(), NOW_MS)
            .unwrap()
            .0,
    );
    assert!(answer.len() <= JOIN_REPLY_BYTES_MAX);

    let (authority, admission) = Admission::open(&answer, &invite, key.public(), NOW_MS).unwrap();
    assert_eq!(admission.peers, peers);
    let identity = Identity::joined(key, authority, &admission).unwrap();
    assert_eq!(identity.node.as_str(), "c");
    let admitted = world
        .keyring()
        .admit(&identity.credentials.passport, NOW_MS);
    assert!(admitted.is_ok());
}

#[test]
fn an_invitation_is_good_once_for_one_key_and_not_for_ever() {
    let mut invites = Invites::default();
    let invite = invitation(1);
    invites.add(invite.clone(), NOW_MS).unwrap();
    assert_eq!(
        invites.add(invite.clone(), NOW_MS),
        Err(JoinRefusal::Malformed)
    );
    let (first, second) = (key(), key());
    let request = ask(&invite, &first, "c");
    assert_eq!(invites.redeem(&request, NOW_MS), Ok(()));
    assert_eq!(
        invites.redeem(&request, NOW_MS),
        Ok(()),
        "its answer may have been lost"
    );
    let other = ask(&invite, &second, "d");
    assert_eq!(invites.redeem(&other, NOW_MS), Err(JoinRefusal::UsedInvite));
    let late = invites.redeem(&request, NOW_MS + 1_001);
    assert_eq!(late, Err(JoinRefusal::ExpiredInvite));
    let unknown = ask(&invitation(2), &first, "c");
    assert_eq!(
        invites.redeem(&unknown, NOW_MS),
        Err(JoinRefusal::UnknownInvite)
    );
}

#[test]
fn a_request_proves_that_it_knows_the_secret_and_holds_its_key() {
    let (invite, key) = (invitation(1), key());
    let check = |spoil: &dyn Fn(&mut JoinRequest), expected| {
        let mut request = ask(&invite, &key, "c");
        spoil(&mut request);
        assert_eq!(request.check(&invite), Err(expected));
    };
    check(
        &|r| r.node = NodeId::new("d").unwrap(),
        JoinRefusal::BadProof,
    );
    check(&|r| r.addresses.clear(), JoinRefusal::BadProof);
    check(&|r| r.invite = InviteId(2), JoinRefusal::BadProof);
    check(&|r| r.mac = Bytes::new(), JoinRefusal::BadProof);
    let other = world().stranger.public().clone();
    check(&|r| r.public_key = other.clone(), JoinRefusal::BadProof);
    check(&|r| r.possession = Bytes::new(), JoinRefusal::BadPossession);
    let mut guess = invite.clone();
    guess.secret = [8; 32];
    let guessed = ask(&guess, &key, "c");
    assert_eq!(guessed.check(&invite), Err(JoinRefusal::BadProof));
    assert_eq!(
        JoinRequest::from_bytes(b"hello"),
        Err(JoinRefusal::Malformed)
    );
    assert_eq!(
        JoinRequest::from_bytes(&[0; 20_000]),
        Err(JoinRefusal::Malformed)
    );
}

#[test]
fn an_answer_of_somebody_else_is_not_believed() {
    let world = world();
    let (invite, key) = (invitation(1), key());
    let request = ask(&invite, &key, "c");
    let check = |bytes: &[u8], invite: &Invite, key: &PublicKey, expected| match Admission::open(
        bytes, invite, key, NOW_MS,
    ) {
        Err(JoinError::Answer(refusal)) => assert_eq!(refusal, expected),
        other => panic!("{other:?}"),
    };
    let ours = encode(
        &world
            .authority
            .enrol(&request, Vec::new(), NOW_MS)
            .unwrap()
            .0,
    );
    let impostor = Authority::mint(invite.swarm, world.stranger.clone(), NOW_MS).unwrap();
    let theirs = encode(&impostor.enrol(&request, Vec::new(), NOW_MS).unwrap().0);
    check(&theirs, &invite, key.public(), Refusal::UnknownSigner);
    check(
        &ours,
        &invite,
        world.stranger.public(),
        Refusal::WrongRecipient,
    );
    check(&ours, &invitation(2), key.public(), Refusal::WrongRecipient);
    check(&ours[..90], &invite, key.public(), Refusal::Truncated);
    let mut pin = invite.clone();
    pin.authority = KeyId([0; 32]);
    check(&ours, &pin, key.public(), Refusal::UnknownSigner);

    let no = encode(&JoinAnswer::Refused(JoinRefusal::NameTaken));
    let result = Admission::open(&no, &invite, key.public(), NOW_MS);
    assert!(matches!(
        result,
        Err(JoinError::Refused(JoinRefusal::NameTaken))
    ));
}
