//! One member, and the order of facts about it.

use skep_packet::{BootId, MemberState, NodeId, NodeVersion, Rumor};

/// What this node believes of a member's life.
///
/// Facts about one node are totally ordered by (incarnation, rank of the state), and the greater
/// one is kept. So merging is commutative, associative and idempotent, and two nodes that heard
/// the same rumors in any order believe the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Belief {
    pub(super) incarnation: u64,
    pub(super) state: MemberState,
}

impl Belief {
    pub(super) const fn key(self) -> (u64, u8) {
        (self.incarnation, rank(self.state))
    }

    pub(super) const fn beats(self, other: Self) -> bool {
        let (a, b) = (self.key(), other.key());
        a.0 > b.0 || (a.0 == b.0 && a.1 > b.1)
    }
}

const fn rank(state: MemberState) -> u8 {
    match state {
        MemberState::Alive => 0,
        MemberState::Suspect => 1,
        MemberState::Dead => 2,
        MemberState::Left => 3,
    }
}

/// Whether packets may be sent to a member in this state.
pub(super) const fn is_live(state: MemberState) -> bool {
    matches!(state, MemberState::Alive | MemberState::Suspect)
}

/// A member as this node sees it.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) belief: Belief,
    /// The newest descriptor version that anyone told of.
    pub(super) version: u64,
    /// The descriptor version that this node holds.
    pub(super) held: u64,
    /// Through whom it is reached, where it only dials out.
    pub(super) hub: Option<NodeId>,
    /// Set while a connection is up: the member's boot.
    pub(super) connected: Option<BootId>,
    /// The last boot it was connected under.
    pub(super) last_boot: Option<BootId>,
    /// When the state last changed, on the monotonic clock.
    pub(super) since_ns: u64,
}

impl Member {
    pub(super) fn new(belief: Belief, since_ns: u64) -> Self {
        Self {
            belief,
            version: 0,
            held: 0,
            hub: None,
            connected: None,
            last_boot: None,
            since_ns,
        }
    }

    pub(super) fn is_live(&self) -> bool {
        is_live(self.belief.state)
    }

    /// Whether `own` can find out itself how the member is; otherwise its hub says.
    pub(super) fn is_judged_by(&self, own: &NodeId) -> bool {
        self.connected.is_some() || self.hub.as_ref().is_none_or(|hub| hub == own)
    }

    pub(super) fn rumor(&self, node: &NodeId) -> Rumor {
        Rumor {
            node: node.clone(),
            incarnation: self.belief.incarnation,
            state: self.belief.state,
            version: self.held,
        }
    }

    pub(super) fn node_version(&self, node: &NodeId) -> NodeVersion {
        NodeVersion {
            node: node.clone(),
            version: self.held,
            incarnation: self.belief.incarnation,
            state: self.belief.state,
        }
    }
}

/// What others may see of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberView {
    /// Who.
    pub node: NodeId,
    /// Its liveness.
    pub state: MemberState,
    /// Orders the facts about it; only the node itself raises it.
    pub incarnation: u64,
    /// The descriptor version that this node holds; 0 for none.
    pub held: u64,
    /// Whether a connection to it is up.
    pub connected: bool,
    /// When the state last changed, on the monotonic clock.
    pub since_ns: u64,
}
