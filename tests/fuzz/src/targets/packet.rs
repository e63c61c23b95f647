//! Packets, frames and descriptors: MessagePack from other nodes.

use std::{collections::BTreeMap, fmt::Debug};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use skep_packet::{
    AgentCard, AgentHealth, BootId, Class, Descriptor, Frame, HandlerName, Hash, Hello, KeyId,
    Kind, Lane, LaneAck, MemberState, NodeId, NodeVersion, OutboxMark, Packet, PacketId, Refusal,
    Refused, Rumor, Scope, SealHeader, ServedRole, Settled, Signed, SwarmId, Swim, Token,
    WirePacket, decode, encode,
    limits::{FRAME_BYTES_MAX, PACKET_BYTES_MAX},
};
use uuid::Uuid;

use crate::{
    Outcome, Plant, Target,
    target::{shape_of, words_of},
};

pub(super) const PACKET: Target = Target {
    name: "packet",
    room: "runtime/packet",
    bytes_max: 4096,
    words: &["worker@n1", "@", "hive.alert", "cmd_do"],
    plant: || planted(packets()),
    run: packet,
};

pub(super) const FRAME: Target = Target {
    name: "frame",
    room: "runtime/packet",
    bytes_max: 4096,
    words: &[
        "Hello",
        "Swim",
        "Ping",
        "Ack",
        "PingReq",
        "Versions",
        "Want",
        "Descriptors",
        "Revocations",
        "Successions",
        "Renew",
        "Renewed",
        "Batch",
        "Relay",
        "Settled",
        "Refused",
        "Goodbye",
        "oversized",
    ],
    plant: || planted(frames()),
    run: |bytes| round_trip::<Frame>(bytes, FRAME_BYTES_MAX),
};

pub(super) const DESCRIPTOR: Target = Target {
    name: "descriptor",
    room: "runtime/packet",
    bytes_max: 4096,
    words: &["healthy", "crash_loop", "node", "swarm", "V4", "V6"],
    plant: || planted(vec![("two-agents", descriptor())]),
    run: |bytes| round_trip::<Descriptor>(bytes, PACKET_BYTES_MAX),
};

fn packet(bytes: &[u8]) -> Outcome {
    let outcome = round_trip::<WirePacket>(bytes, PACKET_BYTES_MAX);
    if let Ok(wire) = decode::<WirePacket>(bytes, PACKET_BYTES_MAX) {
        // Times are added and compared: none may overflow.
        for unix_ms in [0, 1, u64::MAX] {
            let is_dead = wire.packet.expired(unix_ms) && wire.packet.from_the_future(unix_ms);
            assert!(
                !is_dead,
                "a packet is both too old and too new at {unix_ms}"
            );
        }
    }
    outcome
}

/// What was decoded is encoded to bytes that decode to the same.
pub(super) fn round_trip<T>(bytes: &[u8], max: usize) -> Outcome
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    match decode::<T>(bytes, max) {
        Ok(value) => {
            let again = decode::<T>(&encode(&value), usize::MAX);
            assert_eq!(again.ok().as_ref(), Some(&value), "it does not come back");
            shape_of(&value)
        }
        Err(error) => words_of(&error),
    }
}

fn planted<T: Serialize>(values: Vec<(&str, T)>) -> Vec<Plant> {
    let plant = |(name, value): (&str, T)| (name.to_owned(), encode(&value).to_vec());
    values.into_iter().map(plant).collect()
}

fn node(name: &str) -> NodeId {
    NodeId::new(name).expect("a node's name")
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// A packet as agents send it; `from` and `to` are `agent@node`.
pub(super) fn plain(from: &str, to: &str) -> Packet {
    Packet {
        id: PacketId(id(7)),
        kind: Kind::Command,
        swarm: SwarmId(id(5)),
        from: from.parse().expect("an address"),
        role: None,
        target: to.parse().expect("an address"),
        handler: HandlerName::new("cmd_do").expect("a handler's name"),
        token: None,
        reply_to: None,
        class: Class::BestEffort,
        lane: Lane::Command,
        issued_at_ms: 1_800_000_000_000,
        ttl_ms: 60_000,
        proof: None,
        content: Bytes::from_static(b"{}"),
    }
}

fn packets() -> Vec<(&'static str, WirePacket)> {
    let seal = SealHeader {
        to_boot: BootId(id(11)),
        seq: 1,
        outbox: None,
    };
    let packet = plain("boss@n0", "worker@n1");
    let bare = WirePacket {
        seal,
        packet: packet.clone(),
    };
    let full = WirePacket {
        seal: SealHeader {
            outbox: Some(OutboxMark {
                epoch: u64::MAX,
                seq: 300,
                lowest: 2,
            }),
            ..seal
        },
        packet: Packet {
            kind: Kind::Reply,
            role: "hive.alert".parse().ok(),
            token: Token::new("t-1").ok(),
            reply_to: "router@n2".parse().ok(),
            class: Class::Durable,
            lane: Lane::Bulk,
            proof: Some(Bytes::from_static(b"\x92proof")),
            content: Bytes::from(vec![0; 300]),
            ..packet
        },
    };
    vec![("bare", bare), ("full", full)]
}

fn signed(body: &'static [u8]) -> Signed {
    Signed {
        signer: KeyId([3; 32]),
        body: Bytes::from_static(body),
        signature: Bytes::from(vec![9; 64]),
    }
}

fn frames() -> Vec<(&'static str, Frame)> {
    let boot = BootId(id(11));
    let ack = LaneAck {
        lane: Lane::Command,
        boot,
        runs: vec![(1, 5), (9, 1)],
    };
    let settled = Settled {
        epoch: 1,
        seqs: vec![1, 2, 70_000],
    };
    let papers = vec![(signed(b"descriptor"), signed(b"passport"))];
    let mut frames = swim();
    frames.extend([
        ("hello", hello(boot)),
        ("want", Frame::Want(vec![node("n1"), node("n2")])),
        ("descriptors", Frame::Descriptors(papers)),
        (
            "revocations",
            Frame::Revocations(vec![signed(b"revocation")]),
        ),
        (
            "successions",
            Frame::Successions(vec![signed(b"succession")]),
        ),
        ("batch", Frame::Batch(batch())),
        (
            "relay",
            Frame::Relay {
                to: node("n2"),
                batch: Box::new(batch()),
            },
        ),
        ("ack", Frame::Ack(ack)),
        ("settled", Frame::Settled(settled)),
        ("refused", refused(boot)),
        ("goodbye", Frame::Goodbye),
    ]);
    frames
}

fn hello(boot: BootId) -> Frame {
    Frame::Hello(Hello {
        version: 1,
        swarm: SwarmId(id(5)),
        node: node("n1"),
        boot,
        passport: signed(b"passport"),
        listen: vec![
            ([10, 0, 0, 1], 7400).into(),
            ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 7400).into(),
        ],
        successions: vec![signed(b"succession")],
    })
}

fn swim() -> Vec<(&'static str, Frame)> {
    let rumors = vec![Rumor {
        node: node("n2"),
        incarnation: 1_700_000_000_000,
        state: MemberState::Suspect,
        version: 4,
    }];
    let ping = Swim::Ping {
        probe: 9,
        rumors: rumors.clone(),
    };
    let ack = Swim::Ack {
        probe: 9,
        about: node("n1"),
        rumors: rumors.clone(),
    };
    let ping_req = Swim::PingReq {
        probe: 9,
        target: node("n2"),
        rumors,
    };
    let versions = vec![NodeVersion {
        node: node("n2"),
        version: 3,
        incarnation: 2,
        state: MemberState::Alive,
    }];
    let versions = Frame::Versions {
        versions,
        answer: true,
    };
    vec![
        ("ping", Frame::Swim(ping)),
        ("ping-ack", Frame::Swim(ack)),
        ("ping-req", Frame::Swim(ping_req)),
        ("versions", versions),
    ]
}

fn refused(boot: BootId) -> Frame {
    Frame::Refused {
        boot,
        sender_boot: BootId(id(12)),
        packets: vec![Refused {
            lane: Lane::Bulk,
            seq: 4,
            reason: Refusal::StaleBoot,
        }],
    }
}

fn batch() -> skep_packet::Batch {
    let packets = packets()
        .into_iter()
        .map(|(_, wire)| encode(&wire))
        .collect();
    skep_packet::Batch {
        statement: skep_packet::BatchStatement {
            version: 1,
            swarm: SwarmId(id(5)),
            signer: KeyId([3; 32]),
            boot: BootId(id(11)),
            batch_seq: 1,
            issued_at_ms: 1_800_000_000_000,
            n_subtrees: 2,
            root: Hash([1; 32]),
        },
        signature: Bytes::from(vec![9; 64]),
        subtree: 1,
        path: vec![Hash([2; 32])],
        lane: Lane::Command,
        packets,
    }
}

fn descriptor() -> Descriptor {
    let role = ServedRole {
        role: "hive.alert".parse().expect("a role"),
        handler: HandlerName::new("cmd_do").expect("a handler's name"),
        scope: Scope::Swarm,
        priority: 100,
        exclusive: true,
    };
    let card = |agent: &str, health| AgentCard {
        agent: agent.parse().expect("an agent's name"),
        kind: "alert".to_owned(),
        parent: "root".parse().ok(),
        emoji: Some("🔔".to_owned()),
        roles: vec![role.clone()],
        health,
        incarnation: 3,
    };
    Descriptor {
        swarm: SwarmId(id(5)),
        node: node("n1"),
        boot: BootId(id(11)),
        version: 12,
        addresses: vec![([10, 0, 0, 1], 7400).into()],
        hub: Some(node("n2")),
        labels: BTreeMap::from([("site".to_owned(), "north".to_owned())]),
        agents: vec![
            card("a", AgentHealth::Healthy),
            card("b", AgentHealth::CrashLoop),
        ],
        load: 5,
        directive: "n1.json".to_owned(),
        program: "0.1.0".to_owned(),
        issues: true,
    }
}
