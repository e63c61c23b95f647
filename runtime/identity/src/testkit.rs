//! Two nodes of one swarm for the tests of this room, with small keys that are quick to make.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::WebPkiClientVerifier,
};
use skep_packet::{
    Address, BootId, Class, HandlerName, Kind, Lane, NodeId, Now, Packet, PacketId, SealHeader,
    SwarmId, Token, WirePacket,
};
use uuid::Uuid;

use crate::{Authority, Identity, Keyring, NodeTerms, PrivateKey, Purpose, Sealer};

/// The unix time of all tests, in milliseconds.
pub(crate) const NOW_MS: u64 = 1_800_000_000_000;

/// The receiver's boot.
pub(crate) const BOOT_B: BootId = BootId(Uuid::from_u128(0xb));

/// The sender's boot.
pub(crate) const BOOT_A: BootId = BootId(Uuid::from_u128(0xa));

pub(crate) struct World {
    pub(crate) authority: Authority,
    pub(crate) a: Identity,
    pub(crate) b: Identity,
    pub(crate) stranger: PrivateKey,
}

/// Made once for each test process.
pub(crate) fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let swarm = SwarmId(Uuid::from_u128(5));
        let authority = Authority::mint(swarm, key(), NOW_MS).unwrap();
        let node = |name| {
            let terms = NodeTerms::any(NodeId::new(name).unwrap());
            Identity::mint(&authority, key(), &terms, NOW_MS).unwrap()
        };
        let (a, b) = (node("a"), node("b"));
        World {
            authority,
            a,
            b,
            stranger: key(),
        }
    })
}

pub(crate) fn key() -> PrivateKey {
    PrivateKey::generate(2048).unwrap()
}

impl World {
    /// A keyring that knows both nodes.
    pub(crate) fn keyring(&self) -> Keyring {
        let mut keyring = self.a.keyring();
        for node in [&self.a, &self.b] {
            keyring.admit(&node.credentials.passport, NOW_MS).unwrap();
        }
        keyring
    }

    /// A packet from `a` to `b`.
    pub(crate) fn packet(&self, seq: u64) -> WirePacket {
        WirePacket {
            seal: SealHeader {
                to_boot: BOOT_B,
                seq,
                outbox: None,
            },
            packet: Packet {
                id: PacketId(Uuid::from_u128(seq.into())),
                kind: Kind::Command,
                swarm: self.a.swarm(),
                from: "watcher@a".parse::<Address>().unwrap(),
                role: None,
                target: "oracle@b".parse::<Address>().unwrap(),
                handler: HandlerName::new("cmd_msg_prompt").unwrap(),
                token: Some(Token::new("t1").unwrap()),
                reply_to: None,
                class: Class::Accepted,
                lane: Lane::Command,
                issued_at_ms: NOW_MS,
                ttl_ms: 60_000,
                proof: None,
                content: Bytes::from_static(b"{}"),
            },
        }
    }

    /// Seals encoded packets from `a` to `b` on one lane, as the node does.
    pub(crate) fn seal(&self, lane: Lane, packets: &[Bytes]) -> Vec<skep_packet::Batch> {
        let mut sealer = Sealer::new(self.a.swarm(), self.a.key.id(), BOOT_A);
        for packet in packets {
            sealer.push(&self.b.node, lane, packet).unwrap();
        }
        let job = sealer.poll(now(0)).unwrap();
        let signature = self.a.key.sign(Purpose::Batch, &job.statement).unwrap();
        let batches = sealer.signed(now(2), job.id, &signature);
        batches.into_iter().map(|(_, batch)| batch).collect()
    }
}

/// Both clocks, `ms` after the start.
pub(crate) fn now(ms: u64) -> Now {
    Now {
        mono_ns: ms * 1_000_000,
        unix_ms: NOW_MS + ms,
    }
}

/// Whether rustls follows `certificate` over `bridges` to `root`, of a server and of a client alike.
pub(crate) fn tls_accepts(
    root: &Bytes,
    certificate: &Bytes,
    bridges: &[&Bytes],
    now_ms: u64,
) -> bool {
    let der = |bytes: &Bytes| CertificateDer::from(bytes.to_vec());
    let mut roots = RootCertStore::empty();
    roots.add(der(root)).unwrap();
    let (roots, provider) = (Arc::new(roots), Arc::new(default_provider()));
    let builder = WebPkiServerVerifier::builder_with_provider(roots.clone(), provider.clone());
    let server = builder.build().unwrap();
    let builder = WebPkiClientVerifier::builder_with_provider(roots, provider);
    let client = builder.build().unwrap();
    let bridges: Vec<_> = bridges.iter().map(|bytes| der(bytes)).collect();
    let (certificate, now) = (
        der(certificate),
        UnixTime::since_unix_epoch(Duration::from_millis(now_ms)),
    );
    let name = ServerName::try_from("localhost").unwrap();
    let as_server = server.verify_server_cert(&certificate, &bridges, &name, &[], now);
    let as_client = client.verify_client_cert(&certificate, &bridges, now);
    assert_eq!(as_server.is_ok(), as_client.is_ok());
    as_server.is_ok()
}
