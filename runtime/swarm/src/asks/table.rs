//! The table of open asks and its one timer structure.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use skep_packet::{Address, AgentName, BootId, NodeId, Now, PacketId, Token};

use super::{
    closed::Closed,
    pending::{AskId, AskedEndpoint, Gather, Lost, OpenAsk, Pending},
};

/// Most open asks of a node; the next one is refused as [`AskRefused::TooMany`].
pub const ASKS_MAX: usize = 200_000;

/// Why an ask could not be opened. Nothing was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AskRefused {
    /// The same agent waits for the same token already: it is the same question.
    #[error("this question is open already")]
    Open(AskId),
    /// The node waits for as many answers as it may; try again when some have come.
    #[error("{ASKS_MAX} questions are open already")]
    TooMany,
    /// There is nobody to wait for.
    #[error("the question has no endpoint")]
    NoEndpoint,
}

/// What an answer is to the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyVerdict {
    /// It settles the ask: hand it to the asker, nothing more comes.
    Settles(AskId),
    /// It is one of several: hand it to the asker, more may come.
    Part(AskId),
    /// The ask has ended, or this endpoint has answered already: hand it to the agent's handler,
    /// flagged late.
    Late,
    /// It comes from an endpoint that this ask was not sent to: refuse it.
    NotAsked,
    /// No such ask is known, open or ended.
    Unknown,
}

/// What happened outside that open asks must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskInput {
    /// The asker dropped its end: nothing is reported any more, later answers are late.
    Cancel(AskId),
    /// The asking agent ended: all its asks are dropped.
    AskerGone(AgentName),
    /// A node was declared dead, or left.
    NodeDead(NodeId),
    /// A node runs under this boot now; what was asked of another one is lost.
    NodeBoot(NodeId, BootId),
    /// An agent runs in this incarnation of this boot now.
    AgentAt(AskedEndpoint),
    /// An agent stopped for good.
    AgentGone(Address),
    /// The packet of an ask is not on its way to this endpoint any more.
    NotDelivered {
        /// The packet that asks.
        packet: PacketId,
        /// The agent that waits.
        asker: AgentName,
        /// What its answers carry.
        token: Token,
        /// The endpoint that does not get it.
        endpoint: Address,
        /// Why.
        lost: Lost,
    },
    /// The packet of an ask goes to another endpoint instead; both may answer.
    Retargeted {
        /// The agent that waits.
        asker: AgentName,
        /// What its answers carry.
        token: Token,
        /// The endpoint that does not take it.
        from: Address,
        /// The one that is tried now.
        to: AskedEndpoint,
    },
}

/// What the driver tells the asker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskOutput {
    /// The deadline passed; the ask has ended.
    TimedOut(AskId),
    /// One endpoint will not answer; the ask is still open for the others.
    EndpointLost(AskId, Address, Lost),
    /// No endpoint is left that could answer; the ask has ended. Names the last one lost.
    Failed(AskId, Address, Lost),
}

type Key = (AgentName, Token);

/// Every open ask of a node.
///
/// Opening, answering, cancelling and firing cost O(log n) each; one ask takes about 400 bytes.
#[derive(Debug, Default)]
pub struct Asks {
    open: HashMap<AskId, Pending>,
    by_key: HashMap<Key, AskId>,
    /// The one timer structure.
    deadlines: BTreeSet<(u64, AskId)>,
    by_node: BTreeMap<NodeId, BTreeSet<AskId>>,
    by_asker: BTreeMap<AgentName, BTreeSet<AskId>>,
    closed: Closed,
    outputs: VecDeque<AskOutput>,
    next_id: u64,
}

impl Asks {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many asks are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Opens an ask; call it before its packet is sent.
    ///
    /// # Errors
    /// [`AskRefused`]; nothing was kept.
    pub fn open(&mut self, ask: OpenAsk) -> Result<AskId, AskRefused> {
        let key = (ask.asker.clone(), ask.token.clone());
        if let Some(id) = self.by_key.get(&key) {
            return Err(AskRefused::Open(*id));
        }
        if self.open.len() >= ASKS_MAX {
            return Err(AskRefused::TooMany);
        }
        if ask.endpoints.is_empty() {
            return Err(AskRefused::NoEndpoint);
        }
        self.next_id += 1;
        let id = AskId(self.next_id);
        self.deadlines.insert((ask.deadline_ns, id));
        self.by_asker
            .entry(ask.asker.clone())
            .or_default()
            .insert(id);
        for endpoint in &ask.endpoints {
            self.by_node
                .entry(endpoint.address.node.clone())
                .or_default()
                .insert(id);
        }
        self.by_key.insert(key, id);
        self.open.insert(id, Pending::new(ask));
        Ok(id)
    }

    /// Judges an answer to `asker` that carries `token` and comes from `from`.
    ///
    /// The first answer of each endpoint counts; its content is the asker's to judge.
    pub fn reply(&mut self, asker: &AgentName, token: &Token, from: &Address) -> ReplyVerdict {
        let key = (asker.clone(), token.clone());
        let Some(id) = self.by_key.get(&key).copied() else {
            return match self.closed.asked(&key) {
                Some(asked) if asked.contains(from) => ReplyVerdict::Late,
                Some(_) => ReplyVerdict::NotAsked,
                None => ReplyVerdict::Unknown,
            };
        };
        let Some(pending) = self.open.get_mut(&id) else {
            return ReplyVerdict::Unknown;
        };
        let gather = pending.gather;
        let Some(slot) = pending.slot(from) else {
            return ReplyVerdict::NotAsked;
        };
        // An endpoint that was given up (its packet went on to another) may still answer first.
        if !slot.waiting && gather == Gather::Each {
            return ReplyVerdict::Late;
        }
        slot.waiting = false;
        if gather == Gather::First || pending.n_waiting() == 0 {
            self.close(id);
            return ReplyVerdict::Settles(id);
        }
        ReplyVerdict::Part(id)
    }

    /// Takes in what happened outside.
    pub fn handle(&mut self, _now: Now, input: AskInput) {
        match input {
            AskInput::Cancel(id) => self.close(id),
            AskInput::AskerGone(asker) => {
                for id in self.by_asker.remove(&asker).unwrap_or_default() {
                    self.close(id);
                }
            }
            AskInput::NodeDead(node) => self.lose_where(&node, Lost::NodeDead, |_| true),
            AskInput::NodeBoot(node, boot) => {
                // A nil boot: the ask went to an address whose boot nobody had told.
                self.lose_where(&node, Lost::NodeRestarted, |asked| {
                    !asked.boot.0.is_nil() && asked.boot != boot
                });
            }
            AskInput::AgentAt(now_at) => {
                let node = now_at.address.node.clone();
                self.lose_where(&node, Lost::AgentRestarted, |asked| {
                    asked.address == now_at.address
                        && asked.agent_incarnation != 0
                        && (asked.boot, asked.agent_incarnation)
                            != (now_at.boot, now_at.agent_incarnation)
                });
            }
            AskInput::AgentGone(address) => {
                let node = address.node.clone();
                self.lose_where(&node, Lost::AgentRestarted, |asked| {
                    asked.address == address
                });
            }
            AskInput::NotDelivered {
                packet,
                asker,
                token,
                endpoint,
                lost,
            } => {
                if let Some(id) = self.by_key.get(&(asker, token)).copied()
                    && self
                        .open
                        .get(&id)
                        .is_some_and(|pending| pending.packet == packet)
                {
                    self.lose(id, &endpoint, lost);
                }
            }
            AskInput::Retargeted {
                asker,
                token,
                from,
                to,
            } => {
                self.retarget(&(asker, token), &from, to);
            }
        }
    }

    /// Ends every ask whose deadline has passed.
    pub fn on_timeout(&mut self, now: Now) {
        while let Some((deadline_ns, id)) = self.deadlines.first().copied()
            && deadline_ns <= now.mono_ns
        {
            self.close(id);
            self.outputs.push_back(AskOutput::TimedOut(id));
        }
    }

    /// What the driver must tell the askers.
    pub fn poll_output(&mut self) -> Option<AskOutput> {
        self.outputs.pop_front()
    }

    /// When [`on_timeout`](Self::on_timeout) is due, on the monotonic clock.
    #[must_use]
    pub fn next_wake(&self) -> Option<u64> {
        self.deadlines.first().map(|(deadline_ns, _)| *deadline_ns)
    }

    fn retarget(&mut self, key: &Key, from: &Address, to: AskedEndpoint) {
        let Some(id) = self.by_key.get(key).copied() else {
            return;
        };
        let Some(pending) = self.open.get_mut(&id) else {
            return;
        };
        if let Some(slot) = pending.slot(from) {
            slot.waiting = false;
        }
        self.by_node
            .entry(to.address.node.clone())
            .or_default()
            .insert(id);
        match pending.slot(&to.address) {
            Some(slot) => {
                slot.endpoint = to;
                slot.waiting = true;
            }
            None => pending.slots.push(super::pending::Slot {
                endpoint: to,
                waiting: true,
            }),
        }
    }

    fn lose_where(&mut self, node: &NodeId, lost: Lost, is_lost: impl Fn(&AskedEndpoint) -> bool) {
        let ids: Vec<AskId> = self
            .by_node
            .get(node)
            .into_iter()
            .flatten()
            .copied()
            .collect();
        for id in ids {
            let Some(pending) = self.open.get(&id) else {
                continue;
            };
            let addresses: Vec<Address> = pending
                .slots
                .iter()
                .filter(|slot| slot.waiting && slot.endpoint.address.node == *node)
                .filter(|slot| is_lost(&slot.endpoint))
                .map(|slot| slot.endpoint.address.clone())
                .collect();
            for address in addresses {
                self.lose(id, &address, lost);
            }
        }
    }

    fn lose(&mut self, id: AskId, address: &Address, lost: Lost) {
        let Some(pending) = self.open.get_mut(&id) else {
            return;
        };
        match pending.slot(address) {
            Some(slot) if slot.waiting => slot.waiting = false,
            _ => return,
        }
        if pending.n_waiting() == 0 {
            self.close(id);
            self.outputs
                .push_back(AskOutput::Failed(id, address.clone(), lost));
        } else {
            self.outputs
                .push_back(AskOutput::EndpointLost(id, address.clone(), lost));
        }
    }

    /// Takes an ask out of every table, and remembers that it was.
    fn close(&mut self, id: AskId) {
        let Some(pending) = self.open.remove(&id) else {
            return;
        };
        self.deadlines.remove(&(pending.deadline_ns, id));
        for node in pending.nodes() {
            forget(&mut self.by_node, node, id);
        }
        forget(&mut self.by_asker, &pending.asker, id);
        let addresses = pending.addresses();
        let key = (pending.asker, pending.token);
        self.by_key.remove(&key);
        self.closed.remember(key, addresses);
    }
}

fn forget<K: Ord>(sets: &mut BTreeMap<K, BTreeSet<AskId>>, key: &K, id: AskId) {
    if let Some(set) = sets.get_mut(key) {
        set.remove(&id);
        if set.is_empty() {
            sets.remove(key);
        }
    }
}
