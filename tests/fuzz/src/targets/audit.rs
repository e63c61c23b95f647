//! Entries of the audit log, as `skep audit verify` reads them from a node that may lie.

use bytes::Bytes;
use skep_identity::{AUDIT_ENTRY_BYTES_MAX, AuditEntry, AuditEvent, AuditHead, Warrant};
use skep_packet::{Hash, NodeId, Token, encode};

use super::{
    identity::{NOW_MS, PAYLOAD, SERVICE, requests_of_world, world},
    packet::round_trip,
};
use crate::{Outcome, Plant, Target, target::words_of};

pub(super) const AUDIT: Target = Target {
    name: "audit",
    room: "runtime/identity",
    bytes_max: 8192,
    words: &["command", "outcome", "superseded", "reloaded", "b", "t"],
    plant,
    run,
};

/// A chain goes on with what follows only, and a command is believed only as its operator signed it.
fn run(bytes: &[u8]) -> Outcome {
    let mut head = AuditHead::default();
    let entry = match head.follow(&node(), bytes) {
        Ok(entry) => entry,
        Err(error) => {
            assert_eq!(
                head,
                AuditHead::default(),
                "a head went on without an entry"
            );
            return format!(
                "{} {}",
                words_of(&error),
                round_trip::<AuditEntry>(bytes, AUDIT_ENTRY_BYTES_MAX)
            );
        }
    };
    assert!(head.seq == 1 && entry.seq == 1, "another entry follows");
    let mut again = head;
    assert!(
        again.follow(&node(), bytes).is_err(),
        "an entry follows itself"
    );
    let shape = round_trip::<AuditEntry>(bytes, AUDIT_ENTRY_BYTES_MAX);
    match entry.operator(&world().keyring) {
        Ok(None) => format!("no command {shape}"),
        Ok(Some(_)) => {
            let AuditEvent::Command(warrant) = &entry.event else {
                unreachable!("only a command has an operator")
            };
            let is_genuine = warrant.payload == PAYLOAD && warrant.role.as_str() == SERVICE;
            assert!(is_genuine, "a command that nobody signed is believed");
            "believed".to_owned()
        }
        Err(error) => format!("{} {shape}", words_of(&error)),
    }
}

fn node() -> NodeId {
    NodeId::new("b").expect("a node's name")
}

fn plant() -> Vec<Plant> {
    let directive = Hash([7; 32]);
    let command = |proof: Bytes| {
        AuditEvent::Command(Warrant {
            role: SERVICE.parse().expect("a role"),
            token: Token::new("t").expect("a token"),
            payload: Bytes::from_static(PAYLOAD),
            proof,
        })
    };
    // The proof is the one that the world's operator signed for the target `request`.
    let genuine = requests_of_world().into_iter().next().unwrap_or_default();
    let events = [
        ("command", command(genuine)),
        ("forged", command(Bytes::from_static(b"\x92\x90\x90"))),
        (
            "outcome",
            AuditEvent::Outcome {
                of: 1,
                is_done: true,
                text: "stopped nobody; started a".to_owned(),
                directive,
            },
        ),
        ("superseded", AuditEvent::Superseded { directive }),
        (
            "reloaded",
            AuditEvent::Reloaded {
                is_done: false,
                text: "a fails again and again".to_owned(),
                directive,
            },
        ),
    ];
    let first = |event: AuditEvent| AuditHead::default().next(&node(), NOW_MS, event).0;
    let entry = |(name, event): (&str, AuditEvent)| (name.to_owned(), first(event).to_vec());
    let mut plants: Vec<Plant> = events.into_iter().map(entry).collect();
    let later = AuditEntry {
        node: node(),
        seq: 2,
        at_ms: NOW_MS,
        prev: Hash([1; 32]),
        event: AuditEvent::Superseded { directive },
    };
    plants.push(("later".to_owned(), encode(&later).to_vec()));
    plants
}
