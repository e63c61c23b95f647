//! Durable packets that this node has committed, so that none takes effect twice.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use skep_packet::{NodeId, OutboxMark};

use super::config::{EPOCHS_PER_SENDER_MAX, OUTBOX_MAX};

/// What to do with a durable packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Hand it to its handler.
    Run,
    /// Its effect is committed, or its sender has given it up here: answer `settled`.
    Settled,
    /// It is in a mailbox already: answer nothing but the ack.
    InProcess,
    /// The table of this sender is at its bound, which an honest one reaches only when its outbox
    /// does: answer `mailbox_full`.
    Full,
}

/// One stored fact of the inbox.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum InboxRow {
    /// Everything of this sender's epoch below it is settled.
    Watermark {
        /// The sender.
        sender: NodeId,
        /// Its outbox.
        epoch: u64,
        /// The lowest number that may still be run.
        watermark: u64,
    },
    /// This number is committed.
    Committed {
        /// The sender.
        sender: NodeId,
        /// Its outbox.
        epoch: u64,
        /// The number.
        seq: u64,
    },
}

/// What the handler's transaction writes beside its effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxDelta {
    /// The sender.
    pub sender: NodeId,
    /// Its outbox.
    pub epoch: u64,
    /// Insert this number; none where the watermark covers it.
    pub seq: Option<u64>,
    /// Where set: store it as the watermark, and delete all numbers of the epoch below it.
    pub watermark: Option<u64>,
    /// Epochs of this sender to delete altogether.
    pub forget: Vec<u64>,
}

#[derive(Debug, Default, Clone)]
struct Epoch {
    /// Everything below is settled.
    watermark: u64,
    /// The watermark as it was last given to a transaction.
    stored_watermark: u64,
    committed: BTreeSet<u64>,
    in_process: BTreeSet<u64>,
    /// Orders epochs by their last use.
    used: u64,
}

/// What is committed, by sender and epoch.
///
/// The persisted watermark may be behind the one in memory: numbers between the two are either
/// stored as committed or were given up by their sender, so nothing is lost or doubled by a crash
/// beyond what re-routing allows.
#[derive(Debug, Default, Clone)]
pub struct InboxState {
    senders: BTreeMap<NodeId, BTreeMap<u64, Epoch>>,
    uses: u64,
}

impl InboxState {
    /// The state that stored rows tell of.
    #[must_use]
    pub fn load(rows: impl IntoIterator<Item = InboxRow>) -> Self {
        let mut state = Self::default();
        for row in rows {
            match row {
                InboxRow::Watermark {
                    sender,
                    epoch,
                    watermark,
                } => {
                    let epoch = state.epoch(&sender, epoch);
                    epoch.watermark = watermark;
                    epoch.stored_watermark = watermark;
                }
                InboxRow::Committed { sender, epoch, seq } => {
                    state.epoch(&sender, epoch).committed.insert(seq);
                }
            }
        }
        state
    }

    fn epoch(&mut self, sender: &NodeId, epoch: u64) -> &mut Epoch {
        self.uses += 1;
        let uses = self.uses;
        let entry = self
            .senders
            .entry(sender.clone())
            .or_default()
            .entry(epoch)
            .or_default();
        entry.used = uses;
        entry
    }

    /// Judges a durable packet; `Run` marks it as in process.
    pub fn decide(&mut self, sender: &NodeId, mark: OutboxMark) -> Verdict {
        let epoch = self.epoch(sender, mark.epoch);
        if mark.lowest > epoch.watermark {
            epoch.watermark = mark.lowest;
            epoch.committed = epoch.committed.split_off(&mark.lowest);
        }
        if mark.seq < epoch.watermark || epoch.committed.contains(&mark.seq) {
            return Verdict::Settled;
        }
        if epoch.committed.len() + epoch.in_process.len() >= 2 * OUTBOX_MAX {
            return Verdict::Full;
        }
        if epoch.in_process.insert(mark.seq) {
            Verdict::Run
        } else {
            Verdict::InProcess
        }
    }

    /// What the transaction of its effect must write. Call it when the transaction is handed to the
    /// committer; transactions are committed in that order.
    pub fn commit(&mut self, sender: &NodeId, mark: OutboxMark) -> InboxDelta {
        let epoch = self.epoch(sender, mark.epoch);
        let watermark = epoch.watermark;
        let raised = watermark > epoch.stored_watermark;
        epoch.stored_watermark = watermark;
        InboxDelta {
            sender: sender.clone(),
            epoch: mark.epoch,
            seq: (mark.seq >= watermark).then_some(mark.seq),
            watermark: raised.then_some(watermark),
            forget: self.forget_epochs(sender),
        }
    }

    fn forget_epochs(&mut self, sender: &NodeId) -> Vec<u64> {
        let Some(epochs) = self.senders.get_mut(sender) else {
            return Vec::new();
        };
        let mut by_use: Vec<(u64, u64)> = epochs
            .iter()
            .map(|(number, epoch)| (epoch.used, *number))
            .collect();
        by_use.sort_unstable();
        let n_gone = by_use.len().saturating_sub(EPOCHS_PER_SENDER_MAX);
        by_use.truncate(n_gone);
        for (_, number) in &by_use {
            epochs.remove(number);
        }
        by_use.into_iter().map(|(_, number)| number).collect()
    }

    /// The transaction is on disk.
    pub fn committed(&mut self, sender: &NodeId, mark: OutboxMark) {
        let epoch = self.epoch(sender, mark.epoch);
        epoch.in_process.remove(&mark.seq);
        if mark.seq >= epoch.watermark {
            epoch.committed.insert(mark.seq);
        }
    }

    /// It did not run, or failed: it may come again.
    pub fn released(&mut self, sender: &NodeId, mark: OutboxMark) {
        self.epoch(sender, mark.epoch).in_process.remove(&mark.seq);
    }

    /// How many numbers are remembered, over all senders.
    #[must_use]
    pub fn len(&self) -> usize {
        self.senders
            .values()
            .flat_map(BTreeMap::values)
            .map(|epoch| epoch.committed.len())
            .sum()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
