//! What a packet's way costs, part by part: each part does nothing else for a second.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use serde_json::{Value, json};
use skep_identity::{Authority, Identity, Keyring, NodeTerms, Opener, PrivateKey, Purpose, Sealer};
use skep_mesh::{Mesh, MeshConfig, MeshEvent, MeshEvents};
use skep_node::Clock;
use skep_packet::{
    Address, Batch, BootId, Class, Frame, HandlerName, Kind, Lane, NodeId, Packet, PacketId,
    SealHeader, SwarmId, WirePacket, encode_into,
};
use tokio::time::timeout;
use uuid::Uuid;

use crate::{
    Fallible,
    baseline::RSA_BITS,
    bee::{CMD_TAKE, NAME},
    cpu,
    load::{CONTENT_BYTES, WAIT_MAX},
    round,
};

/// CPU time that goes into each part, in seconds.
const CPU_S: f64 = 1.0;

/// Packets that are opened before the first of them is opened anew by another opener.
const OPENED: u64 = 50_000;

/// Frames on their way between the two meshes.
const FRAMES_MAX: usize = 64;

const BOOTS: [BootId; 2] = [BootId(Uuid::from_u128(1)), BootId(Uuid::from_u128(2))];

/// CPU time of one packet in each part, in microseconds, both sides together.
pub(crate) struct Parts {
    encode: f64,
    seal: f64,
    sign: f64,
    open: f64,
    quic: f64,
    frame_bytes: f64,
}

impl Parts {
    /// Of a packet that costs `whole_us`; what no part explains is the node around them.
    pub(crate) fn line(&self, whole_us: f64) -> Value {
        let known = self.encode + self.seal + self.sign + self.open + self.quic;
        json!({
            "encode": round(self.encode),
            "hash_and_pack": round(self.seal),
            "its_share_of_a_signature": round(self.sign),
            "verify_decode_and_judge": round(self.open),
            "quic_both_sides": round(self.quic),
            "the_node_around_them": round(whole_us - known),
        })
    }

    /// What a packet takes of a frame.
    pub(crate) fn frame_bytes(&self) -> f64 {
        self.frame_bytes
    }

    /// Measures each part, with so many packets under a signature.
    pub(crate) async fn measure(clock: Clock, per_signature: u64) -> Fallible<Self> {
        let swarm = Two::mint(clock)?;
        let packets = swarm.encoded(per_signature)?;
        let mut scratch = Vec::new();
        let wire = swarm.wire(1)?;
        let encode = each(1_000, || {
            for _ in 0..1_000 {
                scratch.clear();
                encode_into(&mut scratch, &wire);
            }
            Ok(())
        })?;
        let no_signature = Bytes::from_static(&[0; 384]);
        let seal = each(per_signature, || {
            let sealed = swarm.seal(clock, &packets, |_| Ok(no_signature.clone()))?;
            (!sealed.is_empty())
                .then_some(())
                .ok_or("nothing sealed".into())
        })?;
        let sign = each(1, || {
            swarm.nodes[0].key.sign(Purpose::Batch, &scratch)?;
            Ok(())
        })?;
        let (open, batch) = swarm.opened(clock, per_signature)?;
        let quic = swarm.carried(clock, &batch).await?;
        let n_packets = f64::from(u32::try_from(batch.packets.len())?);
        let n_bytes = skep_packet::encode(&Frame::Batch(batch)).len();
        Ok(Self {
            encode,
            seal,
            sign: sign / f64::from(u32::try_from(per_signature)?),
            open,
            quic,
            frame_bytes: f64::from(u32::try_from(n_bytes)?) / n_packets,
        })
    }
}

/// CPU time of one of `n` things that `round` does, in microseconds.
fn each(n: u64, mut round: impl FnMut() -> Fallible<()>) -> Fallible<f64> {
    let own = std::process::id();
    let (start_s, mut spent_s, mut n_done) = (cpu::seconds(own)?, 0.0, 0);
    while spent_s < CPU_S {
        round()?;
        n_done += n;
        spent_s = cpu::seconds(own)? - start_s;
    }
    Ok(spent_s * 1e6 / f64::from(u32::try_from(n_done)?))
}

/// Two nodes without anything around them: the sender and the receiver.
struct Two {
    swarm: SwarmId,
    nodes: [Identity; 2],
    keyring: Keyring,
}

impl Two {
    fn mint(clock: Clock) -> Fallible<Self> {
        let now_ms = clock.now().unix_ms;
        let swarm = SwarmId(Uuid::new_v4());
        let authority = Authority::mint(swarm, PrivateKey::generate(RSA_BITS)?, now_ms)?;
        let node = |name| -> Fallible<Identity> {
            let terms = NodeTerms::any(NodeId::new(name)?);
            let key = PrivateKey::generate(RSA_BITS)?;
            Ok(Identity::mint(&authority, key, &terms, now_ms)?)
        };
        let nodes = [node("n1")?, node("n2")?];
        let mut keyring = nodes[0].keyring();
        for node in &nodes {
            let admitted = keyring.admit(&node.credentials.passport, now_ms);
            admitted.map_err(|refusal| refusal.name())?;
        }
        Ok(Self {
            swarm,
            nodes,
            keyring,
        })
    }

    /// As the load's packets are.
    fn wire(&self, seq: u64) -> Fallible<WirePacket> {
        let bee = |node: &Identity| format!("{NAME}@{}", node.node).parse::<Address>();
        let content = "x".repeat(CONTENT_BYTES - 2);
        Ok(WirePacket {
            seal: SealHeader {
                to_boot: BOOTS[1],
                seq,
                outbox: None,
            },
            packet: Packet {
                id: PacketId(Uuid::now_v7()),
                kind: Kind::Command,
                swarm: self.swarm,
                from: bee(&self.nodes[0])?,
                role: None,
                target: bee(&self.nodes[1])?,
                handler: HandlerName::new(CMD_TAKE)?,
                token: None,
                reply_to: None,
                class: Class::Accepted,
                lane: Lane::Command,
                issued_at_ms: Clock::start().now().unix_ms,
                ttl_ms: 60_000,
                proof: None,
                content: serde_json::to_vec(&content)?.into(),
            },
        })
    }

    fn encoded(&self, n: u64) -> Fallible<Vec<Bytes>> {
        let packet = |seq| Ok(skep_packet::encode(&self.wire(seq)?));
        (1..=n).map(packet).collect()
    }

    /// All packets under one signature.
    fn seal(
        &self,
        clock: Clock,
        packets: &[Bytes],
        sign: impl Fn(&[u8]) -> Fallible<Bytes>,
    ) -> Fallible<Vec<Batch>> {
        let [from, to] = &self.nodes;
        let mut sealer = Sealer::new(self.swarm, from.key.id(), BOOTS[0]);
        for packet in packets {
            sealer.push(&to.node, Lane::Command, packet)?;
        }
        let job = sealer.poll(clock.now()).ok_or("nothing to sign")?;
        let signature = sign(&job.statement)?;
        let sealed = sealer.signed(clock.now(), job.id, &signature);
        Ok(sealed.into_iter().map(|(_, batch)| batch).collect())
    }

    /// What opening costs, and a full batch.
    fn opened(&self, clock: Clock, per_signature: u64) -> Fallible<(f64, Batch)> {
        let packets = self.encoded(OPENED)?;
        let sign = |statement: &[u8]| Ok(self.nodes[0].key.sign(Purpose::Batch, statement)?);
        let mut batches = Vec::new();
        for packets in packets.chunks(usize::try_from(per_signature)?) {
            batches.extend(self.seal(clock, packets, sign)?);
        }
        let open = each(OPENED, || {
            let node = self.nodes[1].node.clone();
            let mut opener = Opener::new(self.swarm, node, BOOTS[1]);
            for batch in &batches {
                let opened = opener.open(batch, &self.keyring, clock.now().unix_ms);
                let opened = opened.map_err(|refusal| refusal.name())?;
                if opened.packets.iter().any(Result::is_err) {
                    return Err("a packet was refused".into());
                }
            }
            Ok(())
        })?;
        let first = batches.into_iter().next().ok_or("no batch")?;
        Ok((open, first))
    }

    /// What it costs to carry a packet from one mesh to another one in this process.
    async fn carried(&self, clock: Clock, batch: &Batch) -> Fallible<f64> {
        let (from, mut up) = self.mesh(0, clock)?;
        let (to, events) = self.mesh(1, clock)?;
        let address = to.local_addr().ok_or("no address")?;
        let peer = &self.nodes[1].node;
        from.connect(peer, &[address])?;
        let up = timeout(WAIT_MAX, up.recv()).await?;
        if !matches!(up, Some(MeshEvent::Up { .. })) {
            return Err(format!("no link between the two meshes: {up:?}").into());
        }
        let carried = timeout(WAIT_MAX, carry(&from, peer, batch, events)).await?;
        from.shutdown().await;
        to.shutdown().await;
        carried
    }

    fn mesh(&self, idx: usize, clock: Clock) -> Fallible<(Mesh, MeshEvents)> {
        let keyring = self.keyring.clone();
        let gate =
            move |hello: &skep_packet::Hello| keyring.check(&hello.passport, clock.now().unix_ms);
        let listen: SocketAddr = ([127, 0, 0, 1], 0).into();
        let config = MeshConfig::new(&self.nodes[idx], BOOTS[idx], listen, Arc::new(gate));
        Ok(Mesh::bind(config)?)
    }
}

async fn carry(from: &Mesh, peer: &NodeId, batch: &Batch, mut events: MeshEvents) -> Fallible<f64> {
    let mut next = async || events.recv().await.ok_or("the mesh ended");
    let frame = Frame::Batch(batch.clone());
    let own = std::process::id();
    let (start_s, mut spent_s) = (cpu::seconds(own)?, 0.0);
    let (mut n_sent, mut n_came): (usize, usize) = (0, 0);
    while spent_s < CPU_S {
        while n_sent - n_came < FRAMES_MAX {
            from.send(peer, Lane::Command, &frame)?;
            n_sent += 1;
        }
        while n_sent - n_came > FRAMES_MAX / 2 {
            n_came += usize::from(matches!(next().await?, MeshEvent::Frame { .. }));
        }
        spent_s = cpu::seconds(own)? - start_s;
    }
    let n_packets = f64::from(u32::try_from(n_came * batch.packets.len())?);
    Ok(spent_s * 1e6 / n_packets)
}
