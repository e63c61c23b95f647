use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    Address, BootId, Class, Frame, HandlerName, Kind, Lane, OutboxMark, Packet, PacketId, RoleName,
    SealHeader, SwarmId, Token, WirePacket,
    limits::{FRAME_BYTES_MAX, PACKET_BYTES_MAX},
};

fn wire(content: &[u8], token: Option<&str>, mark: Option<(u64, u64, u64)>) -> WirePacket {
    WirePacket {
        seal: SealHeader {
            to_boot: BootId(Uuid::from_u128(7)),
            seq: 9,
            outbox: mark.map(|(epoch, seq, lowest)| OutboxMark { epoch, seq, lowest }),
        },
        packet: Packet {
            id: PacketId(Uuid::from_u128(1)),
            kind: Kind::Alert,
            swarm: SwarmId(Uuid::from_u128(2)),
            from: "log_watcher@n1".parse::<Address>().unwrap(),
            role: Some(RoleName::new("hive.alert").unwrap()),
            target: "alert@n2".parse::<Address>().unwrap(),
            handler: HandlerName::new("cmd_send_alert_msg").unwrap(),
            token: token.map(|token| Token::new(token).unwrap()),
            reply_to: None,
            class: Class::Durable,
            lane: Lane::Command,
            issued_at_ms: 5,
            ttl_ms: 6,
            proof: None,
            content: Bytes::copy_from_slice(content),
        },
    }
}

#[test]
fn a_packet_costs_little_beside_its_content() {
    let bytes = encode(&wire(&[7; 300], None, None));
    assert!(bytes.len() < 300 + 200, "{} bytes", bytes.len());
}

#[test]
fn what_is_cut_short_is_truncated() {
    let bytes = encode(&wire(b"hello", Some("t"), None));
    for end in 0..bytes.len() {
        let error = decode::<WirePacket>(&bytes[..end], PACKET_BYTES_MAX).unwrap_err();
        assert_eq!(error.refusal(), Refusal::Truncated, "cut at {end}: {error}");
    }
}

#[test]
fn what_stands_behind_is_refused() {
    for behind in 0..=u8::MAX {
        let mut bytes = encode(&wire(b"hello", None, None)).to_vec();
        bytes.push(behind);
        let error = decode::<WirePacket>(&bytes, PACKET_BYTES_MAX).unwrap_err();
        assert!(
            matches!(error, CodecError::Trailing),
            "{behind:#x}: {error}"
        );
    }
}

#[test]
fn what_is_too_large_is_not_decoded() {
    let error = decode::<WirePacket>(&[0; 20], 19).unwrap_err();
    assert!(matches!(error, CodecError::Oversized { got: 20, max: 19 }));
}

#[test]
fn a_huge_announced_length_costs_no_memory() {
    // A MessagePack array of 2^32-1 elements, then nothing.
    let error = decode::<Vec<u64>>(&[0xdd, 0xff, 0xff, 0xff, 0xff], PACKET_BYTES_MAX).unwrap_err();
    assert_eq!(error.refusal(), Refusal::Truncated, "{error}");
}

#[test]
fn deep_contents_are_refused() {
    let deep = |n: usize| [vec![b'['; n], vec![b']'; n]].concat();
    assert!(decode_content::<serde_json::Value>(&deep(DECODE_DEPTH_MAX)).is_ok());
    assert!(decode_content::<serde_json::Value>(&deep(DECODE_DEPTH_MAX + 1)).is_err());
    assert!(
        decode_content::<serde_json::Value>(br#""[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"[""#)
            .is_ok()
    );
}

#[test]
fn every_refusal_has_its_own_name() {
    let names: std::collections::BTreeSet<_> = Refusal::ALL.iter().map(|r| r.name()).collect();
    assert_eq!(names.len(), Refusal::ALL.len());
    for reason in Refusal::ALL {
        let text = serde_json::to_string(&reason).unwrap();
        assert_eq!(text, format!("\"{}\"", reason.name()));
    }
}

proptest! {
    #[test]
    fn packets_come_back_as_they_went(
        content in prop::collection::vec(any::<u8>(), 0..400),
        token in prop::option::of("[!-~]{1,40}"),
        mark in prop::option::of(any::<(u64, u64, u64)>()),
    ) {
        let packet = wire(&content, token.as_deref(), mark);
        let back: WirePacket = decode(&encode(&packet), PACKET_BYTES_MAX).unwrap();
        prop_assert_eq!(back, packet);
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let frame = decode::<Frame>(&bytes, FRAME_BYTES_MAX);
        let packet = decode::<WirePacket>(&bytes, PACKET_BYTES_MAX);
        let content = decode_content::<serde_json::Value>(&bytes);
        prop_assert!(frame.is_err() || packet.is_err() || content.is_err());
    }

    #[test]
    fn a_flipped_bit_decodes_to_another_value_or_not_at_all(at in 0_usize..200, bit in 0_u8..8) {
        let original = wire(b"hello", Some("t"), Some((1, 2, 3)));
        let mut bytes = encode(&original).to_vec();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok(changed) = decode::<WirePacket>(&bytes, PACKET_BYTES_MAX) {
            prop_assert_ne!(changed, original);
        }
    }
}
