//! Somebody on the wire: copies, changes and makes up batches, and sends them to whom they like.

use bytes::Bytes;
use rand::{Rng, seq::IndexedRandom};
use skep_identity::Sealer;
use skep_packet::{Batch, BootId, WirePacket, decode, encode, limits::PACKET_BYTES_MAX};

use crate::{
    network::Message,
    node::{name, swarm},
    papers,
    world::{Event, World},
};

/// Batches that the forger has seen and remembers.
const SEEN_MAX: usize = 64;

/// How often a batch that is sent gives the forger an idea.
const IDEAS: f64 = 0.15;

impl World {
    /// The forger sees a batch on its way.
    pub(crate) fn forge(&mut self, from: usize, to: usize, batch: &Batch) {
        if self.calm || !self.rng.random_bool(IDEAS) {
            return;
        }
        if self.seen.len() < SEEN_MAX {
            self.seen.push(batch.clone());
        } else {
            let place = self.rng.random_range(0..SEEN_MAX);
            self.seen[place] = batch.clone();
        }
        let victim = self.rng.random_range(0..self.nodes.len());
        let (to, forged) = match self.rng.random_range(0..6) {
            // Again, or to another node, perhaps after a start.
            0 => (to, batch.clone()),
            1 => (victim, batch.clone()),
            2 => (
                victim,
                self.seen.choose(&mut self.rng).unwrap_or(batch).clone(),
            ),
            3 => (to, self.tampered(batch)),
            4 => (to, self.made_up(from, to, batch)),
            _ => (to, by_a_stranger(batch)),
        };
        self.n_forged += 1;
        self.say(|| format!("a forged batch is on its way to n{to}"));
        // Over whatever connection there is: the forger may be a node that passes things on.
        let peers: Vec<usize> = (0..self.nodes.len())
            .filter(|peer| self.network.connection(*peer, to).is_some())
            .collect();
        let Some(peer) = peers.choose(&mut self.rng).copied() else {
            return;
        };
        let Some(connection) = self.network.connection(peer, to) else {
            return;
        };
        let event = Event::Message {
            from: peer,
            to,
            connection,
            message: Box::new(Message::Batch(forged)),
        };
        let after_ms = self.rng.random_range(1..8_000);
        self.after_ms(after_ms, event);
    }

    /// A bit of it is another one.
    fn tampered(&mut self, batch: &Batch) -> Batch {
        let mut batch = batch.clone();
        match self.rng.random_range(0..6) {
            0 => batch.statement.batch_seq += 1,
            1 => batch.statement.boot = BootId(uuid::Uuid::from_u128(self.rng.random())),
            2 => batch.statement.issued_at_ms += 1_000,
            3 => batch.subtree = batch.subtree.wrapping_add(1),
            what => {
                let mut packets: Vec<_> = batch.packets.iter().map(<[u8]>::to_vec).collect();
                if what == 4 {
                    packets.pop();
                } else {
                    self.flip(&mut packets);
                }
                batch.packets = packets.into_iter().collect();
            }
        }
        batch
    }

    /// One bit of one packet is another one.
    fn flip(&mut self, packets: &mut [Vec<u8>]) {
        let place = self.rng.random_range(0..packets.len().max(1));
        if let Some(bytes) = packets.get_mut(place) {
            let bit = self.rng.random_range(0..bytes.len().max(1) * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    /// A packet with another content, sealed as the victim would, without the victim's secret.
    fn made_up(&mut self, from: usize, to: usize, batch: &Batch) -> Batch {
        let mut sealer = Sealer::new(swarm(), papers::key_of(from), self.nodes[from].boot);
        for bytes in batch.packets.iter() {
            let Ok(mut wire) = decode::<WirePacket>(bytes, PACKET_BYTES_MAX) else {
                continue;
            };
            wire.packet.content = Bytes::from_static(b"obey");
            wire.packet.id = self.packet_id();
            wire.seal.seq += 1_000;
            if sealer
                .push(&name(to), wire.packet.lane, &encode(&wire))
                .is_err()
            {
                continue;
            }
        }
        let now = self.now(from);
        let Some(job) = sealer.poll(now) else {
            return batch.clone();
        };
        let signature = papers::sign(papers::STRANGER, &job.statement);
        let mut made = sealer.signed(now, job.id, &signature).into_iter();
        made.next()
            .map_or_else(|| batch.clone(), |(_, batch)| batch)
    }
}

/// The same, in the name and with the signature of somebody who has no passport.
fn by_a_stranger(batch: &Batch) -> Batch {
    let mut batch = batch.clone();
    batch.statement.signer = papers::STRANGER;
    batch.signature = papers::sign(papers::STRANGER, &encode(&batch.statement));
    batch
}
