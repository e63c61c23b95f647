//! Opening batches: believing what is proven, once.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use skep_packet::{
    Batch, BatchStatement, BootId, Kind, Lane, NodeId, Refusal, Refused, SwarmId, WirePacket,
    decode, encode,
    limits::{BATCH_PACKETS_MAX, BATCH_SUBTREES_MAX, PACKET_BYTES_MAX},
};

use crate::{Keyring, Peer, PublicKey, Purpose, ReplayGuard, merkle, sealer::STATEMENT_VERSION};

/// Most statements whose signature is remembered as good; at the bound the oldest is forgotten,
/// and is checked again when it comes again.
pub const ROOTS_MAX: usize = 1024;

/// What a batch held.
#[derive(Debug)]
pub struct Opened {
    /// Who sealed it.
    pub signer: Arc<Peer>,
    /// The boot of the sender that numbered the packets.
    pub boot: BootId,
    /// The lane they came on.
    pub lane: Lane,
    /// Each packet, or why it was refused, in the order they stood. What must not be answered has
    /// the number 0: a packet that does not even decode, and one that is an answer itself.
    pub packets: Vec<Result<WirePacket, Refused>>,
}

/// Opens the batches that are for this node.
#[derive(Debug)]
pub struct Opener {
    swarm: SwarmId,
    node: NodeId,
    boot: BootId,
    replay: ReplayGuard,
    roots: HashSet<BatchStatement>,
    roots_in_order: VecDeque<BatchStatement>,
}

impl Opener {
    /// An opener for one boot of one node.
    #[must_use]
    pub fn new(swarm: SwarmId, node: NodeId, boot: BootId) -> Self {
        Self {
            swarm,
            node,
            boot,
            replay: ReplayGuard::default(),
            roots: HashSet::new(),
            roots_in_order: VecDeque::new(),
        }
    }

    /// Checks a batch, then each packet in it, at `now_ms` unix time.
    ///
    /// # Errors
    /// The whole batch is refused when its statement, its signature or its proof is; nothing was
    /// marked as seen then. A single packet's refusal stands in [`Opened::packets`].
    pub fn open(
        &mut self,
        batch: &Batch,
        keyring: &Keyring,
        now_ms: u64,
    ) -> Result<Opened, Refusal> {
        self.open_as(batch, keyring, now_ms, |key, statement, signature| {
            key.verify(Purpose::Batch, statement, signature)
        })
    }

    /// As [`Opener::open`], with another way to check a signature over a statement, so that a
    /// simulation need not sign with RSA. A node never calls it.
    ///
    /// # Errors
    /// As [`Opener::open`].
    #[cfg(feature = "simulation")]
    pub fn open_simulated(
        &mut self,
        batch: &Batch,
        keyring: &Keyring,
        now_ms: u64,
        verify: impl FnOnce(&PublicKey, &[u8], &[u8]) -> Result<(), Refusal>,
    ) -> Result<Opened, Refusal> {
        self.open_as(batch, keyring, now_ms, verify)
    }

    fn open_as(
        &mut self,
        batch: &Batch,
        keyring: &Keyring,
        now_ms: u64,
        verify: impl FnOnce(&PublicKey, &[u8], &[u8]) -> Result<(), Refusal>,
    ) -> Result<Opened, Refusal> {
        let statement = &batch.statement;
        if statement.version != STATEMENT_VERSION {
            return Err(Refusal::WrongVersion);
        }
        if statement.swarm != self.swarm {
            return Err(Refusal::WrongSwarm);
        }
        let signer = keyring.signer(statement.signer, now_ms)?;
        let sender = signer.passport.node().ok_or(Refusal::UnknownSigner)?;
        check_size(batch)?;
        self.check_signature(batch, signer, verify)?;
        check_proof(batch)?;
        let mut windows =
            self.replay
                .boot(statement.signer, statement.boot, statement.issued_at_ms)?;
        let judge = Judge {
            swarm: self.swarm,
            node: &self.node,
            boot: self.boot,
            sender,
            lane: batch.lane,
            now_ms,
        };
        let packets = batch
            .packets
            .iter()
            .map(|bytes| judge.packet(bytes, &mut windows))
            .collect();
        Ok(Opened {
            signer: Arc::clone(signer),
            boot: statement.boot,
            lane: batch.lane,
            packets,
        })
    }

    /// One RSA check for all subtrees of a signature.
    fn check_signature(
        &mut self,
        batch: &Batch,
        signer: &Peer,
        verify: impl FnOnce(&PublicKey, &[u8], &[u8]) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        if self.roots.contains(&batch.statement) {
            return Ok(());
        }
        verify(
            &signer.passport.public_key,
            &encode(&batch.statement),
            &batch.signature,
        )?;
        self.remember(batch.statement);
        Ok(())
    }

    fn remember(&mut self, statement: BatchStatement) {
        if self.roots_in_order.len() >= ROOTS_MAX
            && let Some(oldest) = self.roots_in_order.pop_front()
        {
            self.roots.remove(&oldest);
        }
        self.roots.insert(statement);
        self.roots_in_order.push_back(statement);
    }
}

fn check_size(batch: &Batch) -> Result<(), Refusal> {
    let n_subtrees = usize::try_from(batch.statement.n_subtrees).unwrap_or(usize::MAX);
    let too_many = batch.packets.len() > BATCH_PACKETS_MAX || n_subtrees > BATCH_SUBTREES_MAX;
    let too_large = batch
        .packets
        .iter()
        .any(|packet| packet.len() > PACKET_BYTES_MAX);
    match (too_many || too_large, batch.packets.is_empty()) {
        (true, _) => Err(Refusal::Oversized),
        (false, true) => Err(Refusal::Malformed),
        (false, false) => Ok(()),
    }
}

/// Hashes the packets as they came and climbs to the signed root.
fn check_proof(batch: &Batch) -> Result<(), Refusal> {
    let packets = &batch.packets;
    let leaf = merkle::leaf(batch.lane, packets.len(), packets.as_bytes());
    let idx = usize::try_from(batch.subtree).unwrap_or(usize::MAX);
    let n = usize::try_from(batch.statement.n_subtrees).unwrap_or(usize::MAX);
    match merkle::climb(leaf, idx, n, &batch.path) {
        Some(root) if root == batch.statement.root => Ok(()),
        _ => Err(Refusal::BadProof),
    }
}

/// What every packet of a batch is held against.
struct Judge<'a> {
    swarm: SwarmId,
    node: &'a NodeId,
    boot: BootId,
    sender: &'a NodeId,
    lane: Lane,
    now_ms: u64,
}

impl Judge<'_> {
    fn packet(
        &self,
        bytes: &[u8],
        windows: &mut crate::replay::BootWindows<'_>,
    ) -> Result<WirePacket, Refused> {
        let lane = self.lane;
        let packet: WirePacket = decode(bytes, PACKET_BYTES_MAX).map_err(|error| Refused {
            lane,
            seq: 0,
            reason: error.refusal(),
        })?;
        let seq = packet.seal.seq;
        // Two nodes that refuse each other's answers would do so for ever.
        let is_answer = packet.packet.kind == Kind::Answers;
        let told = if is_answer { 0 } else { seq };
        self.check(&packet)
            .and_then(|()| windows.mark(lane, seq))
            .map_err(|reason| Refused {
                lane,
                seq: told,
                reason,
            })?;
        Ok(packet)
    }

    /// The replay window comes after this, so that what is refused here may be sealed again.
    fn check(&self, wire: &WirePacket) -> Result<(), Refusal> {
        let packet = &wire.packet;
        if packet.swarm != self.swarm {
            Err(Refusal::WrongSwarm)
        } else if packet.from.node != *self.sender {
            Err(Refusal::WrongSigner)
        } else if packet.target.node != *self.node {
            Err(Refusal::WrongRecipient)
        } else if packet.lane != self.lane {
            Err(Refusal::Malformed)
        } else if wire.seal.to_boot != self.boot {
            Err(Refusal::StaleBoot)
        } else if packet.expired(self.now_ms) {
            Err(Refusal::Expired)
        } else if packet.from_the_future(self.now_ms) {
            Err(Refusal::Future)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
