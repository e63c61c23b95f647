//! Which endpoint a packet goes to, at first and when that one is gone.

use std::{collections::BTreeSet, sync::Arc};

use skep_packet::{Address, BootId, Class, Destination, HandlerName, NodeId, Now, Scope};
use uuid::Uuid;

use super::{
    super::{
        draft::{Outgoing, Spread, Target},
        io::{FailReason, Output, SendRefused},
        lane::{Job, LaneOut},
        outbox::{OutboxRow, Route, RowState},
    },
    Delivery,
    peers::nanos,
    rows::UNKNOWN_GRACE,
};
use crate::roles::{Choice, RoleIndex};

impl Delivery {
    pub(super) fn resolve(&self, outgoing: &Outgoing) -> Result<Vec<Target>, SendRefused> {
        let pattern = match &outgoing.to {
            Destination::Role(pattern) => pattern,
            Destination::Agent(address, handler) => {
                return Ok(vec![self.target_at(address, handler)]);
            }
        };
        let choice = match &outgoing.spread {
            Spread::One { sticky } => Choice::One { sticky },
            Spread::All => Choice::All,
        };
        let endpoints = self.index.choose(pattern, outgoing.scope, choice)?;
        Ok(endpoints
            .iter()
            .map(|endpoint| Target::of(endpoint))
            .collect())
    }

    /// An agent by its address; nothing is asked of the index but its boot.
    pub(super) fn target_at(&self, address: &Address, handler: &HandlerName) -> Target {
        let entry = self.index.node(&address.node);
        let endpoint = entry.and_then(|entry| {
            entry
                .endpoints
                .iter()
                .find(|endpoint| endpoint.address == *address)
        });
        Target {
            address: address.clone(),
            handler: handler.clone(),
            role: None,
            boot: entry.map_or(BootId(Uuid::nil()), |entry| entry.boot),
            agent_incarnation: endpoint.map_or(0, |endpoint| endpoint.agent_incarnation),
        }
    }

    /// Whether a node was declared dead and no connection says otherwise.
    pub(super) fn is_dead(&self, node: &NodeId) -> bool {
        self.index.node(node).is_some_and(|entry| !entry.alive)
            && !self.peers.get(node).is_some_and(|peer| peer.connected)
    }

    // === packets ===

    /// Goes on to another endpoint of the role, if there is one that was not tried.
    pub(super) fn move_on(&mut self, now: Now, id: u64) -> bool {
        let Some(flight) = self.flights.get(&id) else {
            return false;
        };
        let Route::Role {
            pattern,
            scope,
            sticky,
        } = &flight.route
        else {
            return false;
        };
        if !flight.movable || flight.draft.class == Class::BestEffort {
            return false;
        }
        let ranked = self.index.ranked(pattern, *scope, sticky);
        let is_new = |address: &Address| {
            *address != flight.target.address && !flight.tried.contains(address)
        };
        let Some(to) = ranked.iter().find(|endpoint| is_new(&endpoint.address)) else {
            return false;
        };
        self.retarget(now, id, Target::of(to))
    }

    /// Goes to the endpoint that serves an exclusive role in place of the packet's own, if another
    /// one does. Also where each endpoint is meant: of these there is one at a time.
    pub(super) fn hand_on(&mut self, now: Now, id: u64) -> bool {
        let Some(flight) = self.flights.get(&id) else {
            return false;
        };
        if flight.draft.class == Class::BestEffort {
            return false;
        }
        match self.stand_in(&flight.route, &flight.target) {
            Some(to) => self.retarget(now, id, to),
            None => false,
        }
    }

    /// Who serves the exclusive role that `target` was chosen for, if that is another one now.
    pub(super) fn stand_in(&self, route: &Route, target: &Target) -> Option<Target> {
        let (Some(role), Route::Role { scope, .. }) = (&target.role, route) else {
            return None;
        };
        let first = self.index.in_place_of(&target.address, role)?;
        let in_scope = *scope == Scope::Swarm || first.address.node == self.config.node;
        in_scope.then(|| Target::of(first))
    }

    fn retarget(&mut self, now: Now, id: u64, to: Target) -> bool {
        // Under a new number, so that what the former endpoint still says is not taken for this one.
        let Some(mut flight) = self.finish(id) else {
            return false;
        };
        let from = std::mem::replace(&mut flight.target, to.clone()).address;
        flight.tried.push(from.clone());
        flight.copies = 0;
        let output = Output::Retargeted {
            id: flight.draft.id,
            agent: flight.draft.from.agent.clone(),
            token: flight.draft.token.clone(),
            from,
            to,
        };
        self.outputs.push_back(output);
        self.next_flight += 1;
        self.flights.insert(self.next_flight, flight);
        self.launch(now, self.next_flight);
        true
    }

    /// No connection came in time: packets that may go elsewhere do, best-effort ones are dropped.
    pub(super) fn leave_unreachable(&mut self, now: Now, node: &NodeId) {
        for id in self.flights_at(node) {
            let is_best_effort = self
                .flights
                .get(&id)
                .is_some_and(|flight| flight.draft.class == Class::BestEffort);
            if is_best_effort {
                self.finish(id);
            } else {
                self.move_on(now, id);
            }
        }
    }

    /// The node was declared dead: packets go elsewhere, or fail by name.
    pub(super) fn leave_dead(&mut self, now: Now, node: &NodeId) {
        for id in self.flights_at(node) {
            if !self.move_on(now, id) {
                self.fail(id, FailReason::NodeDead);
            }
        }
    }

    fn flights_at(&self, node: &NodeId) -> Vec<u64> {
        let Some(peer) = self.peers.get(node) else {
            return Vec::new();
        };
        let jobs = peer.lanes.iter().flat_map(LaneOut::jobs);
        let flights = jobs.filter_map(|job| match job {
            Job::Flight(id) => Some(id),
            Job::Row(..) => None,
        });
        let is_here = |id: &u64| {
            self.flights
                .get(id)
                .is_some_and(|flight| flight.target.address.node == *node)
        };
        let mut here: Vec<u64> = flights.filter(is_here).collect();
        here.sort_unstable();
        here.dedup();
        here
    }

    // === rows ===

    /// The endpoint of a row now: not `last`, where there is another.
    pub(super) fn endpoint_for(&self, row: &OutboxRow, last: Option<&Address>) -> Option<Target> {
        match &row.route {
            Route::Agent { address, handler } => Some(self.target_at(address, handler)),
            Route::Role {
                pattern,
                scope,
                sticky,
            } => {
                let ranked = self.index.ranked(pattern, *scope, sticky);
                let other = ranked
                    .iter()
                    .find(|endpoint| Some(&endpoint.address) != last);
                other
                    .or(ranked.first())
                    .map(|endpoint| Target::of(endpoint))
            }
        }
    }

    /// Whether a row's endpoint may still take it.
    fn is_fit(&self, now: Now, row: &OutboxRow, target: &Target) -> bool {
        let (Some(role), Route::Role { .. }) = (&target.role, &row.route) else {
            return true;
        };
        match self.index.node(&target.address.node) {
            Some(entry) => {
                entry.alive
                    && entry.endpoints.iter().any(|endpoint| {
                        endpoint.serving
                            && endpoint.role == *role
                            && endpoint.address == target.address
                    })
            }
            None => {
                let uptime_ns = now.mono_ns.saturating_sub(self.started_ns);
                uptime_ns < nanos(UNKNOWN_GRACE)
            }
        }
    }

    /// Gives a row an endpoint if it has none, and another one if its own is gone and there is one.
    ///
    /// A row whose endpoint is gone stays assigned while there is no other: if the node comes back
    /// it is the same receiver and number, and the effect is still once.
    pub(super) fn check_row(&mut self, now: Now, row: u64) {
        let Some(entry) = self.outbox.rows.get(&row) else {
            return;
        };
        if matches!(
            entry.state,
            RowState::Admitted | RowState::Writing | RowState::Burying
        ) {
            return;
        }
        let last = entry.row.assigned.as_ref().map(|assigned| &assigned.target);
        if last.is_some_and(|target| self.is_fit(now, &entry.row, target)) {
            return;
        }
        let last_address = last.map(|target| target.address.clone());
        let Some(target) = self.endpoint_for(&entry.row, last_address.as_ref()) else {
            return;
        };
        if Some(&target.address) != last_address.as_ref() {
            if let Some(entry) = self.outbox.rows.get_mut(&row) {
                entry.tries = 0;
            }
            self.assign(now, row, target);
        }
    }

    pub(super) fn check_all_rows(&mut self, now: Now) {
        let rows: Vec<u64> = self.outbox.rows.keys().copied().collect();
        for row in rows {
            self.check_row(now, row);
        }
    }

    pub(super) fn roles_changed(&mut self, now: Now, index: Arc<RoleIndex>) {
        let before = std::mem::replace(&mut self.index, index);
        let nodes: Vec<NodeId> = self
            .peers
            .keys()
            .chain(self.outbox.receivers.keys())
            .cloned()
            .collect();
        let mut seen = BTreeSet::new();
        for node in nodes {
            if !seen.insert(node.clone()) {
                continue;
            }
            let (was, is) = (before.node(&node).cloned(), self.index.node(&node).cloned());
            let is_dead = is.as_ref().is_some_and(|entry| !entry.alive);
            if was != is && is_dead {
                self.leave_dead(now, &node);
            }
            // Rows of a dead receiver are looked at with every change: it may bring an endpoint.
            if was != is || is_dead {
                for row in self.outbox.rows_at(&node) {
                    self.check_row(now, row);
                }
            }
        }
        let waiting: Vec<u64> = self.outbox.waiting.values().flatten().copied().collect();
        for row in waiting {
            self.check_row(now, row);
        }
    }
}
