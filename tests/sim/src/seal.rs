//! Sealing and opening: the real rules, with cheap signatures.

use rand::Rng;
use skep_identity::Opener;
use skep_packet::{
    Batch, BootId, Kind, NodeId, WirePacket, decode, encode, limits::FRAME_BYTES_MAX,
};
use skep_swarm::{
    delivery,
    ways::{self, Way},
};

use crate::{
    ledger::Violation,
    network::Message,
    node::{index_of, name, swarm},
    papers,
    world::{Broken, Event, World},
};

/// How long a signature takes, in microseconds.
const SIGNING_US: std::ops::Range<u64> = 600..3_000;

/// Longest life of a boot's papers in the simulation: an opener for each start.
pub(crate) fn opener(node: &NodeId, boot: BootId) -> Opener {
    Opener::new(swarm(), node.clone(), boot)
}

impl World {
    /// Queues a packet for the node's next signature.
    pub(crate) fn seal(&mut self, idx: usize, to: &NodeId, wire: &WirePacket) {
        let bytes = encode(wire);
        self.ledger.sealed(&bytes);
        let node = &mut self.nodes[idx];
        // At the sealer's bound it is dropped: delivery tries again what must arrive.
        let pushed = node.sealer.push(to, wire.packet.lane, &bytes);
        if let Err(full) = pushed {
            let text = format!("the sealer of n{idx}: {full}");
            self.ledger.violations.push(Violation::Unbounded(text));
        }
        self.sign(idx);
    }

    /// Begins a signature, where one is due.
    pub(crate) fn sign(&mut self, idx: usize) {
        let now = self.now(idx);
        let node = &mut self.nodes[idx];
        let Some(job) = node.sealer.poll(now) else {
            return;
        };
        let boot_n = node.boot_n;
        let signature = papers::sign(papers::key_of(idx), &job.statement);
        let signed = Event::Signed {
            idx,
            boot_n,
            job: job.id,
            signature,
        };
        let after_us = self.rng.random_range(SIGNING_US);
        self.after_ns(after_us * 1_000, signed);
    }

    /// The signature is there: every subtree leaves.
    pub(crate) fn signed(&mut self, idx: usize, job: u64, signature: &bytes::Bytes) {
        let now = self.now(idx);
        let batches = self.nodes[idx].sealer.signed(now, job, signature);
        for (to, batch) in batches {
            let to = index_of(&to);
            self.forge(idx, to, &batch);
            let way = self.nodes[idx].ways.way(&name(to)).cloned();
            match way {
                Some(Way::Through(relay)) => {
                    let message = Message::Relay(name(to), batch);
                    self.send(idx, index_of(&relay), 0, message);
                }
                _ => self.send(idx, to, 0, Message::Batch(batch)),
            }
        }
        self.sign(idx);
    }

    /// What comes is believed only where its seal is good.
    pub(crate) fn open(&mut self, idx: usize, peer: usize, batch: &Batch) {
        let now = self.now(idx);
        let believes_all = self.scenario.broken == Some(Broken::BelieveAll);
        let node = &mut self.nodes[idx];
        let (keyring, unix_ms) = (papers::keyring(), now.unix_ms);
        let opened =
            node.opener
                .open_simulated(batch, keyring, unix_ms, |key, statement, signature| {
                    papers::verify(key, statement, signature)
                        .or_else(|refusal| if believes_all { Ok(()) } else { Err(refusal) })
                });
        let Ok(opened) = opened else {
            self.n_refused += 1;
            return;
        };
        let Some(from) = opened.signer.passport.node().cloned() else {
            return;
        };
        if from != name(peer) && opened.packets.iter().any(Result::is_ok) {
            self.nodes[idx].ways.handle(ways::Input::Heard {
                node: from.clone(),
                boot: opened.boot,
                through: name(peer),
            });
        }
        let mut refused = Vec::new();
        for (packet, bytes) in opened.packets.into_iter().zip(batch.packets.iter()) {
            match packet {
                Ok(wire) => {
                    self.ledger
                        .opened(&wire.packet, bytes, self.nodes[idx].boot);
                    if wire.packet.kind == Kind::Answers {
                        let frame = decode(&wire.packet.content, FRAME_BYTES_MAX);
                        let frame = frame.expect("a sealed answer is a frame");
                        self.frame(index_of(&from), idx, frame);
                        continue;
                    }
                    let (from, boot) = (from.clone(), opened.boot);
                    let received = delivery::Input::Received { from, boot, wire };
                    self.nodes[idx].delivery.handle(now, received);
                }
                Err(packet) => refused.push(packet),
            }
        }
        if !refused.is_empty() {
            self.n_refused += refused.len();
            let rejected = delivery::Input::Reject {
                from,
                boot: opened.boot,
                packets: refused,
            };
            self.nodes[idx].delivery.handle(now, rejected);
        }
    }
}
