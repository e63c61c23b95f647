//! How to reach a node: over a connection of one's own, or through one that is connected to it.
//!
//! A node that only dials out names its hub, one of the listening nodes it is connected to. Others
//! reach it there: their hub passes sealed frames on, once. So of two nodes one must listen, or they
//! must share a node to which both are connected; there is no way over two relays.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use skep_packet::{BootId, NodeId};

/// Most nodes that are remembered to have spoken through another one; at the bound a new one is
/// answered only once it is known otherwise.
pub const HEARD_MAX: usize = 4096;

/// How a node is reached now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Over the connection to it.
    Direct,
    /// Through the node that has a connection to it; what is said there must be sealed.
    Through(NodeId),
}

/// What the ways depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A connection is up.
    LinkUp {
        /// With whom.
        node: NodeId,
        /// Its current start.
        boot: BootId,
        /// Whether it accepts connections, so that it can be a hub.
        listens: bool,
    },
    /// The connection is gone.
    LinkDown {
        /// With whom.
        node: NodeId,
    },
    /// What a live node's descriptor says.
    Told {
        /// Whose.
        node: NodeId,
        /// Its current start.
        boot: BootId,
        /// Whether it accepts connections.
        listens: bool,
        /// Through whom it is reached, where it does not.
        hub: Option<NodeId>,
    },
    /// The node is held dead, has left, or was revoked.
    Gone {
        /// Who.
        node: NodeId,
    },
    /// A batch of a node came over the connection to another one, and its seal was good.
    Heard {
        /// Who sealed it.
        node: NodeId,
        /// The start of it that did.
        boot: BootId,
        /// Who passed it on.
        through: NodeId,
    },
}

/// What the driver does about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// The node can be reached, or can be in another way or under another boot.
    Up {
        /// Who.
        node: NodeId,
        /// Its current start.
        boot: BootId,
        /// How.
        way: Way,
    },
    /// There is no way to the node any more.
    Down {
        /// Who.
        node: NodeId,
    },
    /// This node is reached through another one from now on, or through nobody.
    Hub(Option<NodeId>),
}

#[derive(Debug, Clone)]
struct Link {
    boot: BootId,
    listens: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    boot: BootId,
    listens: bool,
    hub: Option<NodeId>,
}

/// The ways to all nodes that can be reached.
#[derive(Debug)]
pub struct Ways {
    own: NodeId,
    /// Whether this node accepts no connection.
    dials_only: bool,
    /// Through whom others reach this one.
    hub: Option<NodeId>,
    links: BTreeMap<NodeId, Link>,
    told: BTreeMap<NodeId, Told>,
    heard: BTreeMap<NodeId, (BootId, NodeId)>,
    ways: BTreeMap<NodeId, (Way, BootId)>,
    outputs: VecDeque<Output>,
}

impl Ways {
    /// No way to anybody yet.
    #[must_use]
    pub fn new(own: NodeId, dials_only: bool) -> Self {
        Self {
            own,
            dials_only,
            hub: None,
            links: BTreeMap::new(),
            told: BTreeMap::new(),
            heard: BTreeMap::new(),
            ways: BTreeMap::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, input: Input) {
        match input {
            Input::LinkUp {
                node,
                boot,
                listens,
            } => self.link_up(node, Link { boot, listens }),
            Input::LinkDown { node } => self.link_down(&node),
            Input::Told {
                node,
                boot,
                listens,
                hub,
            } => self.told(node, Told { boot, listens, hub }),
            Input::Gone { node } => {
                self.told.remove(&node);
                self.heard.remove(&node);
                self.review(&node);
            }
            Input::Heard {
                node,
                boot,
                through,
            } => self.heard(node, boot, through),
        }
    }

    /// The next thing for the driver to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// How a node is reached; `None` where it is not.
    #[must_use]
    pub fn way(&self, node: &NodeId) -> Option<&Way> {
        self.ways.get(node).map(|(way, _)| way)
    }

    /// Through whom others reach this node.
    #[must_use]
    pub const fn hub(&self) -> Option<&NodeId> {
        self.hub.as_ref()
    }

    /// Whom to connect to for a way to `node`: itself, or its hub.
    #[must_use]
    pub fn to_dial<'a>(&'a self, node: &'a NodeId) -> &'a NodeId {
        match self.told.get(node) {
            Some(told) if !told.listens => told.hub.as_ref().unwrap_or(node),
            _ => node,
        }
    }

    fn link_up(&mut self, node: NodeId, link: Link) {
        if node == self.own {
            return;
        }
        let up = Output::Up {
            node: node.clone(),
            boot: link.boot,
            way: Way::Direct,
        };
        self.ways.insert(node.clone(), (Way::Direct, link.boot));
        self.links.insert(node.clone(), link);
        // Also where it was direct before: what was on its way may be lost with the former one.
        self.outputs.push_back(up);
        self.choose_hub();
        self.review_through(&node);
    }

    fn link_down(&mut self, node: &NodeId) {
        if self.links.remove(node).is_none() {
            return;
        }
        self.heard.retain(|_, (_, through)| through != node);
        self.choose_hub();
        self.review(node);
        self.review_through(node);
    }

    fn told(&mut self, node: NodeId, told: Told) {
        if node == self.own {
            return;
        }
        if let Some(link) = self.links.get_mut(&node) {
            link.listens = told.listens;
        }
        self.told.insert(node.clone(), told);
        self.choose_hub();
        self.review(&node);
    }

    fn heard(&mut self, node: NodeId, boot: BootId, through: NodeId) {
        let is_news = self.heard.get(&node) != Some(&(boot, through.clone()));
        let has_room = self.heard.len() < HEARD_MAX || self.heard.contains_key(&node);
        if node == self.own || node == through || !is_news || !has_room {
            return;
        }
        self.heard.insert(node.clone(), (boot, through));
        self.review(&node);
    }

    /// A hub is kept as long as it is connected; then the first listening one takes its place.
    fn choose_hub(&mut self) {
        let listens = |node: &NodeId| self.links.get(node).is_some_and(|link| link.listens);
        if !self.dials_only || self.hub.as_ref().is_some_and(listens) {
            return;
        }
        let next = self.links.keys().find(|node| listens(node)).cloned();
        if next == self.hub {
            return;
        }
        self.hub.clone_from(&next);
        self.outputs.push_back(Output::Hub(next));
        let all: BTreeSet<NodeId> = self.told.keys().chain(self.ways.keys()).cloned().collect();
        for node in all {
            self.review(&node);
        }
    }

    /// A connection came or went: whoever is reached through it is looked at again.
    fn review_through(&mut self, relay: &NodeId) {
        let via = |(_, told): &(&NodeId, &Told)| told.hub.as_ref() == Some(relay);
        let named = self.told.iter().filter(via).map(|(node, _)| node);
        let through = Way::Through(relay.clone());
        let used = self.ways.iter().filter(|(_, (way, _))| *way == through);
        let nodes: BTreeSet<NodeId> = named.chain(used.map(|(node, _)| node)).cloned().collect();
        for node in nodes {
            self.review(&node);
        }
    }

    /// Tells the driver where the way to a node is another one.
    fn review(&mut self, node: &NodeId) {
        let found = self.find(node);
        if self.ways.get(node) == found.as_ref() {
            return;
        }
        let node = node.clone();
        match found {
            Some((way, boot)) => {
                self.ways.insert(node.clone(), (way.clone(), boot));
                self.outputs.push_back(Output::Up { node, boot, way });
            }
            None => {
                self.ways.remove(&node);
                self.outputs.push_back(Output::Down { node });
            }
        }
    }

    fn find(&self, node: &NodeId) -> Option<(Way, BootId)> {
        if let Some(link) = self.links.get(node) {
            return Some((Way::Direct, link.boot));
        }
        let told = self.told.get(node);
        let announced = told.and_then(|told| {
            let relay = match told.listens {
                true => self.hub.as_ref(),
                false => told.hub.as_ref(),
            };
            let relay = relay.filter(|relay| self.links.contains_key(*relay))?;
            Some((Way::Through(relay.clone()), told.boot))
        });
        announced.or_else(|| {
            let (boot, through) = self.heard.get(node)?;
            let boot = told.map_or(*boot, |told| told.boot);
            Some((Way::Through(through.clone()), boot))
        })
    }
}

#[cfg(test)]
mod tests;
