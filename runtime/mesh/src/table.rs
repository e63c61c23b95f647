//! Which links stand, and which are wanted.
//!
//! One connection per pair of nodes. When both dial at once, both sides keep the connection that
//! the node with the smaller id dialled; a peer that was restarted (another boot), or that dialled
//! again, has lost the old one, so the new one is kept.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use quinn::Connection;
use skep_packet::{BootId, NodeId};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{DownReason, budget::Budget, lane::LaneSender};

/// One connection, from the side that sends.
pub(crate) struct Link {
    pub(crate) connection: Connection,
    pub(crate) boot: BootId,
    pub(crate) dialled_here: bool,
    pub(crate) lanes: [LaneSender; 3],
    pub(crate) budget: Arc<Budget>,
    /// Set by whoever closes it here, so that `Down` can say why.
    pub(crate) reason: Arc<OnceLock<DownReason>>,
}

/// A node that is dialled whenever there is no link to it.
pub(crate) struct Wanted {
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) cancel: CancellationToken,
    /// Told when a link to the node comes or goes.
    pub(crate) changed: Arc<Notify>,
}

/// Links and wishes.
pub(crate) struct Table {
    me: NodeId,
    links: HashMap<NodeId, Link>,
    pub(crate) wanted: HashMap<NodeId, Wanted>,
}

/// What became of a new link.
pub(crate) enum Verdict {
    /// It stands; the one it replaced is handed back.
    Kept(Option<Link>),
    /// The old one stands.
    Refused,
}

impl Table {
    pub(crate) fn new(me: NodeId) -> Self {
        Self {
            me,
            links: HashMap::new(),
            wanted: HashMap::new(),
        }
    }

    pub(crate) fn link(&self, peer: &NodeId) -> Option<&Link> {
        self.links.get(peer)
    }

    pub(crate) fn peers(&self) -> impl Iterator<Item = &NodeId> {
        self.links.keys()
    }

    /// Puts a new link in, unless the one that stands is to be kept.
    pub(crate) fn offer(&mut self, peer: &NodeId, new: Link) -> Verdict {
        if let Some(old) = self.links.get(peer) {
            let old_is_gone = old.connection.close_reason().is_some();
            if !old_is_gone && !new_wins(&self.me, peer, claim(old), claim(&new)) {
                return Verdict::Refused;
            }
        }
        let old = self.links.insert(peer.clone(), new);
        self.tell_dialler(peer);
        Verdict::Kept(old)
    }

    /// Takes a link out, if it is still this connection.
    pub(crate) fn remove(&mut self, peer: &NodeId, connection: &Connection) -> Option<Link> {
        let link = self.links.get(peer)?;
        if link.connection.stable_id() != connection.stable_id() {
            return None;
        }
        let link = self.links.remove(peer);
        self.tell_dialler(peer);
        link
    }

    /// Takes all out, for the end.
    pub(crate) fn drain(&mut self) -> Vec<Link> {
        self.links.drain().map(|(_, link)| link).collect()
    }

    fn tell_dialler(&self, peer: &NodeId) {
        if let Some(wanted) = self.wanted.get(peer) {
            wanted.changed.notify_one();
        }
    }
}

/// What decides between two connections with the same peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Claim {
    boot: BootId,
    dialled_here: bool,
}

fn claim(link: &Link) -> Claim {
    Claim {
        boot: link.boot,
        dialled_here: link.dialled_here,
    }
}

fn new_wins(me: &NodeId, peer: &NodeId, old: Claim, new: Claim) -> bool {
    let same_peer_and_direction = old.boot == new.boot && old.dialled_here != new.dialled_here;
    let dialled_by_smaller = new.dialled_here == (me < peer);
    !same_peer_and_direction || dialled_by_smaller
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn check(me: &str, old: (u128, bool), new: (u128, bool), expected: bool) {
        let [a, b] = ["a", "b"].map(|name| NodeId::new(name).unwrap());
        let claim = |(boot, dialled_here)| Claim {
            boot: BootId(Uuid::from_u128(boot)),
            dialled_here,
        };
        let (me, peer) = if me == "a" { (a, b) } else { (b, a) };
        let wins = new_wins(&me, &peer, claim(old), claim(new));
        assert_eq!(wins, expected, "{me} {old:?} {new:?}");
    }

    #[test]
    fn both_sides_keep_what_the_smaller_id_dialled() {
        check("a", (1, false), (1, true), true);
        check("a", (1, true), (1, false), false);
        check("b", (1, true), (1, false), true);
        check("b", (1, false), (1, true), false);
    }

    #[test]
    fn who_was_restarted_or_dials_again_has_lost_the_old_one() {
        for me in ["a", "b"] {
            check(me, (1, false), (2, false), true);
            check(me, (1, true), (2, false), true);
            check(me, (1, false), (2, true), true);
            check(me, (1, false), (1, false), true);
            check(me, (1, true), (1, true), true);
        }
    }
}
