//! What a live node refuses from an enrolled peer, and the counter that names it.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use skep_identity::{NODE_KEY_BITS, PrivateKey};
use skep_packet::{
    Batch, BootId, Hash, NodeId, Refusal, SwarmId, WirePacket, encode,
    limits::{PACKET_BYTES_MAX, SKEW_MAX_MS},
};
use skep_tests_swarm::{Host, Rogue, World, until};
use uuid::Uuid;

struct Siege {
    host: Host,
    rogue: Rogue,
}

impl Siege {
    async fn begin(tag: &str) -> Self {
        let world = World::new(tag);
        let host = world.first("n1").await;
        let identity = world.papers(&host, "rogue").await;
        let address = host.node().listening().await.unwrap();
        let rogue = Rogue::connect(identity, host.node().name(), address).await;
        Self { host, rogue }
    }

    /// Sends a batch that the node must refuse for this reason, and a good one that it must take.
    async fn refused(&mut self, reason: Refusal, batch: Batch) {
        let before = self.host.node().metrics().n_refused(reason);
        self.rogue.send(batch);
        until(reason.name(), || {
            (self.host.node().metrics().n_refused(reason) == before + 1).then_some(())
        })
        .await;
        let good = self.rogue.packet();
        let good = self.rogue.seal(&[good]);
        self.rogue.send(good);
        self.rogue.acknowledged().await;
    }

    /// A batch with one packet that was changed before it was sealed.
    fn with(&mut self, change: impl FnOnce(&mut WirePacket)) -> Batch {
        let mut packet = self.rogue.packet();
        change(&mut packet);
        self.rogue.seal(&[packet])
    }

    /// A batch that was changed after it was sealed.
    fn tampered(&mut self, change: impl FnOnce(&mut Batch)) -> Batch {
        let packets = [self.rogue.packet(), self.rogue.packet()];
        let mut batch = self.rogue.seal(&packets);
        change(&mut batch);
        batch
    }

    /// A good batch with other packets in it.
    fn repacked(&mut self, change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Batch {
        self.tampered(|batch| {
            let mut packets = batch.packets.iter().map(<[u8]>::to_vec).collect();
            change(&mut packets);
            batch.packets = packets.into_iter().collect();
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_changed_after_sealing_is_refused_and_counted() {
    let mut siege = Siege::begin("tampered").await;
    let body = siege.repacked(|packets| {
        let last = packets[0].len() - 2;
        packets[0][last] ^= 1;
    });
    siege.refused(Refusal::BadProof, body).await;
    let header = siege.tampered(|batch| batch.statement.issued_at_ms += 1);
    siege.refused(Refusal::BadSignature, header).await;
    let proof = siege.tampered(|batch| batch.path.push(Hash([7; 32])));
    siege.refused(Refusal::BadProof, proof).await;
    let count = siege.repacked(|packets| drop(packets.pop()));
    siege.refused(Refusal::BadProof, count).await;
    let version = siege.tampered(|batch| batch.statement.version = 2);
    siege.refused(Refusal::WrongVersion, version).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sealed_for_something_else_is_refused_and_counted() {
    let mut siege = Siege::begin("elsewhere").await;
    let swarm = siege.with(|wire| wire.packet.swarm = SwarmId(Uuid::nil()));
    siege.refused(Refusal::WrongSwarm, swarm).await;
    let statement = siege.tampered(|batch| batch.statement.swarm = SwarmId(Uuid::nil()));
    siege.refused(Refusal::WrongSwarm, statement).await;
    let other = NodeId::new("somebody-else").unwrap();
    let recipient = siege.with(|wire| wire.packet.target.node = other.clone());
    siege.refused(Refusal::WrongRecipient, recipient).await;
    let sender = siege.with(|wire| wire.packet.from.node = other);
    siege.refused(Refusal::WrongSigner, sender).await;
    let boot = siege.with(|wire| wire.seal.to_boot = BootId(Uuid::nil()));
    siege.refused(Refusal::StaleBoot, boot).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_at_the_wrong_time_or_twice_is_refused_and_counted() {
    let mut siege = Siege::begin("time").await;
    let expired = siege.with(|wire| wire.packet.issued_at_ms -= 30_000 + SKEW_MAX_MS + 1_000);
    siege.refused(Refusal::Expired, expired).await;
    let future = siege.with(|wire| wire.packet.issued_at_ms += SKEW_MAX_MS + 60_000);
    siege.refused(Refusal::Future, future).await;
    let good = siege.with(|_| {});
    siege.rogue.send(good.clone());
    siege.rogue.acknowledged().await;
    siege.refused(Refusal::Replayed, good).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_known_key_signed_or_no_limit_allows_is_refused_and_counted() {
    let mut siege = Siege::begin("limits").await;
    let stranger = PrivateKey::generate(NODE_KEY_BITS).unwrap();
    let unknown = siege.tampered(|batch| batch.statement.signer = stranger.id());
    siege.refused(Refusal::UnknownSigner, unknown).await;
    let packet = siege.rogue.packet();
    let forged = siege
        .rogue
        .seal_bytes([encode(&packet)].into_iter(), &stranger);
    siege.refused(Refusal::BadSignature, forged).await;
    let oversized = siege.repacked(|packets| packets[0] = vec![0; PACKET_BYTES_MAX + 1]);
    siege.refused(Refusal::Oversized, oversized).await;
    let whole = encode(&siege.rogue.packet());
    let key = siege.rogue.identity.key.clone();
    let cut = whole.slice(..whole.len() / 2);
    let truncated = siege.rogue.seal_bytes([cut].into_iter(), &key);
    siege.refused(Refusal::Truncated, truncated).await;
    let mut longer = whole.to_vec();
    longer.push(0);
    let trailing = siege.rogue.seal_bytes([longer.into()].into_iter(), &key);
    siege.refused(Refusal::Malformed, trailing).await;
}
