//! A node's disk: what is on it after a crash.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use skep_packet::{Address, NodeId, OutboxMark, PacketId};
use skep_swarm::delivery::{InboxDelta, InboxRow, OutboxRow};

/// What the store file holds.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    pub(crate) rows: BTreeMap<u64, OutboxRow>,
    pub(crate) next_seq: u64,
    pub(crate) inbox: BTreeSet<InboxRow>,
    /// Names the outbox; minted with the disk.
    pub(crate) epoch: u64,
    /// Counts the disks this node has had.
    pub(crate) lineage: u32,
}

/// One transaction on its way to the disk.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    pub(crate) rows: Vec<OutboxRow>,
    pub(crate) next_seq: u64,
    pub(crate) deleted: Vec<u64>,
    pub(crate) effect: Option<Effect>,
    pub(crate) then: Then,
}

/// The effect of a durable packet, as its handler's transaction writes it.
#[derive(Debug, Clone)]
pub(crate) struct Effect {
    pub(crate) address: Address,
    pub(crate) id: PacketId,
    pub(crate) sender: NodeId,
    pub(crate) mark: OutboxMark,
    pub(crate) delta: InboxDelta,
}

/// What delivery is told when the transaction is on disk.
#[derive(Debug, Default, Clone)]
pub(crate) enum Then {
    /// Nothing.
    #[default]
    Nothing,
    /// New rows of an agent's transaction.
    Written(Vec<u64>),
    /// Changed or buried rows.
    Persisted(Vec<u64>),
}

impl fmt::Display for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(effect) = &self.effect {
            write!(f, "the effect of {} at {}; ", effect.id, effect.address)?;
        }
        let rows = self
            .rows
            .iter()
            .map(|row| format!("{} as {}", row.draft.id, row.row));
        let rows = rows.collect::<Vec<_>>().join(", ");
        write!(f, "rows [{rows}], without {:?}", self.deleted)
    }
}

impl Disk {
    pub(crate) fn apply(&mut self, transaction: &Transaction) {
        self.next_seq = self.next_seq.max(transaction.next_seq);
        for row in &transaction.rows {
            self.rows.insert(row.row, row.clone());
        }
        for row in &transaction.deleted {
            self.rows.remove(row);
        }
        if let Some(effect) = &transaction.effect {
            self.store(&effect.delta);
        }
    }

    fn store(&mut self, delta: &InboxDelta) {
        self.inbox.retain(|row| {
            let (sender, epoch, seq) = match row {
                InboxRow::Watermark { sender, epoch, .. } => (sender, *epoch, None),
                InboxRow::Committed { sender, epoch, seq } => (sender, *epoch, Some(*seq)),
            };
            let is_below = delta.epoch == epoch
                && delta
                    .watermark
                    .is_some_and(|mark| seq.is_none_or(|seq| seq < mark));
            *sender != delta.sender || (!is_below && !delta.forget.contains(&epoch))
        });
        let (sender, epoch) = (delta.sender.clone(), delta.epoch);
        if let Some(watermark) = delta.watermark {
            self.inbox.insert(InboxRow::Watermark {
                sender: sender.clone(),
                epoch,
                watermark,
            });
        }
        if let Some(seq) = delta.seq {
            self.inbox
                .insert(InboxRow::Committed { sender, epoch, seq });
        }
    }
}
