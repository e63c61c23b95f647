//! An enrolled host that does not keep to the rules: real papers, a real connection, forged batches.

use std::{net::SocketAddr, sync::Arc};

use skep_identity::{Identity, PrivateKey, Purpose, Sealer};
use skep_mesh::{Mesh, MeshConfig, MeshEvent, MeshEvents};
use skep_node::Clock;
use skep_packet::{
    Address, Batch, BootId, Class, Frame, HandlerName, Hello, Kind, Lane, NodeId, Packet, PacketId,
    SealHeader, WirePacket, decode, encode, limits::PACKET_BYTES_MAX,
};

use crate::WAIT_MAX;

/// An enrolled host that does not keep to the rules.
pub struct Rogue {
    /// Its papers.
    pub identity: Identity,
    clock: Clock,
    mesh: Mesh,
    events: MeshEvents,
    target: NodeId,
    target_boot: BootId,
    next_seq: u64,
    sealer: Sealer,
}

impl Rogue {
    /// Connects to the node at `address` with good papers.
    ///
    /// # Panics
    /// Where no connection comes to stand.
    pub async fn connect(identity: Identity, target: &NodeId, address: SocketAddr) -> Self {
        let clock = Clock::start();
        let boot = BootId(uuid::Uuid::new_v4());
        let keyring = identity.keyring();
        let gate = move |hello: &Hello| keyring.check(&hello.passport, clock.now().unix_ms);
        let listen = "127.0.0.1:0".parse().unwrap();
        let config = MeshConfig::new(&identity, boot, listen, Arc::new(gate));
        let (mesh, mut events) = Mesh::bind(config).unwrap();
        mesh.connect(target, &[address]).unwrap();
        let target_boot = loop {
            let event = tokio::time::timeout(WAIT_MAX, events.recv()).await;
            if let MeshEvent::Up { hello, .. } = event.expect("a connection").unwrap() {
                break hello.boot;
            }
        };
        Self {
            sealer: Sealer::new(identity.swarm(), identity.key.id(), boot),
            identity,
            clock,
            mesh,
            events,
            target: target.clone(),
            target_boot,
            next_seq: 0,
        }
    }

    /// A good packet for the target's probe.
    pub fn packet(&mut self) -> WirePacket {
        self.next_seq += 1;
        let node = self.identity.node.clone();
        let address = |node| Address::new(skep_packet::AgentName::new("probe").unwrap(), node);
        WirePacket {
            seal: SealHeader {
                to_boot: self.target_boot,
                seq: self.next_seq,
                outbox: None,
            },
            packet: Packet {
                id: PacketId(uuid::Uuid::now_v7()),
                kind: Kind::Command,
                swarm: self.identity.swarm(),
                from: address(node),
                role: None,
                target: address(self.target.clone()),
                handler: HandlerName::new("cmd_echo").unwrap(),
                token: None,
                reply_to: None,
                class: Class::Accepted,
                lane: Lane::Command,
                issued_at_ms: self.clock.now().unix_ms,
                ttl_ms: 30_000,
                proof: None,
                content: bytes::Bytes::from_static(b"\"hi\""),
            },
        }
    }

    /// Seals packets as they should be sealed.
    pub fn seal(&mut self, packets: &[WirePacket]) -> Batch {
        self.seal_bytes(packets.iter().map(encode), &self.identity.key.clone())
    }

    /// Seals bytes with a key of the caller's choice.
    ///
    /// # Panics
    /// Where the sealer does not take them.
    pub fn seal_bytes(
        &mut self,
        packets: impl Iterator<Item = bytes::Bytes>,
        key: &PrivateKey,
    ) -> Batch {
        for packet in packets {
            self.sealer
                .push(&self.target, Lane::Command, &packet)
                .unwrap();
        }
        let mut now = self.clock.now();
        now.mono_ns = self.sealer.next_wake().unwrap_or_default().max(now.mono_ns);
        let job = self.sealer.poll(now).expect("something to sign");
        let signature = key.sign(Purpose::Batch, &job.statement).unwrap();
        let mut sealed = self.sealer.signed(now, job.id, &signature);
        sealed.remove(0).1
    }

    /// Sends a batch as it is.
    ///
    /// # Panics
    /// Where the connection is gone.
    pub fn send(&self, batch: Batch) {
        self.mesh
            .send(&self.target, Lane::Command, &Frame::Batch(batch))
            .unwrap();
    }

    /// Ends its connections and hears nobody any more, so that another one may come under its name.
    pub async fn leave(&self) {
        self.mesh.shutdown().await;
    }

    /// Waits for a reply of the node.
    ///
    /// # Panics
    /// Where none comes.
    pub async fn reply(&mut self) -> Packet {
        loop {
            let event = tokio::time::timeout(WAIT_MAX, self.events.recv()).await;
            let MeshEvent::Frame {
                frame: Frame::Batch(batch),
                ..
            } = event.expect("a reply").unwrap()
            else {
                continue;
            };
            let read = |bytes| decode::<WirePacket>(bytes, PACKET_BYTES_MAX).unwrap();
            let mut packets = batch.packets.iter().map(|bytes| read(bytes).packet);
            if let Some(reply) = packets.find(|packet| packet.kind == Kind::Reply) {
                return reply;
            }
        }
    }

    /// Sends a batch where there is room for it; whether there was.
    pub fn try_send(&self, batch: Batch) -> bool {
        let frame = Frame::Batch(batch);
        self.mesh.send(&self.target, Lane::Command, &frame).is_ok()
    }

    /// Waits until the node acknowledges a packet: then it was taken.
    ///
    /// # Panics
    /// Where it does not.
    pub async fn acknowledged(&mut self) {
        loop {
            let event = tokio::time::timeout(WAIT_MAX, self.events.recv()).await;
            if let MeshEvent::Frame {
                frame: Frame::Ack(_),
                ..
            } = event.expect("an ack").unwrap()
            {
                return;
            }
        }
    }
}
