//! Ids of accepted packets that were put in a mailbox, so that none is twice.

use std::{
    collections::{BTreeMap, VecDeque, hash_map::Entry},
    time::Duration,
};

use foldhash::HashMap;
use skep_packet::{
    AgentName, BootId, Lane, NodeId, Now, PacketId,
    limits::{REPLAY_WINDOW_BITS, SKEW_MAX_MS},
};

/// Most ids that are remembered, over all senders; at the bound accepted packets are refused as
/// `mailbox_full` until old ids have expired, so their senders come again. About 100 bytes each.
pub const IDS_MAX: usize = 1_000_000;

type Key = (PacketId, AgentName);

/// The ids that one boot of a sender used on one lane.
///
/// An id may be forgotten when its packet has expired, or when the lane's newest number is a whole
/// replay window ahead of it: a sender never lets its numbers run that far ahead of the first
/// number of a packet that it may send again.
#[derive(Debug, Default)]
struct LaneIds {
    known: HashMap<Key, u64>,
    order: VecDeque<(u64, u64, Key)>,
    newest: u64,
}

impl LaneIds {
    fn prune(&mut self, now_ns: u64) -> usize {
        let before = self.order.len();
        let floor = self.newest.saturating_sub(REPLAY_WINDOW_BITS);
        while let Some((seq, until_ns, key)) = self.order.front() {
            if *seq >= floor && *until_ns >= now_ns {
                break;
            }
            // A packet that was refused and came again stands behind under a later number.
            if self.known.get(key) == Some(seq) {
                self.known.remove(key);
            }
            self.order.pop_front();
        }
        before - self.order.len()
    }
}

#[derive(Debug)]
struct BootIds {
    boot: BootId,
    lanes: [LaneIds; 3],
}

/// What an id is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// It was not here: put it in the mailbox.
    New,
    /// It is in the mailbox, or was run.
    Before,
    /// There is no room to remember it.
    Full,
}

/// Remembered ids, by sender.
#[derive(Debug, Default)]
pub(super) struct AcceptedIds {
    senders: BTreeMap<NodeId, Vec<BootIds>>,
    n: usize,
}

/// Where and when a packet came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival<'a> {
    pub(super) sender: &'a NodeId,
    pub(super) boot: BootId,
    pub(super) lane: Lane,
    pub(super) seq: u64,
}

impl AcceptedIds {
    /// How many ids are remembered.
    pub(super) const fn len(&self) -> usize {
        self.n
    }

    /// A boot of a sender is kept as long as one of its packets might still be valid: somebody may
    /// have a copy of it, however often the sender was started since.
    fn lane(&mut self, arrival: Arrival<'_>, now_ns: u64) -> &mut LaneIds {
        let boots = self.senders.entry(arrival.sender.clone()).or_default();
        let idx = match boots.iter().position(|ids| ids.boot == arrival.boot) {
            Some(idx) => idx,
            None => {
                for lane in boots.iter_mut().flat_map(|ids| &mut ids.lanes) {
                    self.n -= lane.prune(now_ns);
                }
                boots.retain(|ids| ids.lanes.iter().any(|lane| !lane.order.is_empty()));
                boots.push(BootIds {
                    boot: arrival.boot,
                    lanes: Default::default(),
                });
                boots.len() - 1
            }
        };
        &mut boots[idx].lanes[arrival.lane.index()]
    }

    /// Whether a packet for `agent` was here before. One that was not, and is valid for `ttl_ms` at
    /// most, is remembered from here on.
    ///
    /// How long is measured on the monotonic clock: a step of the wall clock forgets nothing.
    pub(super) fn take(
        &mut self,
        arrival: Arrival<'_>,
        id: PacketId,
        agent: &AgentName,
        ttl_ms: u64,
        now: Now,
    ) -> Seen {
        let is_full = self.n >= IDS_MAX;
        let ids = self.lane(arrival, now.mono_ns);
        ids.newest = ids.newest.max(arrival.seq);
        let n_pruned = ids.prune(now.mono_ns);
        let seen = match ids.known.entry((id, agent.clone())) {
            Entry::Occupied(_) => Seen::Before,
            Entry::Vacant(_) if is_full && n_pruned == 0 => Seen::Full,
            Entry::Vacant(place) => {
                // A retry is sealed with what is left of the same deadline; on its way it may age
                // by what the clocks differ.
                let kept = Duration::from_millis(ttl_ms.saturating_add(2 * SKEW_MAX_MS));
                let key = place.key().clone();
                place.insert(arrival.seq);
                ids.order
                    .push_back((arrival.seq, now.mono_after(kept), key));
                Seen::New
            }
        };
        self.n -= n_pruned;
        self.n += usize::from(seen == Seen::New);
        seen
    }

    /// The mailbox refused it: it may come again.
    pub(super) fn forget(&mut self, arrival: Arrival<'_>, id: PacketId, agent: &AgentName) {
        let ids = self.lane(arrival, 0);
        ids.known.remove(&(id, agent.clone()));
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_copy_from_before_several_starts_of_its_sender_is_known() {
        let (mut ids, sender) = (AcceptedIds::default(), NodeId::new("n0").unwrap());
        let agent = AgentName::new("a").unwrap();
        let mut take = |boot: u128, id: u128, mono_ns: u64| {
            let unix_ms = 1_700_000_000_000;
            let arrival = Arrival {
                sender: &sender,
                boot: BootId(Uuid::from_u128(boot)),
                lane: Lane::Command,
                seq: 7,
            };
            let id = PacketId(Uuid::from_u128(id));
            let seen = ids.take(arrival, id, &agent, 10_000, Now { mono_ns, unix_ms });
            (seen, ids.len())
        };
        for boot in 1..=5 {
            let n = usize::try_from(boot).unwrap();
            assert_eq!(take(boot, boot, 1), (Seen::New, n));
        }
        for boot in 1..=5 {
            assert_eq!(take(boot, boot, 2), (Seen::Before, 5));
        }
        // Once none of them can be valid any more they go.
        assert_eq!(take(6, 6, 71_000_000_000), (Seen::New, 1));
    }
}
