use skep_packet::Level;

use super::*;
use crate::{
    LoginTerms, Session,
    testkit::{NOW_MS, key, world},
};

const PAYLOAD: &[u8] = b"{\"deed\":{\"restart\":\"watcher\"}}";

fn node() -> NodeId {
    NodeId::new("n1").unwrap()
}

fn warrant() -> Warrant {
    let ann = key();
    let authority = &world().authority;
    let passport = authority.admit_operator(
        &crate::OperatorTerms::any("ann", Level::Operator),
        ann.public(),
        NOW_MS,
    );
    let terms = LoginTerms {
        swarm: world().a.swarm(),
        nonce: Bytes::from_static(b"nonce"),
        router: node(),
        binding: Bytes::from_static(b"unix"),
    };
    let session = Session::open(&ann, passport.unwrap(), key(), terms, NOW_MS).unwrap();
    let token = Token::new("t1").unwrap();
    let proof = session.request("steward.n1", PAYLOAD, &token, NOW_MS);
    Warrant {
        role: RoleName::new("steward.n1").unwrap(),
        token,
        payload: Bytes::from_static(PAYLOAD),
        proof: proof.unwrap(),
    }
}

fn outcome(of: u64) -> AuditEvent {
    AuditEvent::Outcome {
        of,
        is_done: true,
        text: "restarted watcher".to_owned(),
        directive: Hash([7; 32]),
    }
}

/// A log of these events.
fn log(events: Vec<AuditEvent>) -> Vec<Bytes> {
    let mut head = AuditHead::default();
    let write = |event| {
        let (bytes, next) = head.next(&node(), NOW_MS + 1_000, event);
        head = next;
        bytes
    };
    events.into_iter().map(write).collect()
}

fn read(entries: &[Bytes]) -> Result<AuditHead, AuditError> {
    let mut head = AuditHead::default();
    for bytes in entries {
        let entry = head.follow(&node(), bytes)?;
        entry.operator(&world().keyring())?;
    }
    Ok(head)
}

#[test]
fn a_log_as_it_was_written_is_good_and_names_its_operators() {
    let entries = log(vec![AuditEvent::Command(warrant()), outcome(1)]);
    assert_eq!(read(&entries).unwrap().seq, 2);
    let mut head = AuditHead::default();
    let entry = head.follow(&node(), &entries[0]).unwrap();
    let who = entry.operator(&world().keyring()).unwrap().unwrap();
    assert_eq!((who.name.as_str(), who.level), ("ann", Level::Operator));
}

#[test]
fn what_was_changed_moved_or_left_out_is_found() {
    let good = log(vec![outcome(1), outcome(2), outcome(3)]);
    let check = |change: &dyn Fn(&mut Vec<Bytes>), expected: AuditError| {
        let mut entries = good.clone();
        change(&mut entries);
        assert_eq!(read(&entries), Err(expected));
    };
    let broken = |seq| AuditError::Broken { seq };
    check(&|log| drop(log.remove(1)), broken(2));
    check(&|log| drop(log.remove(0)), broken(1));
    check(&|log| log.swap(1, 2), broken(2));
    check(&|log| log[1] = log[0].clone(), broken(2));
    let changed = |log: &mut Vec<Bytes>| {
        let mut entry: AuditEntry = decode(&log[1], AUDIT_ENTRY_BYTES_MAX).unwrap();
        entry.at_ms += 1;
        log[1] = encode(&entry);
    };
    // The entry itself looks good; the next one tells.
    check(&changed, broken(3));
    let truncated = |log: &mut Vec<Bytes>| log[2] = log[2].slice(..10);
    check(&truncated, AuditError::Unreadable { seq: 3 });
    let mut head = AuditHead::default();
    let other = NodeId::new("n2").unwrap();
    assert_eq!(head.follow(&other, &good[0]), Err(broken(1)));
    assert_eq!(head, AuditHead::default());
}

#[test]
fn a_command_that_nobody_signed_is_found() {
    let check = |change: &dyn Fn(&mut Warrant), reason: Refusal| {
        let mut forged = warrant();
        change(&mut forged);
        let expected = AuditError::Proof { seq: 1, reason };
        assert_eq!(read(&log(vec![AuditEvent::Command(forged)])), Err(expected));
    };
    check(&|w| w.payload = Bytes::from_static(b"{}"), Refusal::Denied);
    check(&|w| w.token = Token::new("t2").unwrap(), Refusal::Denied);
    check(
        &|w| w.role = RoleName::new("steward.n2").unwrap(),
        Refusal::Denied,
    );
    check(&|w| w.proof = Bytes::new(), Refusal::Truncated);
}
