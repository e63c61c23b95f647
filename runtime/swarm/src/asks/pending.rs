//! One open ask.

use skep_packet::{Address, AgentName, BootId, NodeId, PacketId, Refusal, Token};

/// Names an open ask within its node; never used twice in a boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AskId(pub u64);

/// How many answers an ask waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gather {
    /// The first answer settles it.
    First,
    /// It is open until each endpoint has answered or is lost.
    Each,
}

/// An endpoint that an ask was sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedEndpoint {
    /// Where it is.
    pub address: Address,
    /// The boot of its node at that time.
    pub boot: BootId,
    /// The agent's start at that time.
    pub agent_incarnation: u32,
}

/// A question that is about to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAsk {
    /// The agent that waits.
    pub asker: AgentName,
    /// What its answers carry.
    pub token: Token,
    /// The packet that asks, so that a refusal of it can be told.
    pub packet: PacketId,
    /// When it times out, on the monotonic clock.
    pub deadline_ns: u64,
    /// Whom it is sent to.
    pub endpoints: Vec<AskedEndpoint>,
    /// How many answers it waits for.
    pub gather: Gather,
}

/// Why an endpoint will not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lost {
    /// Its node was declared dead, or left.
    NodeDead,
    /// Its node was started anew.
    NodeRestarted,
    /// Its agent was started anew, or stopped.
    AgentRestarted,
    /// It refused the packet.
    Refused(Refusal),
    /// The packet did not reach it in time.
    Unreachable,
}

/// Where one endpoint of an ask stands.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) endpoint: AskedEndpoint,
    pub(super) waiting: bool,
}

#[derive(Debug)]
pub(super) struct Pending {
    pub(super) asker: AgentName,
    pub(super) token: Token,
    pub(super) packet: PacketId,
    pub(super) deadline_ns: u64,
    pub(super) gather: Gather,
    pub(super) slots: Vec<Slot>,
}

impl Pending {
    pub(super) fn new(ask: OpenAsk) -> Self {
        Self {
            asker: ask.asker,
            token: ask.token,
            packet: ask.packet,
            deadline_ns: ask.deadline_ns,
            gather: ask.gather,
            slots: ask
                .endpoints
                .into_iter()
                .map(|endpoint| Slot {
                    endpoint,
                    waiting: true,
                })
                .collect(),
        }
    }

    pub(super) fn slot(&mut self, address: &Address) -> Option<&mut Slot> {
        self.slots
            .iter_mut()
            .find(|slot| slot.endpoint.address == *address)
    }

    pub(super) fn n_waiting(&self) -> usize {
        self.slots.iter().filter(|slot| slot.waiting).count()
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = &NodeId> {
        self.slots.iter().map(|slot| &slot.endpoint.address.node)
    }

    pub(super) fn addresses(&self) -> Box<[Address]> {
        self.slots
            .iter()
            .map(|slot| slot.endpoint.address.clone())
            .collect()
    }
}
